"""What was found in data of the user's own, before there is a config: columns, arrays, classes, and some samples.

The engine reads the data and answers with this as JSON (:mod:`app.engine.surveying`); what to train on it is decided
from it alone (:mod:`app.config.guessing`, :mod:`app.config.first_config`), so that whoever corrects a guess waits for
nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

#: What a column can be taken for; ``other`` is what no dataset reads.
ColumnKind: TypeAlias = Literal["number", "boolean", "category", "ordinal", "date", "text", "other"]
SurveyKind: TypeAlias = Literal["table", "images", "texts", "arrays"]

#: The endings of files that can be looked at; tables of text may be compressed.
TABLES = (".csv", ".tsv", ".tab", ".txt", ".data")
PARQUETS = (".parquet", ".pq")
ARRAYS = (".npz", ".npy")
HDF5S = (".h5", ".hdf5", ".hdf", ".he5")
COMPRESSED = (".gz", ".bz2", ".xz")
#: Different values of a column are counted up to so many.
MOST_DISTINCT = 1000


def ending_of(name: str) -> str:
    """Return the ending that says what is in a file: ".csv" of data.csv.gz, "" where there is none."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    if len(suffixes) > 1 and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def is_data_file(name: str) -> bool:
    """Return whether a file's name says that a config can be made for it."""
    return ending_of(name) in (*TABLES, *PARQUETS, *ARRAYS, *HDF5S)


@dataclass(frozen=True)
class ColumnFacts:
    """A column of a table, or an array with one value a sample.

    Args:
        name: its name, or the key of the array.
        kind: what its values can all be read as.
        missing: how many values are missing.
        distinct: how many different values it has, None for more than ``MOST_DISTINCT``.
        counts: how often there is each of them, the most frequent first; empty where they are many.
        examples: the first values, as texts.
        whole: whether all numbers are whole.
        lowest, highest, mean, deviation: of its numbers (the standard deviation of the population).
        ascends: whether every number is above the one before.
        words: how many words its texts have, on average.
        fault: why it cannot be a feature, "" if it can.
    """

    name: str
    kind: ColumnKind
    missing: int = 0
    distinct: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[str] = ()
    whole: bool = False
    lowest: float | None = None
    highest: float | None = None
    mean: float | None = None
    deviation: float | None = None
    ascends: bool = False
    words: float = 0.0
    fault: str = ""


@dataclass(frozen=True)
class ArrayFacts:
    """An array in a file: its key, its shape with the samples first, its type in NumPy's words.

    ``one_hot`` says that each of its rows has zeros and one one.
    """

    name: str
    shape: Sequence[int]
    dtype: str
    one_hot: bool = False


@dataclass(frozen=True)
class Survey:
    """All that is known of a file or folder.

    Args:
        kind: what it is.
        path: where it is, absolute.
        dataset: the dataset of the catalog that reads it, and ``parameters`` what that must be told, the path apart.
        rows: how many samples there are.
        columns: of a table; of arrays those with one value a sample, by their keys.
        arrays: the arrays of a file of arrays.
        classes: how many samples each class has, for folders by class.
        shape: rows, columns and channels of an image.
        header: the names of the columns of ``samples``.
        samples: the first rows as texts (None is missing); of images ``[class, png in base64, file]`` each, of texts
            ``[class, begin of the text, file]``.
        notes: what is worth knowing, a sentence each: files that cannot be read, an encoding that was guessed ...
    """

    kind: SurveyKind
    path: str
    dataset: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0
    columns: Sequence[ColumnFacts] = ()
    arrays: Sequence[ArrayFacts] = ()
    classes: Mapping[str, int] = field(default_factory=dict)
    shape: Sequence[int] = ()
    header: Sequence[str] = ()
    samples: Sequence[Sequence[str | None]] = ()
    notes: Sequence[str] = ()

    def column(self, name: str | None) -> ColumnFacts | None:
        """Return the column of that name, None if there is none."""
        return next((column for column in self.columns if column.name == name), None)

    def array(self, name: str | None) -> ArrayFacts | None:
        """Return the array of that key, None if there is none."""
        return next((array for array in self.arrays if array.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as what JSON has."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Survey:
        """Return what ``as_json`` gave."""
        columns = tuple(ColumnFacts(**column) for column in value["columns"])
        arrays = tuple(ArrayFacts(**array) for array in value["arrays"])
        return cls(**{**value, "columns": columns, "arrays": arrays})
