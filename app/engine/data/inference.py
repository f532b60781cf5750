"""What the columns of a table are: found by reading all of it once, some rows at a time, before anything is encoded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from app.config.problems import unknown
from app.engine.data.columns import Column, Encoding, Kind, ValueOfRowError, as_text, complete
from app.engine.data.source import Parameters
from app.engine.data.tables import Table, check_columns, import_arrow
from app.engine.ending import TrainingError
from app.records.log import logger

log = logger("Dataset")

#: What a column of texts may be, the first of them that all its values are; else a category.
_WRITTEN: tuple[Kind, ...] = ("number", "boolean", "date")


@dataclass
class Seen:
    """What was seen of a column.

    ``possible`` are what all its values can be read as. ``missing`` values and ``measured`` ones are counted, with the
    row of the first missing one, of the first that is no number and of the first that is too large, and their text.
    ``categories`` are all of them, as long as ``complete`` says so, up to one more than may be.
    """

    possible: list[Column]
    settled: bool
    missing: int = 0
    first_missing: int = 0
    other: tuple[int, str] | None = None
    too_large: tuple[int, str] | None = None
    measured: int = 0
    sum: float = 0.0
    whole: bool = True
    categories: set[str] = field(default_factory=set)
    complete: bool = True

    @property
    def is_category(self) -> bool:
        """Whether it is known already that these are categories."""
        return not self.possible or (self.settled and self.possible[0].kind in ("category", "ordinal"))


def learn(table: Table, parameters: Parameters, check: Callable[[], None]) -> Encoding:
    """Return how the rows of a table become features and targets.

    Args:
        table: where the rows are.
        parameters: of the datasets csv and parquet.
        check: called between portions.

    Raises:
        TrainingError: a column is not there, a value is missing or none, or there are too many categories.
    """
    features, target = _chosen(table, parameters)
    outputs = [name for part in _parts(target) for name in part]
    names = list(dict.fromkeys([*(name for part in _parts(features) for name in part), *outputs]))
    check_columns("types", list(parameters["types"]), table.names)
    seen, rows, kept = _scan(table, names, outputs if _fills(parameters) else names, parameters, check)
    columns = {name: _column(table, name, seen[name], name in outputs, parameters) for name in names}
    _check_texts(features, columns)
    _check_targets(target, columns)
    _check_missing(table, seen, outputs, parameters, rows, kept)
    _find_categories(table, columns, outputs, seen, parameters, check)
    if _fills(parameters):
        fill = parameters["missing"]
        for name in names:
            if seen[name].missing and name not in outputs and columns[name].kind in ("number", "boolean", "date"):
                columns[name] = replace(columns[name], fill=fill)
                value = f"the {fill} of those to fit on" if isinstance(fill, str) else f"{fill:.6g}"
                log.info("Column %s: %d missing values become %s", name, seen[name].missing, value)
    _tell(columns, outputs)
    return Encoding(columns, features, target, drop=parameters["missing"] == "drop")


def _fills(parameters: Parameters) -> bool:
    """Return whether something stands for what is missing in a row."""
    return parameters["missing"] not in ("drop", "error")


def _chosen(table: Table, parameters: Parameters) -> tuple[Any, Any]:
    """Return the columns of the features and of the target, as the config names them."""
    target = parameters["target"]
    _check_form("target", target, single=True)
    outputs = [name for part in _parts(target) for name in part]
    check_columns("target", outputs, table.names)
    features = parameters["features"]
    if features is None:
        left = [name for name in table.names if name not in outputs]
        features = [name for name in left if name]
        if len(features) < len(left):
            log.warning("%s: the column without a name is left out", table.path.name)
        if not features:
            raise TrainingError(f"{table.path.name}: no column is left for the features")
    _check_form("features", features, single=False)
    inputs = [name for part in _parts(features) for name in part]
    check_columns("features", inputs, table.names)
    for name in inputs:
        if name in outputs:
            raise TrainingError(f"dataset.parameters.features: {name!r} is the target")
    return features, target


def _parts(columns: Any) -> list[Sequence[str]]:
    """Return the columns of each input or output."""
    return [
        [part] if isinstance(part, str) else part
        for part in (columns.values() if isinstance(columns, Mapping) else [columns])
    ]


def _check_form(key: str, value: Any, *, single: bool) -> None:
    for part in value.values() if isinstance(value, Mapping) else [value]:
        names = isinstance(part, list) and part and all(isinstance(name, str) for name in part)
        if not names and not (single and isinstance(part, str)):
            one = "a column, a list of columns" if single else "a list of columns"
            raise TrainingError(
                f"dataset.parameters.{key}: is {part!r}; {one}, or an object with one by name, would do"
            )


def _scan(
    table: Table, names: Sequence[str], needed: Sequence[str], parameters: Parameters, check: Callable[[], None]
) -> tuple[dict[str, Seen], int, int]:
    """Read all rows; return what was seen of each column, how many rows there are, and how many with all ``needed``."""
    seen: dict[str, Seen] = {}
    rows = kept = 0
    for batch in table.batches(names):
        check()
        for name in names:
            values = batch.column(name)
            if name not in seen:
                seen[name] = begin(table, name, values, parameters)
            try:
                look(seen[name], values, table.first_row + rows)
                _collect(seen[name], values, parameters)
            except ValueOfRowError as error:
                raise TrainingError(f"{table.path.name}: {error}") from error
        kept += int(complete(batch, needed).sum())
        rows += batch.num_rows
    if not rows:
        raise TrainingError(f"{table.path.name}: has no rows")
    return seen, rows, kept


def begin(table: Table, name: str, values: Any, parameters: Parameters) -> Seen:
    """Return what a column may be: what the config says, else the file, else whatever its texts can be read as."""
    kinds = get_args(Kind)
    given = parameters["types"].get(name)
    if given is not None and given not in kinds:
        message, listed = unknown("type of a column", str(given), kinds)
        raise TrainingError(f"dataset.parameters.types.{name}: {message} (types: {listed})")
    kind = given or (_kind_in_file(table, name, values) if table.typed else None)
    made = Column(
        name,
        "number",
        parts=parameters["dates"] == "parts",
        decimal=parameters.get("decimal", "."),
        date_format=parameters["date_format"],
    )
    return Seen([replace(made, kind=each) for each in ([kind] if kind else _WRITTEN)], settled=kind is not None)


def _kind_in_file(table: Table, name: str, values: Any) -> Kind:
    types = import_arrow("compute")[0].types
    type_ = values.type
    if types.is_boolean(type_):
        return "boolean"
    if types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_):
        return "number"
    if types.is_date(type_) or types.is_timestamp(type_):
        return "date"
    if types.is_string(type_):
        return "category"
    raise TrainingError(f"{table.path.name}: column {name!r} is of the type {type_}; leave it out of the features")


def look(seen: Seen, values: Any, first_row: int) -> npt.NDArray[np.float64] | None:
    """See a portion of a column; return it as numbers, dates as days, NaN where it has gaps; None if it is neither."""
    arrow, compute = import_arrow("compute")
    invalid = arrow.ArrowInvalid
    if seen.settled and (column := seen.possible[0]).kind == "text" and arrow.types.is_string(values.type):
        row = compute.index(compute.match_substring(values, "\0"), True).as_py()
        if row >= 0:
            raise ValueOfRowError(f"row {first_row + row}: column {column.name!r} has a zero byte, which no text has")
    if values.null_count:
        if not seen.missing:
            seen.first_missing = first_row + int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        seen.missing += values.null_count
    found = None
    for column in [each for each in seen.possible if each.kind in _WRITTEN]:
        if seen.settled:
            found = column.measure(values, first_row)
            break
        try:
            read = column.parse(values)
        except invalid:
            seen.possible.remove(column)
            if column.kind == "number":
                row, text = column.first_other(values)
                seen.other = first_row + row, text
            continue
        # No text is both a number and a date, and of the numbers 0 and 1 alone are booleans: the sums are of one kind.
        found = read if found is None else found
    if found is None:
        return None
    large = np.abs(found) > np.finfo(np.float32).max
    if seen.too_large is None and large.any():
        row = int(np.argmax(large))
        seen.too_large = first_row + row, str(values[row].as_py())
    there = found[~np.isnan(found)]
    seen.measured += len(there)
    seen.sum += float(there.sum())
    seen.whole = seen.whole and bool((there == np.floor(there)).all())
    return found


def _collect(seen: Seen, values: Any, parameters: Parameters) -> None:
    """Add what is new among the categories, where they were seen as such from the first value on."""
    if not seen.is_category:
        seen.complete = seen.complete and len(values) == values.null_count
    elif seen.complete and len(seen.categories) <= parameters["max_categories"]:
        _, compute = import_arrow("compute")
        seen.categories.update(compute.unique(as_text(values.drop_null())).to_pylist())


def _column(table: Table, name: str, seen: Seen, is_target: bool, parameters: Parameters) -> Column:
    """Return what a column is, after all of it was seen."""
    if not seen.settled and not seen.measured and seen.missing and seen.possible:
        raise TrainingError(f"{table.path.name}: column {name!r} has no values; leave it out of the features")
    column = seen.possible[0] if seen.possible else Column(name, "category")
    if not is_target:
        if column.kind == "category" and name not in parameters["types"] and parameters["categories"] == "ordinal":
            return replace(column, kind="ordinal")
        if column.kind == "number" and seen.too_large is not None:
            row, value = seen.too_large
            raise TrainingError(f"{table.path.name}: row {row}: {value} in column {name!r} is too large")
        return column
    if column.kind == "boolean" and parameters["classes"] is None:
        return replace(column, kind="category", categories=("false", "true"), truth=True)
    if parameters["classes"] is not None or column.kind == "boolean" or (column.kind == "date" and not seen.settled):
        return replace(column, kind="category", categories=tuple(parameters["classes"] or ()))
    if column.kind not in ("number", "category"):
        raise TrainingError(f"dataset.parameters.types.{name}: is {column.kind}; a target is a number or a category")
    return replace(column, whole=seen.whole)


def _check_targets(target: Any, columns: Mapping[str, Column]) -> None:
    for part in _parts(target):
        for name in part if len(part) > 1 else ():
            if columns[name].kind == "category":
                raise TrainingError(
                    f"dataset.parameters.target: {name!r} is a category; give it an output of its own, as in "
                    f'{{"a": "{part[0]}", "b": "{part[1]}"}}'
                )


def _check_texts(features: Any, columns: Mapping[str, Column]) -> None:
    for part in _parts(features):
        for name in part if len(part) > 1 else ():
            if columns[name].kind == "text":
                raise TrainingError(
                    f"dataset.parameters.features: {name!r} is text, which cannot stand beside numbers; give it an "
                    f'input of its own, as in {{"words": ["{name}"], "numbers": [...]}}'
                )


def _check_missing(
    table: Table, seen: Mapping[str, Seen], outputs: Sequence[str], parameters: Parameters, rows: int, kept: int
) -> None:
    gaps = {name: each for name, each in seen.items() if each.missing}
    if not gaps:
        return
    counts = ", ".join(f"{name} {each.missing}" for name, each in gaps.items())
    if parameters["missing"] == "error":
        name = next(iter(gaps))
        fills = "" if name in outputs else ", mean, median or a number to fill in"
        raise TrainingError(
            f"{table.path.name}: row {gaps[name].first_missing} has no {name} (missing values: {counts}); set "
            f"dataset.parameters.missing to drop{fills}"
        )
    what = "a target" if _fills(parameters) else "a value"
    if _fills(parameters):  # the gaps of the features are told where they are filled
        counts = ", ".join(f"{name} {each.missing}" for name, each in gaps.items() if name in outputs)
    if not kept:
        raise TrainingError(f"{table.path.name}: every row lacks {what} ({counts}); choose another missing or target")
    if kept < rows:
        log.warning("%d of %d rows are left out, as they lack %s (%s)", rows - kept, rows, what, counts)


def _find_categories(
    table: Table,
    columns: dict[str, Column],
    outputs: Sequence[str],
    seen: Mapping[str, Seen],
    parameters: Parameters,
    check: Callable[[], None],
) -> None:
    """Put the categories into the columns that have some, sorted, those that are all numbers by their value."""
    most = parameters["max_categories"]
    names = [name for name, each in columns.items() if each.kind in ("category", "ordinal") and not each.truth]
    # More than may be are enough for a column that says no; where they are but numbered, all of them count.
    again = [
        name
        for name in names
        if columns[name].categories
        or not seen[name].complete
        or (columns[name].kind == "ordinal" and len(seen[name].categories) > most)
    ]
    row = table.first_row
    for batch in table.batches(again) if again else ():
        check()
        for name in again:
            if columns[name].categories:
                columns[name].check_classes(batch.column(name), row)
            elif columns[name].kind == "ordinal" or len(seen[name].categories) <= most:
                _, compute = import_arrow("compute")
                seen[name].categories.update(compute.unique(as_text(batch.column(name).drop_null())).to_pylist())
        row += batch.num_rows
    for name in names:
        column = columns[name]
        if column.kind == "category" and len(seen[name].categories) > most:
            other = seen[name].other
            hint = f"; row {other[0]} has the first that is no number, {other[1]!r}" if other else ""
            also = "" if name in outputs else f', leave it out of features, or set types to {{"{name}": "ordinal"}}'
            raise TrainingError(
                f"{table.path.name}: column {name!r} has more than {most} categories{hint}; raise "
                f"dataset.parameters.max_categories{also}"
            )
        if not column.categories:
            columns[name] = replace(column, categories=tuple(_sorted(seen[name].categories)))


def _sorted(categories: set[str]) -> list[str]:
    """Return categories in an order that is the same each time; beside numbers, "nan" and "inf" come last."""
    try:
        values = {text: float(text) for text in categories}
    except ValueError:
        return sorted(categories)

    def key(text: str) -> tuple[bool, float, str]:
        value = values[text]
        return (False, value, text) if math.isfinite(value) else (True, 0.0, text)

    return sorted(categories, key=key)


def _tell(columns: Mapping[str, Column], outputs: Sequence[str]) -> None:
    """Log what is done with the columns: those of the target by name, the others by kind."""
    for kind in get_args(Kind):
        same = [column for column in columns.values() if column.kind == kind and column.name not in outputs]
        if same:
            named = ", ".join(
                f"{column.name} ({len(column.categories)})" if column.categories else column.name
                for column in same[:20]
            )
            more = f" and {len(same) - 20} more" if len(same) > 20 else ""
            log.info("Columns taken as %s: %s%s", kind, named, more)
    for name in outputs:
        column = columns[name]
        classes = f" of {len(column.categories)} classes" if column.categories else ""
        log.info("Target %s: %s%s", name, column.kind, classes)
