"""A run that is followed by reading it again whenever its files have changed: for what is small or read on anyway."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from app.records.series import Points
from app.records.sources.base import Medium, RecordUpdate, RunRecord, Source, Tail


class Rereading(Tail):
    """Follows a run by its stamp. Of what it has told it keeps a count and a checksum for each series.

    Args:
        source: where the run is.
        key: the run.
        stamp: returns what changes when the run's files do; it raises KeyError or OSError when they are not there.
    """

    def __init__(self, source: Source, key: str, stamp: Callable[[], bytes | None]) -> None:
        self._source, self._key, self._stamp = source, key, stamp
        self._seen: bytes | None = None
        self._record: RunRecord | None = None
        self._media: tuple[Medium, ...] = ()
        self._told: dict[str, tuple[int, int]] = {}

    def look(self) -> RecordUpdate:
        """See :meth:`Tail.look`."""
        stamp = self._stamp()
        if stamp is not None and stamp == self._seen:
            return RecordUpdate()
        found = self._source.read(self._key)
        record = replace(found, metrics={})
        starts_over = not self._told.keys() <= found.metrics.keys()
        points: list[tuple[str, Points]] = []
        if not starts_over:
            told = dict(self._told)
            points = list(self._new_points(found, told))
            starts_over = any(not count for count, _ in told.values())
        if starts_over:
            told = {}
            points = list(self._new_points(found, told))
        media = tuple(self._source.media(self._key))
        update = RecordUpdate(
            record if record != self._record else None,
            tuple((metric, new) for metric, new in points if len(new)),
            media if media != self._media else None,
            starts_over,
        )
        self._seen, self._record, self._media, self._told = stamp, record, media, told
        return update

    def _new_points(self, record: RunRecord, told: dict[str, tuple[int, int]]) -> Iterator[tuple[str, Points]]:
        """Yield what follows what was told of each series, and note it; one that is another now is noted as empty."""
        for metric in record.metrics:
            points = self._source.series(self._key, metric)
            count, checksum = told.get(metric, (0, 0))
            if count == len(points) == 1 and _checksum(points) != checksum:
                count = 0  # the last value of something that has no series: what was seen of it is its course
            elif len(points) < count or _checksum(points[:count]) != checksum:
                told[metric] = (0, 0)
                continue
            told[metric] = (len(points), _checksum(points))
            yield metric, points[count:]


def _checksum(points: Points) -> int:
    return zlib.crc32(points.view(np.uint8).data)
