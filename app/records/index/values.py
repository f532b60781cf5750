"""Columns of values: what a param, a tag or an attribute is in many runs, packed by 256 runs and as arrays.

A chunk holds the values of the runs ``256 * n`` to ``256 * n + 255`` that have one. It is self-contained, so that a run
changes by rewriting a few small chunks, and a whole column is read without an object a value.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from app.records.query.values import number_of
from app.records.sources.base import Param

CHUNK_BITS = 8
CHUNK = 1 << CHUNK_BITS

Floats: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.int32]
Mask: TypeAlias = npt.NDArray[np.bool_]
Ids: TypeAlias = npt.NDArray[np.int64]

#: What a value is; a text is TEXT and its place among the texts.
MISSING, FLOAT, INT, FALSE, TRUE, NULL, TEXT = range(-1, 6)

_EXACT_INT = 1 << 53
_LONGEST_TEXT = 32_768
_NAN = float("nan")
_CODE, _NUMBER = struct.Struct("<H"), struct.Struct("<d")


class ValueChunk(NamedTuple):
    """The values of up to 256 runs as they are stored.

    Attributes:
        rows: the place of each run in the chunk, a byte each, ascending.
        codes: what each value is, little-endian, 2 bytes each.
        numbers: the number that each value is or reads as, little-endian, 8 bytes each; None where none is one.
        texts: the distinct texts as a JSON array; None where there are none.
    """

    rows: bytes
    codes: bytes
    numbers: bytes | None
    texts: bytes | None


def pack_values(values: Mapping[int, Param]) -> ValueChunk:
    """Return the chunk of values by the place of their run. Texts over 32,768 characters are cut there."""
    rows = sorted(values)
    ordered: list[Any] = [values[row] for row in rows]
    texts: dict[str, int] = {}
    kinds = set(map(type, ordered))
    # Most names have few different values, so what each becomes is found out once; 1 and True are equal.
    keys = ordered if len(kinds) == 1 else list(zip(map(type, ordered), ordered, strict=True))
    distinct = dict(zip(keys, ordered, strict=True))
    if len(distinct) == 1:
        code, number = _packed(ordered[0], texts)
        codes = _CODE.pack(code) * len(rows)
        numbers = None if number != number else _NUMBER.pack(number) * len(rows)
    else:
        if kinds == {float}:
            codes, array = _CODE.pack(FLOAT) * len(rows), np.array(ordered, "<f8")
        else:
            packed = {key: _packed(value, texts) for key, value in distinct.items()}
            codes = np.array([packed[key][0] for key in keys], "<u2").tobytes()
            array = np.array([packed[key][1] for key in keys], "<f8")
        numbers = None if np.isnan(array).all() else array.tobytes()
    return ValueChunk(bytes(rows), codes, numbers, _as_json(texts))


def merge_values(old: ValueChunk, new: ValueChunk, gone: Iterable[int] = ()) -> ValueChunk:
    """Return the chunk of the values of two, the new ones going before the old ones.

    Args:
        old: a chunk.
        new: the chunk of what is new or has changed, in the same places.
        gone: places whose old value is not one any more.

    Raises:
        ValueError: a chunk is damaged.
    """
    column = ValueColumn.of_chunks([(0, old), (0, new)], CHUNK)
    column.codes[sorted(set(gone).difference(new.rows))] = MISSING
    rows = np.flatnonzero(column.codes != MISSING)
    codes, numbers = column.codes[rows], column.numbers[rows]
    used = np.zeros(TEXT + len(column.texts), bool)
    used[codes] = True
    used[:TEXT] = True
    texts = [text for text, is_used in zip(column.texts, used[TEXT:].tolist(), strict=True) if is_used]
    return ValueChunk(
        rows.astype(np.uint8).tobytes(),
        (np.cumsum(used) - 1)[codes].astype("<u2").tobytes(),
        None if np.isnan(numbers).all() else numbers.astype("<f8").tobytes(),
        _as_json(texts),
    )


def values_at(chunk: ValueChunk, wanted: Container[int]) -> Iterable[tuple[int, Param]]:
    """Return the values of some runs of a chunk, each with the place of its run.

    Raises:
        ValueError, IndexError: the chunk is damaged.
    """
    places = [place for place, row in enumerate(chunk.rows) if row in wanted]
    if not places:
        return ()
    column = ValueColumn.of_chunk(chunk)
    if len(places) == len(chunk.rows):
        return zip(chunk.rows, column, strict=True)
    return zip([chunk.rows[place] for place in places], column.take(np.array(places)), strict=True)


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """A value for each of many runs.

    Attributes:
        numbers: the value where it is a number or a text that reads as one, else NaN.
        codes: what each value is.
        texts: the distinct texts.
    """

    numbers: Floats
    codes: Codes
    texts: list[str]

    @classmethod
    def empty(cls, size: int) -> ValueColumn:
        """Return a column in which no run has a value."""
        return cls(np.full(size, _NAN), np.full(size, MISSING, np.int32), [])

    @classmethod
    def of_numbers(cls, numbers: Floats, present: Mask) -> ValueColumn:
        """Return a column of numbers."""
        return cls(np.where(present, numbers, _NAN), np.where(present, FLOAT, MISSING).astype(np.int32), [])

    @classmethod
    def of_chunk(cls, chunk: ValueChunk) -> ValueColumn:
        """Return the values of one chunk, one for each of its rows.

        Raises:
            ValueError: the chunk is damaged.
        """
        codes = np.frombuffer(chunk.codes, "<u2").astype(np.int32)
        numbers = np.full(len(codes), _NAN) if chunk.numbers is None else np.frombuffer(chunk.numbers, "<f8")
        texts = [] if chunk.texts is None else json.loads(chunk.texts)
        if not len(codes) == len(numbers) == len(chunk.rows):
            raise ValueError("the parts of a chunk differ in length")
        if not all(type(text) is str for text in texts):
            raise ValueError("a chunk has a text that is none")
        return cls(numbers, codes, texts)

    @classmethod
    def of_chunks(cls, chunks: Iterable[tuple[int, ValueChunk]], size: int) -> ValueColumn:
        """Return the column of chunks, each with its number; place ``i`` is the run with the id ``i``.

        Raises:
            ValueError: a chunk is damaged.
        """
        rows, codes, numbers = [], [], []
        texts: dict[str, int] = {}
        for number, chunk in chunks:
            own = cls.of_chunk(chunk)
            rows.append(np.frombuffer(chunk.rows, np.uint8) + np.int64(number << CHUNK_BITS))
            if own.texts:
                places = np.arange(TEXT + len(own.texts), dtype=np.int32)
                places[TEXT:] = [texts.setdefault(text, len(texts) + TEXT) for text in own.texts]
                codes.append(_taken(places, own.codes))
            else:
                codes.append(own.codes)
            numbers.append(own.numbers)
        column = cls.empty(size)
        if rows:
            at = np.concatenate(rows)
            column.numbers[at] = np.concatenate(numbers)
            column.codes[at] = np.concatenate(codes)
        column.texts.extend(texts)
        return column

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, place: int) -> Param:
        """Return a value, None where there is none."""
        code = int(self.codes[place])
        if code >= TEXT:
            return self.texts[code - TEXT]
        if code in (FLOAT, INT):
            number = float(self.numbers[place])
            return number if code == FLOAT else int(number)
        return {FALSE: False, TRUE: True}.get(code)

    def __iter__(self) -> Iterator[Param]:
        others = [None, None, False, True, None, *self.texts, None]  # the last one is what MISSING, -1, leads to
        values = zip(self.codes.tolist(), self.numbers.tolist(), strict=True)
        return iter(
            [number if code == FLOAT else int(number) if code == INT else others[code] for code, number in values]
        )

    @property
    def present(self) -> Mask:
        """Which runs have a value."""
        mask: Mask = (self.codes != MISSING) & (self.codes != NULL)
        return mask

    def having(self, meets: Callable[[str], bool]) -> Mask:
        """Return which runs have a text that meets a condition, which is asked once for each text."""
        table = np.zeros(TEXT + len(self.texts) + 1, bool)  # the last one is what MISSING, -1, leads to
        table[TEXT:-1] = [meets(text) for text in self.texts]
        mask: Mask = table[self.codes]
        return mask

    def take(self, places: Ids) -> ValueColumn:
        """Return the column of some runs."""
        return ValueColumn(self.numbers[places], self.codes[places], self.texts)

    def over(self, other: ValueColumn) -> ValueColumn:
        """Return this column, and the values of another where this one has none."""
        ours = self.present
        texts = [*self.texts, *other.texts]
        moved = np.where(other.codes >= TEXT, other.codes + len(self.texts), other.codes)
        return ValueColumn(np.where(ours, self.numbers, other.numbers), np.where(ours, self.codes, moved), texts)


def _taken(places: Codes, codes: Codes) -> Codes:
    try:
        return places[codes]
    except IndexError as error:
        raise ValueError("a chunk names a text that it does not have") from error


def _as_json(texts: Iterable[str]) -> bytes | None:
    listed = list(texts)
    return json.dumps(listed).encode() if listed else None


def _packed(value: Param, texts: dict[str, int]) -> tuple[int, float]:
    """Return the code and the number of a value; a new text is added to the texts."""
    if value is None:
        return NULL, _NAN
    if isinstance(value, bool):
        return (TRUE if value else FALSE), _NAN
    if isinstance(value, int) and -_EXACT_INT <= value <= _EXACT_INT:
        return INT, float(value)
    if isinstance(value, float):
        return FLOAT, float(value)
    text = _text(value)
    number = number_of(text)
    return TEXT + texts.setdefault(text, len(texts)), _NAN if number is None else number


def _text(value: object) -> str:
    try:
        text = str(value)
    except ValueError:  # a whole number with more digits than Python writes
        text = hex(value) if isinstance(value, int) else ""
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
