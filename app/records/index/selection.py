"""Runs are chosen, put in order and grouped, by whole columns at a time."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.records.index.values import FALSE, FLOAT, INT, MISSING, NULL, TEXT, TRUE, Floats, Ids, Mask, ValueColumn
from app.records.query.fields import Condition, Field, Operand, Resolved
from app.records.query.pattern import PatternTooSlowError
from app.records.query.syntax import QueryError
from app.records.query.values import reading
from app.records.sources.base import Param

_ORDERINGS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

#: The order of what a column holds.
_NUMBERS, _TEXTS, _NANS, _MISSING = range(4)


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that have one value in common.

    Attributes:
        value: the value, None for runs without one.
        ids: the runs, in the order that they were given in.
        count: how many of them have a number to be counted in; with none asked for, how many there are.
        min, max, mean, deviation: of these numbers; the deviation is that of a sample, NaN where there are too few.
    """

    value: Param
    ids: Ids
    count: int
    min: float = math.nan
    max: float = math.nan
    mean: float = math.nan
    deviation: float = math.nan


def select(query: Resolved, column: Callable[[Field], ValueColumn], size: int) -> Mask:
    """Return which runs meet a query.

    Args:
        query: the query.
        column: gives the column of a field, of ``size`` runs.
        size: how many places there are.

    Raises:
        QueryError: a pattern costs too much.
    """
    if isinstance(query, Condition):
        return np.zeros(size, bool) if query.field is None else _meet(query, query.field, column(query.field))
    masks = (select(part, column, size) for part in query.parts)
    mask = next(masks)
    if query.join == "not":
        return ~mask
    for other in masks:
        mask = mask & other if query.join == "and" else mask | other
    return mask


def order(column: ValueColumn, *, descending: bool) -> Ids:
    """Return the places of a column in the order of its values; NaN and what is missing come last in any case.

    Numbers come before texts. Large and small letters stand together; equal values stay in the order that they have.
    """
    kinds, keys = _sort_keys(column)
    if descending:
        keys = -keys
        kinds = np.where(kinds <= _TEXTS, _TEXTS - kinds, kinds)
    places = np.argsort(keys, kind="stable")
    return places[np.argsort(kinds[places], kind="stable")]


def groups(ids: Ids, by: ValueColumn, of: Floats | None) -> list[Group]:
    """Return runs by their value, the groups in the order of the values.

    Args:
        ids: the runs.
        by: the value of each.
        of: the number of each that is counted in, NaN for none; None counts the runs themselves.
    """
    places = order(by, descending=False)
    if not len(places):
        return []
    kinds, keys = (each[places] for each in _sort_keys(by))
    changes = (kinds[1:] != kinds[:-1]) | (keys[1:] != keys[:-1])
    begins = np.concatenate(([0], np.flatnonzero(changes) + 1))
    ends = [*begins[1:].tolist(), len(places)]
    values = [by[place] for place in places[begins].tolist()]
    parts = [ids[places[begin:end]] for begin, end in zip(begins.tolist(), ends, strict=True)]
    if of is None:
        return [Group(value, part, len(part)) for value, part in zip(values, parts, strict=True)]
    figures = _figures(of[places], begins)
    return [
        Group(value, part, int(count), *some)
        for value, part, (count, *some) in zip(values, parts, figures, strict=True)
    ]


def _figures(numbers: Floats, begins: Ids) -> list[list[float]]:
    """Return count, lowest, highest, mean and deviation of the numbers from each beginning to the next."""
    counted = ~np.isnan(numbers)
    counts = np.add.reduceat(counted, begins, dtype=np.int64)
    known = np.where(counted, numbers, 0.0)
    sizes = np.diff(begins, append=len(numbers))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # none has no mean, and infinities have none
        mean = np.add.reduceat(known, begins) / counts
        squares = np.where(counted, (known - np.repeat(mean, sizes)) ** 2, 0.0)
        deviation = np.where(counts > 1, np.sqrt(np.add.reduceat(squares, begins) / (counts - 1)), np.nan)
        low = np.fmin.reduceat(numbers, begins)
        high = np.fmax.reduceat(numbers, begins)
    rows: list[list[float]] = np.stack((counts, low, high, mean, deviation), axis=1).tolist()
    return rows


def _meet(condition: Condition, field: Field, column: ValueColumn) -> Mask:
    if field.type == "flag":
        if condition.operator is None:
            return np.equal(column.codes, TRUE)
        column = ValueColumn(column.numbers, np.where(column.codes == TRUE, TRUE, FALSE), [])
    present = column.present
    if condition.operator is None:
        return present
    negated = condition.operator in ("!=", "not in")
    mask = np.zeros(len(column), bool)
    for operand in condition.operands:
        if operand.pattern is not None:
            mask |= _match(operand, column)
        elif condition.operator in _ORDERINGS:
            mask |= _ordered(condition.operator, operand, field, column)
        else:
            mask |= _equal(operand, field, column)
    return present & ~mask if negated else mask


def _equal(operand: Operand, field: Field, column: ValueColumn) -> Mask:
    mask = np.zeros(len(column), bool)
    if operand.until is not None and operand.number is not None:
        return (column.numbers >= operand.number) & (column.numbers < operand.until)
    if operand.number is not None:
        mask = _is_nan(column) if math.isnan(operand.number) else column.numbers == operand.number
    if operand.text is not None:
        wanted = operand.text
        exact = field.type == "text"
        mask |= column.having(lambda text: (text if exact else reading(text)) == wanted)
        if wanted in ("true", "false") and not exact:
            mask |= column.codes == (TRUE if wanted == "true" else FALSE)
    return mask


def _ordered(sign: str, operand: Operand, field: Field, column: ValueColumn) -> Mask:
    compare = _ORDERINGS[sign]
    if operand.number is not None:
        bound = operand.number
        if operand.until is not None and sign in ("<=", ">"):
            # Up to a day is before its end, after a day is from its end on.
            bound, compare = operand.until, _ORDERINGS["<" if sign == "<=" else ">="]
        mask: Mask = compare(column.numbers, bound)
        return mask
    wanted = operand.text
    if field.type == "text":
        return column.having(lambda text: bool(compare(text, wanted)))
    mask = column.having(lambda text: isinstance(read := reading(text), str) and bool(compare(read, wanted)))
    for code, text in ((TRUE, "true"), (FALSE, "false")):
        if compare(text, wanted):
            mask |= column.codes == code
    return mask


def _match(operand: Operand, column: ValueColumn) -> Mask:
    pattern = operand.pattern
    if pattern is None:
        raise TypeError("an operand without a pattern cannot be matched")
    try:
        mask = column.having(pattern.searched)
        for code in (INT, FLOAT):
            chosen = column.codes == code
            if chosen.any():
                values, inverse = np.unique(column.numbers[chosen], return_inverse=True)
                written = (repr(int(value) if code == INT else value) for value in values.tolist())
                mask[chosen] = np.array([pattern.searched(text) for text in written])[inverse]
        for code, text in ((TRUE, "true"), (FALSE, "false")):
            if pattern.searched(text):
                mask |= column.codes == code
    except PatternTooSlowError as error:
        raise QueryError("this pattern takes too long here; write a simpler one", operand.start) from error
    return mask


def _is_nan(column: ValueColumn) -> Mask:
    """Return which runs have NaN, as a number or as a text."""
    mask: Mask = (column.codes == FLOAT) & np.isnan(column.numbers)
    return mask | column.having(lambda text: isinstance(read := reading(text), float) and math.isnan(read))


def _sort_keys(column: ValueColumn) -> tuple[npt.NDArray[np.int8], Floats]:
    """Return of each value what sort of value it is and, among those, a number to order by."""
    written = [*column.texts, "false", "true"]
    places = sorted(range(len(written)), key=lambda place: (written[place].casefold(), written[place]))
    ranks = np.empty(len(written))
    ranks[places] = np.arange(len(written))
    table = np.zeros(TEXT + len(column.texts) + 1)  # the last one is what MISSING, -1, leads to
    table[TEXT:-1] = ranks[:-2]
    table[[FALSE, TRUE]] = ranks[-2:]
    is_number = ~np.isnan(column.numbers)
    is_text = ~is_number & ((column.codes >= TEXT) | (column.codes == FALSE) | (column.codes == TRUE))
    kinds = np.where(is_number, _NUMBERS, np.where(is_text, _TEXTS, _NANS)).astype(np.int8)
    kinds[(column.codes == MISSING) | (column.codes == NULL)] = _MISSING
    return kinds, np.where(is_number, column.numbers, table[column.codes])
