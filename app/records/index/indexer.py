"""The index is brought up to date with the sources, a slice at a time."""

from __future__ import annotations

import gc
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from app.records.annotations import Annotations, read_annotations
from app.records.files import MissingFileError, RecordError
from app.records.index.index import Index
from app.records.sources.base import RunRecord, Source

#: Runs that are written at once: enough that a part of the file is written once or twice, little enough to be quick.
_BATCH = 1_024
#: Runs whose sizes are written at once.
_MEASURED = 256
#: Files and folders that are looked at to measure one run; beyond them its size stays unknown.
_MOST_FILES = 100_000

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the look at one source is.

    Attributes:
        source: the name of the source.
        done, total: runs that are read and that were new, changed or gone.
        problems: what could not be looked at, a sentence each, with the first progress of a source.
    """

    source: str
    done: int
    total: int
    problems: tuple[str, ...] = ()


class Indexer:
    """Brings an index up to date.

    Args:
        index: the index.
    """

    def __init__(self, index: Index) -> None:
        self._index = index

    def measure(self, slice_seconds: float = 0.25) -> Iterator[int]:
        """Find out how much of the disk runs take that are not measured yet; yield how many were, slice by slice.

        Raises:
            OSError: the index cannot be written.
        """
        while runs := self._index.unmeasured(_MEASURED):
            measured = ((run, size_of(path)) for run, path in runs)
            while sizes := dict(_until(measured, slice_seconds)):
                self._index.set_sizes(sizes)
                yield len(sizes)

    def update(self, name: str, source: Source, slice_seconds: float = 0.25) -> Iterator[Progress]:
        """Look what has changed in a source and read it, the latest first; give control back after each slice.

        What was read in a slice is in the index when it is yielded. Who stops asking stops the work, and loses none of
        it. A slice takes longer where one run does, and the look at the source is one.

        Args:
            name: what the index calls the source.
            source: the source.
            slice_seconds: how long to read before what was read is written.

        Raises:
            OSError: the index cannot be written.
        """
        known = self._index.known(name)
        scan = source.scan(known)
        total = len(scan.changed) + len(scan.gone)
        if scan.gone:
            self._index.update(name, gone=scan.gone)
        done = len(scan.gone)
        yield Progress(name, done, total, scan.problems)
        keys = _latest_first(source.root, scan.changed)
        places = {key: place for place, key in enumerate(keys)}
        records = source.read_many(keys)
        place = 0
        while place < len(keys):
            with _without_collections():
                found = list(_until(islice(records, _BATCH), slice_seconds))
                # Runs come in the order of their keys, without those that are gone; when none come, the rest is gone.
                end = places[found[-1].key] + 1 if found else len(keys)
                gone = known.keys() & (set(keys[place:end]) - {record.key for record in found})
                annotations: dict[str, Annotations] = {}
                found = [_with_annotations(record, record.key in known, annotations) for record in found]
                self._index.update(name, found, scan.changed, gone, annotations)
            done += end - place
            place = end
            yield Progress(name, done, total)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Keep Python's collector of cycles at rest: records have none, and a slice makes so many that it works in vain.

    A tenth of the time of a first index went there.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def size_of(path: Path) -> int | None:
    """Return the bytes of a file or of everything in a folder, links not followed; None where that cannot be told."""
    size = looked_at = 0
    try:
        info = os.lstat(path)
        folders = [os.fspath(path)] if stat.S_ISDIR(info.st_mode) else []
        size = info.st_size
        while folders:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    looked_at += 1
                    if looked_at > _MOST_FILES:
                        return None
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
    except OSError:
        return None
    return size


def _with_annotations(record: RunRecord, is_known: bool, found: dict[str, Annotations]) -> RunRecord:
    """Add what people added to an execution to ``found``; return the record, with a problem where it is unreadable."""
    if record.source != "execution":
        return record
    path = f"{record.path}/annotations.json"
    try:
        if os.path.lexists(path):  # most runs have none
            found[record.key] = read_annotations(path)
        elif is_known:
            found[record.key] = Annotations()
    except MissingFileError:
        pass  # it went away meanwhile, which the next look will see
    except RecordError as error:
        return replace(record, problems=(*record.problems, str(error)))
    return record


def _until(items: Iterable[_T], seconds: float) -> Iterator[_T]:
    """Yield items, at least one, until some time has passed."""
    deadline = time.monotonic() + seconds
    for item in items:
        yield item
        if time.monotonic() >= deadline:
            return


def _latest_first(root: Path, keys: Iterable[str]) -> list[str]:
    """Return keys in the order of their time on the disk, latest first; those that are no paths come last."""
    times = {}
    for key in keys:
        try:
            times[key] = os.stat(f"{root}/{key}").st_mtime
        except (OSError, ValueError):
            times[key] = 0.0
    return sorted(times, key=times.__getitem__, reverse=True)
