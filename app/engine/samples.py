"""Features and targets, in memory or read when they are asked for, and the batches that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import h5py
import numpy as np
import numpy.typing as npt

from app.engine.ending import DamagedDataError

#: Samples first. Beside NumPy's own, whatever has shape, dtype, len and rows by slice: a :class:`Stored`.
Array: TypeAlias = npt.NDArray[Any]
#: The one input or output, or those of a model with several by their names.
Arrays: TypeAlias = Array | dict[str, Array]
Rows: TypeAlias = slice | Sequence[int] | npt.NDArray[Any]

#: What is read from the disk at once and shuffled as a whole, and the pieces of neighbouring rows that it is made of:
#: small enough that a window has rows of many places, large enough that reading them costs no more than the disk.
_WINDOW_BYTES = 32 << 20
_PIECE_BYTES = 256 << 10
#: The fewest pieces of a full window, whatever a chunk of the file is: 1 MB of 32, the most that h5py itself chooses.
_PIECES = 32
#: How much is read in one go of rows that lie near each other, with what lies between them.
_REACH_BYTES = 4 << 20
#: What a row of texts is taken for: their lengths are not known before they are read.
TEXT_BYTES = 2048


class Stored:
    """Rows of an array on disk, read when they are asked for and not before.

    The rows keep the order that they have on the disk, whatever the order in which they were chosen: reading one by
    one what lies all over a file is what makes such data slow. Whoever wants another order shuffles batches.

    Args:
        array: an ``h5py.Dataset`` of numbers or texts, or a ``numpy.memmap``; it must stay open. One in memory, which
            may be a sparse matrix of SciPy, is read in the same way.
        rows: which of its rows; all of them without.
    """

    def __init__(self, array: Any, rows: Rows = slice(None)) -> None:
        self._array = array
        self._is_file = isinstance(array, h5py.Dataset | np.memmap)
        self._path = (array.filename if isinstance(array, np.memmap) else array.file.filename) if self._is_file else ""
        total = array.shape[0]
        self._rows = _in_order(rows, total)
        count = len(range(*self._rows.indices(total))) if isinstance(self._rows, slice) else len(self._rows)
        self.shape: tuple[int, ...] = (count, *array.shape[1:])
        self._texts = h5py.check_string_dtype(array.dtype) is not None
        self.dtype: np.dtype[Any] = np.dtype(object) if self._texts else array.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions, samples included."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """The size of all rows in memory; of texts a guess."""
        row = int(np.prod(self.shape[1:])) * (TEXT_BYTES if self._texts else self.dtype.itemsize)
        return len(self) * max(row, 1)

    @property
    def row_bytes(self) -> int:
        """How much memory reading a row takes; of texts a guess."""
        return self.nbytes // max(len(self), 1) or 1

    @property
    def piece(self) -> int:
        """How many neighbouring rows are best read at once: a chunk of the file, or as many as make 256 KB."""
        if not self._is_file:
            return 1
        chunks = getattr(self._array, "chunks", None)
        return max(int(chunks[0]) if chunks else _PIECE_BYTES // self.row_bytes, 1)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Return rows as an array in memory, in the order of ``key``: a number, a slice, an index, a mask."""
        if isinstance(key, tuple):
            return self[key[0]][(slice(None), *key[1:])]
        if isinstance(key, int | np.integer):
            return self[[range(len(self))[key]]][0]
        if isinstance(key, slice) and isinstance(self._rows, slice):
            first, last, step = key.indices(len(self))
            if step == 1:
                return self._range(self._rows.start + first, self._rows.start + max(first, last))
        wanted = np.arange(len(self))[key]
        chosen = wanted + self._rows.start if isinstance(self._rows, slice) else self._rows[wanted]
        if chosen.ndim == 1 and (np.diff(chosen) > 0).all():
            return self._read(chosen)
        distinct, places = np.unique(chosen, return_inverse=True)
        return self._read(distinct)[places]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return all rows in memory."""
        return np.asarray(self[:], dtype)

    def take(self, rows: Rows) -> Stored:
        """Return some of the rows, in the order of the disk; nothing is read."""
        chosen = _in_order(rows, len(self))
        if isinstance(self._rows, slice):
            first = self._rows.start
            moved = slice(first + chosen.start, first + chosen.stop) if isinstance(chosen, slice) else chosen + first
            return Stored(self._array, moved)
        return Stored(self._array, self._rows[chosen])

    def _range(self, first: int, last: int) -> Any:
        if not self._is_file:
            return self._array[first:last]
        source = self._array.asstr() if self._texts else self._array
        try:
            return np.array(source[first:last])
        except (OSError, RuntimeError, UnicodeDecodeError) as error:  # h5py has each for a file that is damaged
            text = f"{self._path}: rows {first} to {last - 1} cannot be read ({error})"
            raise DamagedDataError(text, Path(str(self._path))) from error

    def _read(self, rows: Array) -> Any:
        """Read rows that ascend: neighbours, and what is hardly further apart, in one go."""
        if not self._is_file:
            return self._array[rows]
        result = np.empty((len(rows), *self.shape[1:]), self.dtype)
        reach = max(_REACH_BYTES // self.row_bytes // self.piece, 1) * self.piece
        apart = (np.diff(rows) > self.piece) | (np.diff(rows // reach) > 0)
        ends = np.append(np.flatnonzero(apart) + 1, len(rows))
        begin = 0
        for end in ends if len(rows) else ():
            first = rows[begin]
            result[begin:end] = self._range(first, rows[end - 1] + 1)[rows[begin:end] - first]
            begin = end
        return result


class Changed(Stored):
    """Rows that go through a function whenever they are read, because what it makes of all of them is large.

    Args:
        source: the rows.
        change: takes some of them and returns as many.
        like: what it made of a row; it tells shape and type.
    """

    def __init__(self, source: Stored, change: Callable[[Any], Any], like: Any) -> None:
        self._source, self._change, self._like = source, change, like
        self._rows = slice(0, len(source))
        self._texts = like.dtype == object
        self.shape = (len(source), *like.shape[1:])
        self.dtype = like.dtype

    @property
    def row_bytes(self) -> int:
        """How much memory reading a row takes, before or after the change, whichever is more."""
        return max(super().row_bytes, self._source.row_bytes)

    @property
    def piece(self) -> int:
        """How many neighbouring rows are best read at once."""
        return self._source.piece

    def take(self, rows: Rows) -> Changed:
        """Return some of the rows, in the order of the disk; nothing is read."""
        return Changed(self._source.take(rows), self._change, self._like)

    def _range(self, first: int, last: int) -> Any:
        return self._change(self._source[first:last]) if last > first else self._like[:0]

    def _read(self, rows: Array) -> Any:
        return self._change(self._source[rows]) if len(rows) else self._like[:0]


@dataclass(frozen=True)
class Samples:
    """Features ``X`` and as many targets ``y``, samples first.

    ``class_names`` are what the classes 0, 1, ... of the targets are called, where that is known. ``encoding`` says how
    columns of a table became numbers, as JSON, so that it can be done again (:mod:`app.engine.data.columns`).
    """

    X: Arrays
    y: Arrays
    class_names: tuple[str, ...] = ()
    encoding: Mapping[str, Any] | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(next(iter(each(self.X).values())))

    @property
    def on_disk(self) -> bool:
        """Whether any part is read, or made, when it is asked for."""
        return any(not in_memory(array) for array in (*each(self.X).values(), *each(self.y).values()))

    def take(self, rows: Rows) -> Samples:
        """Return some of the samples, by slice, index or mask.

        A slice of what is in memory shares it; what is on disk stays there. Where any part is on disk, all of them come
        in the order of the disk, whatever that of ``rows`` (see :class:`Stored`).
        """
        chosen = _in_order(rows, len(self)) if self.on_disk else rows

        def some(array: Array) -> Array:
            return array[chosen] if in_memory(array) else cast("Array", as_stored(array).take(chosen))

        return replace(self, X=apply(some, self.X), y=apply(some, self.y))

    def batches(
        self, size: int, rng: np.random.Generator | None = None, *, window: int | None = None
    ) -> Iterator[tuple[Arrays, Arrays]]:
        """Yield features and targets of one epoch, ``size`` samples at a time, the last ones fewer.

        With ``rng`` the samples are shuffled: those in memory as a whole; of those on disk a window of pieces from
        random places is read and shuffled at a time, so that an epoch reads the file once and in large portions.

        Args:
            size: samples in a batch.
            rng: what shuffles; without it they come in their order.
            window: how many samples of those on disk are held in memory at a time; without it, 32 MB of them.
        """
        count = len(self)
        if not self.on_disk:
            order = None if rng is None else rng.permutation(count)
            for first in range(0, count, size):
                rows = slice(first, first + size)
                yield _picked(self, rows if order is None else order[rows])
            return
        stored = [array for part in (self.X, self.y) for array in each(part).values() if not in_memory(array)]
        row_bytes = sum(as_stored(array).row_bytes for array in stored)
        window = window or max(_WINDOW_BYTES // row_bytes, 1)
        window = -(-window // size) * size
        piece = min(max(as_stored(array).piece for array in stored), max(window // _PIECES, 1))
        order = None if rng is None else _pieces(count, piece, rng)
        for first in range(0, count, window):
            last = min(first + window, count)
            portion = Samples(*_picked(self, slice(first, last) if order is None else np.sort(order[first:last])))
            yield from portion.batches(size, rng)


def each(arrays: Arrays) -> dict[str, Array]:
    """Return the arrays by name; the one that has none is called ""."""
    return arrays if isinstance(arrays, dict) else {"": arrays}


def apply(change: Callable[[Array], Any], arrays: Arrays) -> Arrays:
    """Return the arrays, each changed by a function."""
    return {name: change(array) for name, array in arrays.items()} if isinstance(arrays, dict) else change(arrays)


def in_memory(array: Any) -> bool:
    """Return whether an array is NumPy's own and no file behind it."""
    return isinstance(array, np.ndarray) and not isinstance(array, np.memmap)


def portions(array: Any, rows: int | None = None) -> Iterator[Any]:
    """Yield all rows of an array in their order, ``rows`` at a time, or 32 MB."""
    stored = as_stored(array)
    size = rows or max(_WINDOW_BYTES // stored.row_bytes, 1)
    for first in range(0, len(stored), size):
        yield stored[first : first + size]


def span(array: Any) -> tuple[Any, Any, bool]:
    """Return the least and the greatest number of an array, and whether all are whole; it must have some."""
    least, greatest, whole = [], [], True
    for some in portions(array):
        least.append(some.min())
        greatest.append(some.max())
        whole = whole and (some.dtype.kind in "biu" or not (some % 1).any())
    return min(least), max(greatest), whole


def as_stored(array: Any) -> Stored:
    """Return an array as one that is read when it is asked for."""
    return array if isinstance(array, Stored) else Stored(array)


def _picked(samples: Samples, rows: slice | Array) -> tuple[Arrays, Arrays]:
    def read(array: Array) -> Any:
        return array[rows] if in_memory(array) else as_stored(array)[rows]

    return apply(read, samples.X), apply(read, samples.y)


def _in_order(rows: Rows, count: int) -> slice | Array:
    """Return rows as a slice with a begin and an end where they are neighbours, else as an index that ascends."""
    if isinstance(rows, slice) and rows.step in (None, 1):
        first, last, _ = rows.indices(count)
        return slice(first, max(first, last))
    order = np.sort(np.arange(count)[rows])
    if len(order) and (np.diff(order) == 1).all():
        return slice(int(order[0]), int(order[-1]) + 1)
    return order


def _pieces(count: int, size: int, rng: np.random.Generator) -> Array:
    """Return all row numbers, neighbours together in pieces of ``size``, the last maybe less, in random order."""
    first = rng.permutation(np.arange(0, count, size))
    rows = (first[:, np.newaxis] + np.arange(size)).reshape(-1)
    return rows[rows < count]
