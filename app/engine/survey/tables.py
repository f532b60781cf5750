"""What the columns of a table are: all rows are read once, a portion at a time, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.config.survey import MOST_DISTINCT, ColumnFacts, ColumnKind, Survey
from app.engine.data.columns import ValueOfRowError, as_text
from app.engine.data.inference import Seen, begin, look
from app.engine.data.tables import CsvTable, ParquetTable, Table, import_arrow
from app.engine.ending import TrainingError
from app.engine.survey.dialect import OTHER_ENCODING, default_parameters, find_dialect

#: Told how many rows have been read, and of how many (0: not known).
Tell = Callable[[int, int], None]

_SHOWN_ROWS, _LONGEST = 50, 200
_EXAMPLES = 3
#: Numbers with more values are no classes.
_MOST_COUNTED = 100
#: Columns of texts with as many words are no categories.
_WORDS = 4.0


def survey_csv(path: Path, tell: Tell) -> Survey:
    """Return what is in a csv or tsv file, which may be compressed.

    Raises:
        TrainingError: it cannot be read; file and row are named.
    """
    found = find_dialect(path)
    notes = []
    if found.get("header") is False:
        notes.append("The first row is no header, so the columns are numbered.")
    try:
        survey = _survey_csv(path, found, tell)
    except TrainingError as error:
        if "dataset.parameters.encoding" not in str(error) or "encoding" in found:
            raise
        found["encoding"] = OTHER_ENCODING  # only later lines show it
        survey = _survey_csv(path, found, tell)
    if "date_format" in found:
        notes.append(f"Dates are written as {found['date_format']}.")
    if "encoding" in found:
        notes.append(f"It is no UTF-8 text; {found['encoding']} is assumed.")
    return Survey("table", str(path), "csv", found, notes=notes, **survey)


def survey_parquet(path: Path, tell: Tell) -> Survey:
    """Return what is in a Parquet file.

    Raises:
        TrainingError: it cannot be read.
    """
    table = ParquetTable(path)
    return Survey("table", str(path), "parquet", **_survey(table, default_parameters("parquet"), table.rows, tell))


def _survey_csv(path: Path, found: dict[str, Any], tell: Tell) -> dict[str, Any]:
    parameters = {**default_parameters("csv"), **found}
    return _survey(CsvTable(path, parameters), parameters, 0, tell)


def _survey(table: Table, parameters: dict[str, Any], total: int, tell: Tell) -> dict[str, Any]:
    """Return rows, columns, header and samples."""
    columns: list[_Counted] = []
    samples: list[list[str | None]] = []
    rows = 0
    for batch in table.batches(table.names):
        if not columns:
            columns = [_Counted(table, name, batch.column(at), parameters) for at, name in enumerate(table.names)]
        for at, column in enumerate(columns):
            column.add(batch.column(at), table.first_row + rows)
        if len(samples) < _SHOWN_ROWS:
            shown = [_shown(batch.column(at).slice(0, _SHOWN_ROWS - len(samples))) for at in range(len(columns))]
            samples += [list(row) for row in zip(*shown, strict=True)]
        rows += batch.num_rows
        tell(rows, total)
    if not rows:
        raise TrainingError(f"{table.path.name}: has no rows below its header; rows of values would be right")
    return {
        "rows": rows,
        "columns": tuple(column.facts() for column in columns),
        "header": tuple(table.names),
        "samples": tuple(samples),
    }


def _shown(values: Any) -> list[str | None]:
    return [None if value is None else str(value)[:_LONGEST] for value in values.to_pylist()]


def _tells(kind: ColumnKind, distinct: int) -> bool:
    """Return whether anybody asks how often each value is there: of a wide table the counts would be many."""
    return distinct <= _MOST_COUNTED or kind in ("category", "boolean")


class _Counted:
    """What was seen of one column."""

    def __init__(self, table: Table, name: str, values: Any, parameters: dict[str, Any]) -> None:
        self._name = name
        self._fault = ""
        self._seen = Seen([], settled=True)
        try:
            self._seen = begin(table, name, values, parameters)
        except TrainingError:
            self._fault = f"values of the type {values.type} cannot be read"
        self._counts: Counter[str] | None = Counter()
        self._examples: list[str] = []
        self._lowest, self._highest, self._squares = np.inf, -np.inf, 0.0
        self._last, self._ascends = -np.inf, True
        self._texts = self._spaces = 0
        self._missing = 0
        self._shift = 0.0

    def add(self, values: Any, first_row: int) -> None:
        """Count a portion."""
        self._missing += values.null_count
        if self._fault:
            return
        there = values.drop_null()
        if len(self._examples) < _EXAMPLES:
            for value in as_text(there.slice(0, 20)).to_pylist():
                if value not in self._examples and len(self._examples) < _EXAMPLES:
                    self._examples.append(value[:_LONGEST])
        try:
            numbers = look(self._seen, values, first_row)
        except ValueOfRowError as error:
            self._fault = str(error)
            return
        if numbers is not None:
            self._measure(numbers[~np.isnan(numbers)])
        elif len(there):
            self._count_words(as_text(there))
        if self._counts is not None and len(there):
            self._count(as_text(there))

    def facts(self) -> ColumnFacts:
        """Return what it is."""
        seen = self._seen
        counts = self._counts if self._counts is not None and not self._fault else None
        distinct = len(counts) if counts is not None else None
        words = 1 + self._spaces / self._texts if self._texts else 0.0
        kind: ColumnKind = "other" if self._fault else seen.possible[0].kind if seen.possible else "category"
        if not self._fault and not self._texts and not seen.measured:
            kind = "category"  # it has no values at all
        if kind == "category" and words >= _WORDS and (distinct is None or distinct > self._texts / 2):
            kind = "text"
        fault = self._fault
        if not fault and kind == "number" and seen.too_large is not None:
            row, value = seen.too_large
            fault = f"row {row}: {value} in column {self._name!r} is too large"
        measured = kind == "number" and seen.measured > 0 and seen.too_large is None
        mean = seen.sum / seen.measured if measured else None
        return ColumnFacts(
            name=self._name,
            kind=kind,
            missing=self._missing,
            distinct=distinct,
            counts=dict(counts.most_common()) if counts is not None and _tells(kind, len(counts)) else {},
            examples=tuple(self._examples),
            whole=kind == "number" and seen.whole,
            lowest=float(self._lowest) if measured else None,
            highest=float(self._highest) if measured else None,
            mean=mean,
            deviation=self._deviation(mean) if mean is not None else None,
            ascends=measured and self._ascends,
            words=words,
            fault=fault,
        )

    def _measure(self, numbers: npt.NDArray[np.float64]) -> None:
        if not len(numbers):
            return
        if self._lowest > self._highest:
            self._shift = float(numbers[0])  # sums of squares about 0 would lose the digits of large numbers
        self._lowest = min(self._lowest, float(numbers.min()))
        self._highest = max(self._highest, float(numbers.max()))
        self._squares += float(np.square(numbers - self._shift).sum())
        self._ascends = self._ascends and numbers[0] > self._last and bool((np.diff(numbers) > 0).all())
        self._last = float(numbers[-1])

    def _deviation(self, mean: float) -> float:
        return float(np.sqrt(max(self._squares / self._seen.measured - (mean - self._shift) ** 2, 0.0)))

    def _count_words(self, texts: Any) -> None:
        _, compute = import_arrow("compute")
        self._texts += len(texts)
        self._spaces += compute.sum(compute.count_substring(texts, " ")).as_py() or 0

    def _count(self, texts: Any) -> None:
        _, compute = import_arrow("compute")
        assert self._counts is not None
        found = compute.value_counts(texts)
        values, counts = found.field("values").to_pylist(), found.field("counts").to_pylist()
        self._counts.update(dict(zip(values, counts, strict=True)))
        if len(self._counts) > MOST_DISTINCT:
            self._counts = None
