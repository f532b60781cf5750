"""One event file of TensorBoard, read on from where the last look ended."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path

import numpy as np

from app.records.sources.crc32c import MARGIN, Bytes
from app.records.sources.event_contents import Contents, Gatherer
from app.records.sources.foreign import is_growing
from app.records.sources.frames import FOOTER, HEADER, find_frames

#: As much as the processor keeps near: what is done to a block goes over it many times.
_BLOCK = 1 << 20
#: A longer record is named and passed over.
_LONGEST_RECORD = 1 << 27
#: Files up to this size are read many at once.
_SMALL = _BLOCK >> 2
_TAIL = 64


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells whether a file is as it was, has grown or is another one.

    Attributes:
        size, mtime_ns, inode: as the file system tells them.
        tail: the last bytes before the place up to which it was read.
    """

    size: int
    mtime_ns: int
    inode: int
    tail: bytes = b""

    @classmethod
    def of(cls, stat: os.stat_result, tail: bytes = b"") -> FileState:
        """Return the state that a file is in."""
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ino, tail)

    def is_as(self, other: FileState) -> bool:
        """Whether nothing has happened to the file in between."""
        return (self.size, self.mtime_ns, self.inode) == (other.size, other.mtime_ns, other.inode)


class EventFile:
    """An event file that may grow, be replaced or be cut.

    A record that is cut at the end of the file may still be under way: it is no damage, but waits.

    Attributes:
        contents: what was read so far; a new object when the file was replaced or cut.
        state: of the file when it was read, None before.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.contents = Contents(path)
        self.state: FileState | None = None

    @property
    def rest(self) -> int:
        """How many bytes at the end make no whole record."""
        return 0 if self.state is None else self.state.size - self.contents.end

    @property
    def is_active(self) -> bool:
        """Whether it may still be written."""
        return self.state is not None and is_growing(self.state.mtime_ns / 1e9)

    def update(self) -> bool:
        """Read what is new; return whether there was anything.

        Raises:
            OSError: the file is not there or cannot be read.
        """
        if self.state is not None and FileState.of(os.stat(self.path)).is_as(self.state):
            return False
        with open(self.path, "rb", buffering=0) as file:
            found = FileState.of(os.fstat(file.fileno()))
            if not self._goes_on(file, found):
                self.contents = Contents(self.path)
            self.state = None
            try:
                _read_on(file, found.size, self.contents)
            except BaseException:
                self.contents = Contents(self.path)  # half of a portion is none
                raise
            tail = min(_TAIL, self.contents.end)
            self.state = replace(found, tail=_read_at(file, self.contents.end - tail, tail))
        return True

    def _goes_on(self, file: FileIO, found: FileState) -> bool:
        old = self.state
        return (
            old is not None
            and found.inode == old.inode
            and found.size > old.size
            and _read_at(file, self.contents.end - len(old.tail), len(old.tail)) == old.tail
        )


def _read_at(file: FileIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _read_block(file: FileIO, position: int, size: int) -> Bytes:
    """Return bytes of a file behind a margin; fewer where it was cut meanwhile."""
    block = np.empty(MARGIN + size, np.uint8)
    file.seek(position)
    filled = MARGIN
    while filled < len(block):
        count = file.readinto(block[filled:].data)
        if not count:
            break
        filled += count
    return block[:filled]


def _read_on(file: FileIO, size: int, contents: Contents) -> None:
    """Add to the contents of a file what stands behind their end."""
    gatherer = Gatherer([contents])
    position = contents.end
    wanted = _BLOCK
    lost_from: int | None = None  # since where no record was found
    while size - position >= HEADER:
        block = _read_block(file, position, min(wanted, size - position))
        if len(block) - MARGIN < min(wanted, size - position):
            size = position + len(block) - MARGIN
        shift = position - MARGIN
        frames = find_frames(block, MARGIN, aligned=lost_from is None)
        for begin, end in frames.lost:
            offset = begin + shift if lost_from is None or begin > MARGIN else lost_from
            contents.add_damage(offset, end + shift - offset, "is no record")
        bad = gatherer.take(block, frames, [0], [shift]).tolist()
        position = frames.end + shift
        under_way = bool(bad) and bad[-1] == len(frames.starts) - 1 and position == size
        if under_way:
            position = int(frames.starts[bad.pop()]) - HEADER + shift
        for record in bad:
            offset = int(frames.starts[record]) - HEADER + shift
            contents.add_damage(offset, int(frames.lengths[record]) + HEADER + FOOTER, "has a wrong checksum")
        wanted = _BLOCK
        if len(frames.starts) or frames.size is not None:
            lost_from = None
        if under_way or (frames.size is not None and position + frames.size > size):
            break
        if frames.size is None:
            if len(block) - frames.end >= HEADER:
                lost_from = position if lost_from is None else lost_from
                position = len(block) + shift - (HEADER - 1)
        elif frames.size > _LONGEST_RECORD:
            contents.add_damage(position, frames.size, "is longer than any that is read")
            position += frames.size
        else:
            wanted = max(_BLOCK, frames.size)
    gatherer.finish()
    contents.end = position if lost_from is None else lost_from


def read_together(files: Sequence[EventFile]) -> None:
    """Read small files that were not read yet, many at once: that costs much less than one by one.

    A file that is damaged or cannot be read is left as it is, for :meth:`EventFile.update` to tell.
    """
    block = np.empty(MARGIN + _BLOCK, np.uint8)
    filled = MARGIN
    found: list[tuple[EventFile, FileState, int]] = []
    for each in files:
        if each.state is not None:
            continue
        try:
            with open(each.path, "rb", buffering=0) as file:
                state = FileState.of(os.fstat(file.fileno()))
                if not HEADER <= state.size <= _SMALL:
                    continue
                if filled + state.size > len(block):
                    _take_together(block[:filled], found)
                    filled, found = MARGIN, []
                if file.readinto(block[filled : filled + state.size].data) == state.size:
                    found.append((each, state, filled))
                    filled += state.size
        except OSError:
            continue
    _take_together(block[:filled], found)


def _take_together(block: Bytes, found: Sequence[tuple[EventFile, FileState, int]]) -> None:
    """Take files that stand in a block one behind the other, which is a chain of records too."""
    frames = find_frames(block, MARGIN)
    begins = [begin for _, _, begin in found]
    firsts = np.searchsorted(frames.starts - HEADER, begins).tolist()
    if frames.lost or frames.end != len(block) or not np.isin(begins, frames.starts - HEADER).all():
        return
    contents = [Contents(file.path) for file, _, _ in found]
    gatherer = Gatherer(contents)
    if len(gatherer.take(block, frames, firsts, [-begin for begin in begins])):
        return
    gatherer.finish()
    for (file, state, begin), read in zip(found, contents, strict=True):
        read.end = state.size
        tail = block[begin : begin + state.size][-_TAIL:].tobytes()
        file.contents, file.state = read, replace(state, tail=tail)
