"""Columns of metrics: what is known of a metric's values in many runs, packed by 256 runs and as arrays."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from app.records.index.values import CHUNK, CHUNK_BITS, Ids, ValueColumn
from app.records.summary import TREND_POINTS, MetricSummary

_NUMBERS = struct.Struct("<5d3q")
_DTYPE = np.dtype(
    [(name, "<f8") for name in ("first", "last", "min", "max", "mean")]
    + [(name, "<i8") for name in ("count", "min_step", "max_step")]
)
_NO_STEP, _MOST_INT = -(1 << 63), (1 << 63) - 1

#: A trend is stored as its lowest and highest finite value and a level between them, in a byte, for each value: half a
#: pixel of a table's row. What is no level:
_TREND = np.dtype([("low", "<f8"), ("high", "<f8"), ("levels", "u1", (TREND_POINTS,))])
_END, _NAN, _MINUS, _PLUS, _LOWEST = range(5)
_LEVELS = 255 - _LOWEST


class SummaryChunk(NamedTuple):
    """The summaries of a metric in up to 256 runs as they are stored.

    Attributes:
        rows: the place of each run in the chunk, a byte each, ascending.
        numbers: of each first, last, min, max, mean, count, min_step, max_step; little-endian, 8 bytes each.
        trends: of each the trend, packed.
    """

    rows: bytes
    numbers: bytes
    trends: bytes


NO_SUMMARIES = SummaryChunk(b"", b"", b"")


def pack_summaries(metrics: Mapping[int, Mapping[int, MetricSummary]]) -> dict[int, SummaryChunk]:
    """Return the chunks of the summaries of many metrics, each by the place of its run, under the same numbers."""
    rows = {metric: sorted(summaries) for metric, summaries in metrics.items()}
    ordered = [metrics[metric][row] for metric, places in rows.items() for row in places]
    numbers = b"".join(map(_packed, ordered))
    trends = _pack_trends([summary.trend for summary in ordered])
    chunks = {}
    begin = 0
    for metric, places in rows.items():
        end = begin + len(places)
        chunks[metric] = SummaryChunk(
            bytes(places),
            numbers[begin * _DTYPE.itemsize : end * _DTYPE.itemsize],
            trends[begin * _TREND.itemsize : end * _TREND.itemsize],
        )
        begin = end
    return chunks


def merge_summaries(old: SummaryChunk, new: SummaryChunk, gone: Iterable[int] = ()) -> SummaryChunk:
    """Return the chunk of the summaries of two, the new ones going before the old ones.

    Args:
        old: a chunk.
        new: the chunk of what is new or has changed, in the same places.
        gone: places whose old summary is none any more.

    Raises:
        ValueError: a chunk is damaged.
    """
    _check(old)
    before, added = np.frombuffer(old.rows, np.uint8), np.frombuffer(new.rows, np.uint8)
    stays = np.ones(CHUNK, bool)
    stays[added] = stays[list(gone)] = False
    kept = stays[before]
    rows = np.concatenate([before[kept], added])
    order = np.argsort(rows)
    numbers = np.concatenate([np.frombuffer(old.numbers, _DTYPE)[kept], np.frombuffer(new.numbers, _DTYPE)])
    trends = np.concatenate([np.frombuffer(old.trends, _TREND)[kept], np.frombuffer(new.trends, _TREND)])
    return SummaryChunk(rows[order].tobytes(), numbers[order].tobytes(), trends[order].tobytes())


def summary_column(chunks: Iterable[tuple[int, SummaryChunk]], stat: str, size: int) -> ValueColumn:
    """Return one number of each summary as a column; place ``i`` is the run with the id ``i``.

    Raises:
        ValueError: a chunk is damaged.
    """
    rows, parts = _joined(chunks)
    array = np.frombuffer(b"".join(parts), _DTYPE)
    if len(array) != len(rows):
        raise ValueError("the parts of a chunk differ in length")
    values = array[stat].astype(np.float64)
    present = np.zeros(size, bool)
    present[rows] = array[stat] != _NO_STEP if stat.endswith("step") else True
    numbers = np.empty(size)
    numbers[rows] = values
    return ValueColumn.of_numbers(numbers, present)


def summaries_at(chunk: SummaryChunk, wanted: Container[int]) -> Iterator[tuple[int, MetricSummary]]:
    """Yield the summaries of some runs of a chunk, each with the place of its run.

    Raises:
        ValueError: a chunk is damaged.
    """
    _check(chunk)
    places = [place for place, row in enumerate(chunk.rows) if row in wanted]
    trends = unpack_trends(np.frombuffer(chunk.trends, _TREND)[places])
    for place, trend in zip(places, trends, strict=True):
        first, last, low, high, mean, count, *steps = _NUMBERS.unpack_from(chunk.numbers, place * _DTYPE.itemsize)
        at_min, at_max = [None if step == _NO_STEP else step for step in steps]
        yield chunk.rows[place], MetricSummary(first, last, low, high, count, trend, mean, at_min, at_max)


class Trends(Sequence[tuple[float, ...]]):
    """Trends that are unpacked when they are looked at: of many thousands, a table shows some."""

    def __init__(self, packed: npt.NDArray[Any]) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, place: int) -> tuple[float, ...]: ...

    @overload
    def __getitem__(self, place: slice) -> list[tuple[float, ...]]: ...

    def __getitem__(self, place: int | slice) -> tuple[float, ...] | list[tuple[float, ...]]:
        if isinstance(place, slice):
            return unpack_trends(self._packed[place])
        return unpack_trends(self._packed[[place]])[0]

    def take(self, places: Ids) -> Trends:
        """Return the trends of some runs."""
        return Trends(self._packed[places])


def trends_of(chunks: Iterable[tuple[int, SummaryChunk]], ids: Ids, size: int) -> Trends:
    """Return the trend of a metric for some runs, () for those that have none.

    Raises:
        ValueError: a chunk is damaged.
    """
    kept = []
    for number, chunk in chunks:
        _check(chunk)
        kept.append((number, chunk._replace(numbers=chunk.trends)))
    rows, parts = _joined(kept)
    array = np.frombuffer(b"".join(parts), _TREND)
    places = np.full(size, len(array))
    places[rows] = np.arange(len(array))
    with_none = np.append(array, np.zeros(1, _TREND))
    return Trends(with_none[places[ids]])


def unpack_trends(packed: npt.NDArray[Any]) -> list[tuple[float, ...]]:
    """Return trends as their values."""
    levels = packed["levels"]
    low, high = packed["low"][:, None], packed["high"][:, None]
    share = (levels.astype(np.float64) - _LOWEST) / _LEVELS
    values = low * (1.0 - share) + high * share
    for level, value in ((_NAN, np.nan), (_MINUS, -np.inf), (_PLUS, np.inf)):
        values[levels == level] = value
    lengths = (levels != _END).sum(axis=1).tolist()
    return [tuple(row[:length]) for row, length in zip(values.tolist(), lengths, strict=True)]


def _pack_trends(trends: Sequence[tuple[float, ...]]) -> bytes:
    values = np.full((len(trends), TREND_POINTS), np.nan)
    lengths = np.fromiter(map(len, trends), np.intp, len(trends))
    used = np.arange(TREND_POINTS) < lengths[:, None]
    values[used] = np.fromiter(chain.from_iterable(trend[:TREND_POINTS] for trend in trends), np.float64)
    finite = np.isfinite(values)
    low = np.min(values, axis=1, where=finite, initial=np.inf)
    high = np.max(values, axis=1, where=finite, initial=-np.inf)
    none = low > high
    low[none] = high[none] = 0.0
    # Halves, so that the distance between the two largest numbers there are is one too.
    width = np.where(high > low, high / 2 - low / 2, 1.0)[:, None]
    share = np.where(finite, values / 2 - low[:, None] / 2, 0.0) / width
    levels = np.rint(share * _LEVELS).astype(np.uint8) + np.uint8(_LOWEST)
    levels[~used] = _END
    levels[used & np.isnan(values)] = _NAN
    levels[values == -np.inf] = _MINUS
    levels[values == np.inf] = _PLUS
    packed = np.empty(len(trends), _TREND)
    packed["low"], packed["high"], packed["levels"] = low, high, levels
    return packed.tobytes()


def _joined(chunks: Iterable[tuple[int, SummaryChunk]]) -> tuple[Ids, list[bytes]]:
    rows, numbers = [], []
    for number, chunk in chunks:
        rows.append(np.frombuffer(chunk.rows, np.uint8) + np.int64(number << CHUNK_BITS))
        numbers.append(chunk.numbers)
    return (np.concatenate(rows) if rows else np.empty(0, np.int64)), numbers


def _check(chunk: SummaryChunk) -> None:
    count = len(chunk.rows)
    if len(chunk.numbers) != count * _DTYPE.itemsize or len(chunk.trends) != count * _TREND.itemsize:
        raise ValueError("the parts of a chunk differ in length")


def _packed(summary: MetricSummary) -> bytes:
    at_min, at_max = summary.min_step, summary.max_step
    return _NUMBERS.pack(
        summary.first,
        summary.last,
        summary.min,
        summary.max,
        summary.mean,
        summary.count if summary.count <= _MOST_INT else _MOST_INT,
        at_min if at_min is not None and _NO_STEP < at_min <= _MOST_INT else _NO_STEP,
        at_max if at_max is not None and _NO_STEP < at_max <= _MOST_INT else _NO_STEP,
    )
