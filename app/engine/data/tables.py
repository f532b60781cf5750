"""Tables of the user's files, a portion of rows at a time: csv and its like, and Parquet.

Rows are numbered as a spreadsheet shows them: the header is row 1 where there is one, empty lines are not counted.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from app.config.problems import unknown
from app.engine.data.archives import BROKEN, open_compressed
from app.engine.data.source import Parameters
from app.engine.ending import TrainingError

#: How much of a file is parsed at once; a row cannot be longer. pyarrow reads up to 32 such blocks ahead.
_BLOCK_BYTES = 2 << 20
_PARQUET_ROWS = 1 << 16
_SEPARATORS = {"a tab": "\t", ";": ";", "|": "|", ",": ","}


class Table(Protocol):
    """A table in a file.

    ``typed``: whether the file says what its columns are; those of one that does not are read as texts.
    ``first_row`` is the number of its first row of values.
    """

    path: Path
    names: list[str]
    typed: bool
    first_row: int

    def batches(self, columns: Sequence[str], numbers: Collection[str] = ()) -> Iterator[Any]:
        """Yield ``pyarrow.RecordBatch`` after batch of some columns, from the begin of the table.

        ``numbers`` are columns that are known to be numbers, and need not become texts first.
        """


class CsvTable:
    """A text file of rows with values between separators (RFC 4180), compressed or not.

    Raises:
        TrainingError: it cannot be read, has no rows or two columns of one name, or its rows are not of one length.
    """

    typed = False

    def __init__(self, path: Path, parameters: Parameters) -> None:
        self._arrow = import_arrow("csv")
        self.path = path
        self._separator = parameters["separator"] or _by_ending(path)
        self._encoding = parameters["encoding"]
        self._decimal = parameters["decimal"]
        self._missing = parameters["missing_values"]
        self._header = parameters["header"]
        self.first_row = 2 if self._header else 1
        ragged: list[Any] = []
        with self._named_errors(ragged), self._open(None, {}, ragged) as reader:
            found: list[str] = reader.schema.names
        self.names = found if self._header else [f"column_{number}" for number in range(1, len(found) + 1)]
        _check_names(path, self.names)
        if len(self.names) == 1:
            for said, separator in _SEPARATORS.items():
                if separator in self.names[0]:
                    raise TrainingError(
                        f"{path.name}: has one column, {self.names[0]!r}; set dataset.parameters.separator to {said}"
                    )

    def batches(self, columns: Sequence[str], numbers: Collection[str] = ()) -> Iterator[Any]:
        """Yield the rows, every value as a text or null."""
        ragged: list[Any] = []
        arrow, _ = self._arrow
        types = {name: arrow.float64() if name in numbers else arrow.string() for name in columns}
        with self._named_errors(ragged), self._open(self.names, types, ragged) as reader:
            yield from reader

    @contextmanager
    def _open(self, names: list[str] | None, types: dict[str, Any], ragged: list[Any]) -> Iterator[Any]:
        _, csv = self._arrow

        def refuse(row: Any) -> str:
            ragged.append(row)
            return "error"

        # Several threads would gain little beside the conversion, and lose the numbers of bad rows.
        with (
            open_compressed(self.path) as file,
            csv.open_csv(
                file,
                read_options=csv.ReadOptions(
                    use_threads=False,
                    block_size=_BLOCK_BYTES,
                    encoding=self._encoding,
                    column_names=names,
                    skip_rows=int(names is not None and self._header),
                    autogenerate_column_names=names is None and not self._header,
                ),
                parse_options=csv.ParseOptions(
                    delimiter=self._separator, newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    decimal_point=self._decimal,
                    null_values=self._missing,
                    strings_can_be_null=True,
                ),
            ) as reader,
        ):
            yield reader

    @contextmanager
    def _named_errors(self, ragged: list[Any]) -> Iterator[None]:
        arrow, _ = self._arrow
        name = self.path.name
        try:
            yield
        except LookupError as error:
            raise TrainingError(f"dataset.parameters.encoding: {error}") from error
        except (*BROKEN, OSError, arrow.ArrowException) as error:
            if ragged:
                row = ragged[0]
                values = "value" if row.actual_columns == 1 else "values"
                raise TrainingError(
                    f"{name}: row {row.number} has {row.actual_columns} {values}, the rows before it have "
                    f"{row.expected_columns}: {row.text[:80]!r}"
                ) from error
            if "Empty CSV" in str(error):
                raise TrainingError(f"{name}: is empty") from error
            if "straddling" in str(error):
                raise TrainingError(
                    f"{name}: has a quotation mark that is never closed, or a row above 2 MB"
                ) from error
            if (line := self._undecodable()) is not None:
                raise TrainingError(
                    f"{name}: line {line} is no {self._encoding} text; set dataset.parameters.encoding, such as cp1252"
                ) from error
            raise TrainingError(f"{name}: cannot be read ({error})") from error

    def _undecodable(self) -> int | None:
        """Return the number of the first line that is not of the encoding, None if they all are."""
        try:
            with open_compressed(self.path) as file:
                for number, line in enumerate(file, 1):
                    try:
                        line.decode(self._encoding)
                    except UnicodeDecodeError:
                        return number
        except (*BROKEN, OSError):
            pass
        return None


class ParquetTable:
    """An Apache Parquet file.

    Raises:
        TrainingError: it cannot be read, or has two columns of one name.
    """

    typed = True
    first_row = 1

    def __init__(self, path: Path) -> None:
        self._arrow = import_arrow("parquet")
        self.path = path
        with self._named_errors():
            self._file = self._arrow[1].ParquetFile(path)
        self.names: list[str] = self._file.schema_arrow.names
        self.rows: int = self._file.metadata.num_rows
        _check_names(path, self.names)

    def batches(self, columns: Sequence[str], numbers: Collection[str] = ()) -> Iterator[Any]:
        """Yield the rows, their values as the file has them; what is not a number is missing."""
        arrow, _ = self._arrow
        with self._named_errors():
            for batch in self._file.iter_batches(_PARQUET_ROWS, columns=list(columns)):
                yield arrow.record_batch([self._plain(batch.column(name)) for name in columns], names=list(columns))

    def _plain(self, values: Any) -> Any:
        arrow, compute = import_arrow("compute")
        if arrow.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if arrow.types.is_large_string(values.type) or arrow.types.is_string_view(values.type):
            return compute.cast(values, arrow.string())
        if arrow.types.is_floating(values.type):
            return compute.if_else(compute.is_nan(values), None, values)
        return values

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, self._arrow[0].ArrowException) as error:
            raise TrainingError(f"{self.path.name}: cannot be read as Parquet ({error})") from error


def check_columns(key: str, wanted: Sequence[str], names: Sequence[str]) -> None:
    """Look whether a table has the columns that the config names.

    Raises:
        TrainingError: it does not have one of them; the closest is named.
    """
    for name in wanted:
        if name not in names:
            message, listed = unknown("column", name, names)
            raise TrainingError(f"dataset.parameters.{key}: {message} (columns: {listed})")


@functools.cache
def import_arrow(module: str) -> tuple[Any, Any]:
    """Return pyarrow and one of its modules.

    Raises:
        TrainingError: it is not installed where the training runs.
    """
    try:
        return importlib.import_module("pyarrow"), importlib.import_module(f"pyarrow.{module}")
    except ImportError as error:
        raise TrainingError(
            "reading csv and Parquet needs pyarrow, which this Python does not have: run 'pip install pyarrow' with it"
        ) from error


def _by_ending(path: Path) -> str:
    return "\t" if {".tsv", ".tab"} & {suffix.lower() for suffix in path.suffixes} else ","


def _check_names(path: Path, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise TrainingError(f"{path.name}: two columns are called {name!r}; every column needs a name of its own")
