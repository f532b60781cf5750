"""The datasets ``csv`` and ``parquet``: a table of the user's, encoded and read a portion of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

from app.engine.data.files import local_file
from app.engine.data.inference import learn
from app.engine.data.source import Parameters, Place, Portions
from app.engine.data.tables import CsvTable, ParquetTable, Table
from app.engine.samples import Arrays, each


def load_csv(parameters: Parameters, place: Place) -> Portions:
    """Return the rows of a csv or tsv file, which may be compressed.

    Raises:
        TrainingError: file, column or row are not what they should be; the text names them.
    """
    return _portions(CsvTable(local_file(parameters, place), parameters), parameters, place)


def load_parquet(parameters: Parameters, place: Place) -> Portions:
    """Return the rows of a Parquet file.

    Raises:
        TrainingError: file or column are not what they should be; the text names them.
    """
    return _portions(ParquetTable(local_file(parameters, place)), parameters, place)


def _portions(table: Table, parameters: Parameters, place: Place) -> Portions:
    encoding = learn(table, parameters, place.check)

    def read() -> Iterator[tuple[Arrays, Arrays]]:
        row = table.first_row
        for batch in table.batches(encoding.names):
            X, y = encoding.encode(batch, row)
            row += batch.num_rows
            if len(next(iter(each(y).values()))):
                yield X, y

    target = encoding.target
    names = encoding.columns[target].categories if isinstance(target, str) else ()
    return Portions(read, names, encoding.as_json())
