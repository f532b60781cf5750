"""How the columns of a table become numbers, kept so that the same can be done with other rows of that form.

A number is itself, a boolean 0 or 1, a category one column for each (or its number among them), a date its year, month,
day, weekday from Monday as 0 and hour, or the days since 1970-01-01. Texts stay texts, alone in an input of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from app.engine.data.tables import import_arrow
from app.engine.ending import TrainingError
from app.engine.samples import Array, Arrays

Kind: TypeAlias = Literal["number", "boolean", "category", "ordinal", "date", "text"]

_PARTS = ("year", "month", "day", "weekday", "hour")
_MICROSECONDS = 86_400_000_000


class ValueOfRowError(TrainingError):
    """A value that is not what its column has; the text names row and column, but not the file."""


@dataclass(frozen=True)
class Column:
    """What is done with one column.

    Args:
        name: its name in the table.
        kind: a ``category`` becomes a column of zeros and ones for each, an ``ordinal`` its number in ``categories``.
        categories: all of them, in the order of their numbers.
        fill: what stands for a missing number, or, in days since 1970-01-01, for a missing date; or ``mean`` or
            ``median``, which the samples to fit on tell.
        fills: that mean or median for each of ``names``, once it is known; a missing value is NaN until then.
        parts: whether a date becomes its parts.
        decimal: what stands before the decimals in a number that is written as a text.
        date_format: how a date is written (as for ``strptime``); None is ISO 8601.
        whole: whether a target's numbers are whole and stay so.
        truth: whether its two categories are false and true, however they are written.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    fill: float | str | None = None
    fills: tuple[float, ...] = ()
    parts: bool = True
    decimal: str = "."
    date_format: str | None = None
    whole: bool = False
    truth: bool = False

    @property
    def names(self) -> list[str]:
        """The names of the columns that it becomes."""
        if self.kind == "category":
            return [f"{self.name}={category}" for category in self.categories]
        if self.kind == "date" and self.parts:
            return [f"{self.name}.{part}" for part in _PARTS]
        return [self.name]

    def encode(self, values: Any, first_row: int) -> Array:
        """Return a ``pyarrow.Array`` as float32, a column for each of ``names``; a text as objects.

        A category that is missing, or is none of them, is zero in all columns, or the number -1.

        Raises:
            TrainingError: a value is not of the kind; its row is named, counted from ``first_row``.
        """
        if self.kind == "text":
            return np.array([text or "" for text in values.to_pylist()], dtype=object)
        if self.kind in ("category", "ordinal"):
            numbers = self.class_numbers(values)
            if self.kind == "ordinal":
                return numbers.astype(np.float32)[:, np.newaxis]
            ones = np.zeros((len(numbers), len(self.categories)), np.float32)
            known = numbers >= 0
            ones[np.flatnonzero(known), numbers[known]] = 1
            return ones
        measured = self.measure(values, first_row)
        if isinstance(self.fill, int | float):
            measured = np.where(np.isnan(measured), self.fill, measured)
        is_parts = self.kind == "date" and self.parts
        encoded = _parts(measured) if is_parts else measured.astype(np.float32)[:, np.newaxis]
        return np.where(np.isnan(encoded), np.asarray(self.fills, np.float32), encoded) if self.fills else encoded

    def encode_target(self, values: Any, first_row: int) -> Array:
        """Return class numbers (int64) for categories, else numbers: int64 where all are whole, else float32.

        Raises:
            TrainingError: a value is not of the kind, or none of the classes; its row is named.
        """
        if self.kind == "category":
            self.check_classes(values, first_row)
            return self.class_numbers(values)
        return self.measure(values, first_row).astype(np.int64 if self.whole else np.float32)

    def check_classes(self, values: Any, first_row: int) -> None:
        """Look whether all values that are there are among the classes.

        Raises:
            TrainingError: one is not; its row is named.
        """
        strange = (self.class_numbers(values) < 0) & values.is_valid().to_numpy(zero_copy_only=False)
        if strange.any():
            row = int(np.argmax(strange))
            raise TrainingError(
                f"dataset.parameters.classes: row {first_row + row} has the {self.name} {values[row].as_py()!r}, which "
                f"is none of {', '.join(self.categories)}"
            )

    def class_numbers(self, values: Any) -> npt.NDArray[np.int64]:
        """Return the number of each category, -1 where it is missing or none of them."""
        if self.truth:
            values = replace(self, kind="boolean").parse(values)
            return np.where(np.isnan(values), -1, values).astype(np.int64)
        arrow, compute = import_arrow("compute")
        found = compute.index_in(as_text(values), value_set=arrow.array(self.categories, arrow.string()))
        return np.asarray(compute.fill_null(found, -1).to_numpy(zero_copy_only=False), np.int64)

    def measure(self, values: Any, first_row: int) -> npt.NDArray[np.float64]:
        """Return numbers, or days since 1970-01-01; NaN where a value is missing.

        Raises:
            ValueOfRowError: a value is none, or is infinite or too large for a float32.
        """
        arrow, _ = import_arrow("compute")
        try:
            found = self.parse(values)
        except arrow.ArrowInvalid as error:
            row, value = self.first_other(values)
            what = "number"
            if self.kind == "date":
                form = self.date_format or "2019-04-08"
                what = f"date such as {form}, which dataset.parameters.date_format can change (%d.%m.%Y)"
            raise ValueOfRowError(
                f"row {first_row + row}: {value!r} in column {self.name!r} is no {what}; if it stands for a missing "
                "value, add it to dataset.parameters.missing_values"
            ) from error
        infinite = np.abs(found) > np.finfo(np.float32).max
        if infinite.any():
            row = int(np.argmax(infinite))
            raise ValueOfRowError(f"row {first_row + row}: {values[row].as_py()} in column {self.name!r} is too large")
        return found

    def parse(self, values: Any) -> npt.NDArray[np.float64]:
        """Return values as :meth:`measure` does; ``pyarrow.ArrowInvalid`` where one is not of the kind."""
        arrow, compute = import_arrow("compute")
        if self.kind == "date":
            return _days(self._moments(values))
        target = arrow.bool_() if self.kind == "boolean" else arrow.float64()
        if arrow.types.is_string(values.type):
            if self.kind == "number" and self.decimal != ".":
                values = compute.replace_substring(values, self.decimal, ".")
            try:
                found = compute.cast(values, target)
            except arrow.ArrowInvalid:
                found = compute.cast(compute.utf8_trim_whitespace(values), target)
        else:
            found = compute.cast(values, target, safe=False)
        numbers = np.asarray(found.cast(arrow.float64()).to_numpy(zero_copy_only=False), np.float64)
        if np.isnan(numbers).sum() > found.null_count:
            raise arrow.ArrowInvalid("not a number")  # written as such; a missing one is null
        return numbers

    def first_other(self, values: Any) -> tuple[int, str]:
        """Return row and text of the first value that is not of the kind; there must be one."""
        arrow, _ = import_arrow("compute")
        low, high = 0, len(values)
        while high - low > 1:
            middle = (low + high) // 2
            try:
                self.parse(values.slice(low, middle - low))
                low = middle
            except arrow.ArrowInvalid:
                high = middle
        return low, str(values[low].as_py())

    def _moments(self, values: Any) -> Any:
        arrow, compute = import_arrow("compute")
        if not arrow.types.is_string(values.type):
            return values
        values = compute.utf8_trim_whitespace(values)
        if self.date_format is not None:
            return compute.strptime(values, self.date_format, "us")
        try:
            return compute.cast(values, arrow.timestamp("us"))
        except arrow.ArrowInvalid:  # with a zone, such as Z
            return compute.cast(values, arrow.timestamp("us", "UTC"))


@dataclass(frozen=True)
class Encoding:
    """How the rows of a table become features and targets.

    Args:
        columns: what is done with each column, by name.
        features: the columns of the one input, or of each input by its name.
        target: the column or columns of the one output, or of each output by its name.
        drop: whether rows that lack any value are left out, not only those that lack a target.
    """

    columns: Mapping[str, Column]
    features: Sequence[str] | Mapping[str, Sequence[str]]
    target: str | Sequence[str] | Mapping[str, str | Sequence[str]]
    drop: bool = False

    @property
    def names(self) -> list[str]:
        """The names of all columns that are read, each once."""
        return list(self.columns)

    @property
    def feature_names(self) -> list[str]:
        """The names of the columns of the features, in their order, that of the inputs where there are several."""
        return [made for part in self.inputs.values() for name in part for made in self.columns[name].names]

    @property
    def inputs(self) -> Mapping[str, Sequence[str]]:
        """The columns of each input by its name; the one that has none is called ""."""
        return self.features if isinstance(self.features, Mapping) else {"": self.features}

    @property
    def outputs(self) -> list[str]:
        """The columns of the target, of all outputs."""
        parts = self.target.values() if isinstance(self.target, Mapping) else [self.target]
        return [name for part in parts for name in ([part] if isinstance(part, str) else part)]

    def encode(self, batch: Any, first_row: int) -> tuple[Arrays, Arrays]:
        """Return features and targets of a ``pyarrow.RecordBatch``; rows may be left out.

        Raises:
            TrainingError: a value does not fit; its row is named, counted from ``first_row``.
        """
        batch = self._kept(batch)
        X = self.encode_features(batch, first_row)
        if isinstance(self.target, Mapping):
            return X, {name: self._targets(batch, part, first_row) for name, part in self.target.items()}
        return X, self._targets(batch, self.target, first_row)

    def encode_features(self, batch: Any, first_row: int = 1) -> Arrays:
        """Return the features of a ``pyarrow.RecordBatch`` alone, of every row, as for new data.

        Raises:
            TrainingError: a value does not fit; its row is named.
        """
        if isinstance(self.features, Mapping):
            return {name: self._matrix(batch, part, first_row) for name, part in self.features.items()}
        return self._matrix(batch, self.features, first_row)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as what JSON has."""
        columns = [
            {**asdict(column), "categories": list(column.categories), "fills": list(column.fills)}
            for column in self.columns.values()
        ]
        return {"columns": columns, "features": self.features, "target": self.target, "drop": self.drop}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Encoding:
        """Return what ``as_json`` gave."""
        columns = [
            replace(Column(**entry), categories=tuple(entry["categories"]), fills=tuple(entry.get("fills", ())))
            for entry in value["columns"]
        ]
        return cls({column.name: column for column in columns}, value["features"], value["target"], value["drop"])

    def _kept(self, batch: Any) -> Any:
        whole = complete(batch, self.columns if self.drop else self.outputs)
        return batch if whole.all() else batch.filter(import_arrow("compute")[0].array(whole))

    def _matrix(self, batch: Any, names: Sequence[str], first_row: int) -> Array:
        columns = [self.columns[name] for name in names]
        if columns[0].kind == "text":
            return columns[0].encode(batch.column(columns[0].name), first_row)
        matrix = np.empty((batch.num_rows, sum(len(column.names) for column in columns)), np.float32)
        at = 0
        for column in columns:
            encoded = column.encode(batch.column(column.name), first_row)
            matrix[:, at : at + encoded.shape[1]] = encoded
            at += encoded.shape[1]
        return matrix

    def _targets(self, batch: Any, part: str | Sequence[str], first_row: int) -> Array:
        if isinstance(part, str):
            return self.columns[part].encode_target(batch.column(part), first_row)
        return np.stack([self._targets(batch, name, first_row).astype(np.float32) for name in part], axis=1)


def complete(batch: Any, columns: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Return which rows of a ``pyarrow.RecordBatch`` have a value in every one of some columns."""
    _, compute = import_arrow("compute")
    whole = np.ones(batch.num_rows, bool)
    for name in columns:
        values = batch.column(name)
        if values.null_count:
            whole &= compute.is_valid(values).to_numpy(zero_copy_only=False)
    return whole


def as_text(values: Any) -> Any:
    """Return a ``pyarrow.Array`` of any type as texts without spaces around them."""
    arrow, compute = import_arrow("compute")
    return compute.utf8_trim_whitespace(compute.cast(values, arrow.string()))


def _days(moments: Any) -> npt.NDArray[np.float64]:
    """Return times of any resolution as days since 1970-01-01 (UTC where they have a zone)."""
    found = np.asarray(moments.to_numpy(zero_copy_only=False)).astype("datetime64[us]")
    return np.where(np.isnat(found), np.nan, found.astype(np.int64) / _MICROSECONDS)


def _parts(days: npt.NDArray[np.float64]) -> Array:
    """Return year, month, day, weekday and hour of days since 1970-01-01, which was a Thursday; NaN for NaN."""
    missing = np.isnan(days)
    days = np.where(missing, 0, days)
    day = np.floor(days)
    date = day.astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    year = date.astype("datetime64[Y]")
    parts = (
        year.astype(np.int64) + 1970,
        (month - year.astype("datetime64[M]")).astype(np.int64) + 1,
        (date - month.astype("datetime64[D]")).astype(np.int64) + 1,
        (day + 3) % 7,
        (days - day) * 24,
    )
    made = np.stack(parts, axis=1).astype(np.float32)
    made[missing] = np.nan
    return made
