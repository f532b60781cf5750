"""What was added to a run's series since the last look."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from app.messages import BATCH_PREFIX, POINT
from app.records.files import RecordError
from app.records.layout import ExecutionFolder
from app.records.series import NAMES_FILE, POINT_DTYPE, Points, series_data_start, series_files

Point = tuple[int, float, float]


class SeriesTail:
    """Follows the series of one run, whoever writes them.

    Args:
        folder: the execution.
        batches: whether per-batch series are followed too.
    """

    def __init__(self, folder: ExecutionFolder, *, batches: bool) -> None:
        self._folder = folder
        self._batches = batches
        self._names_stamp: tuple[int, int] | None = None
        self._paths: dict[str, str] = {}
        self._positions: dict[str, int] = {}

    def new_points(self) -> Iterator[tuple[str, list[Point]]]:
        """Yield (metric, points as (step, time, value)) for every series that has grown since the last call."""
        for metric, points in self.new_arrays():
            yield metric, points.tolist()

    def new_arrays(self) -> Iterator[tuple[str, Points]]:
        """Yield (metric, points) like ``new_points``, as arrays of the fields step, time and value."""
        self._find_series()
        for metric, path in self._paths.items():
            try:
                points = self._read(metric, path)
            except OSError:
                continue  # gone, or not there yet: the next look tells
            if points is not None:
                yield metric, points

    def _read(self, metric: str, path: str) -> Points | None:
        position = self._positions.get(metric)
        if position is not None and os.stat(path).st_size < position + POINT.size:
            return None
        with open(path, "rb") as file:
            if position is None:
                try:
                    position = series_data_start(file, path)
                except RecordError:
                    return None
            file.seek(position)
            data = file.read()
        whole = len(data) - len(data) % POINT.size
        self._positions[metric] = position + whole
        return np.frombuffer(data[:whole], POINT_DTYPE) if whole else None

    def _find_series(self) -> None:
        try:
            stat = os.stat(self._folder.series / NAMES_FILE)
        except OSError:
            return
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp == self._names_stamp:
            return
        try:
            files = series_files(self._folder.series)
        except RecordError:
            return
        # names.json names a file before it exists, so one that is missing yet is looked for again.
        wanted = {name: str(path) for name, path in files.items() if self._batches or not name.startswith(BATCH_PREFIX)}
        self._paths = wanted
        self._names_stamp = stamp if all(os.path.exists(path) for path in wanted.values()) else None
