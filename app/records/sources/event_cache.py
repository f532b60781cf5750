"""What was read of large event files, kept so that only their ends are read the next time.

Format: one file for each event file, named by the SHA-256 of its path. It is an .npy (version 1.0) of points as in
:mod:`app.records.series`, those of one tag behind those of another; ``numpy.load`` opens it. Behind the rows stand
a line of JSON, which tells the rest, and 20 bytes: the sum of the rows as 64-bit numbers, and the length and the CRC-32
of the JSON. A file that does not fit is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import mmap
import os
import struct
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from app.records.files import replace_file
from app.records.series import POINT_DTYPE, Points
from app.records.sources.base import Medium
from app.records.sources.event_contents import Contents, Damage
from app.records.sources.event_file import EventFile, FileState
from app.records.sources.hparams import Session

_VERSION = 1
_FOOTER = struct.Struct("<QQI")
#: What is read in some hundredths of a second anyway is not kept.
WORTH_BYTES = 1 << 20
#: What is larger is mapped into memory; a mapped file is an open one, so there should be few.
_MAPPED_BYTES = 8 << 20


class EventCache:
    """A folder of what was read of event files.

    Args:
        folder: where they are; made when it is needed. All of it can be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[Path, int] = {}

    def load(self, file: EventFile) -> None:
        """Let an event file begin with what was read of it earlier, if that is here; whether it still fits it tells."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, struct.error):
            file.contents, file.state = _unpack(file.path, _read(self._path(file.path)))
            self._kept[file.path] = file.contents.end

    def save(self, file: EventFile) -> None:
        """Keep what was read of a file, if that is so much more than what is kept that it is worth it."""
        kept = self._kept.get(file.path, 0)
        end = file.contents.end
        if file.state is None or 0 <= end - kept < max(WORTH_BYTES, kept // 4) or end < WORTH_BYTES:
            return
        with contextlib.suppress(OSError):  # the next program reads the file again
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_file(self._path(file.path), _pack(file.contents, file.state))
        self._kept[file.path] = end

    def _path(self, path: Path) -> Path:
        return self._folder / f"{hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()[:40]}.npy"


def _read(path: Path) -> bytes | mmap.mmap:
    with open(path, "rb") as file:
        # Kept files are replaced, but never changed, so what is mapped stays. Windows replaces no file that is mapped.
        if os.name != "nt" and os.fstat(file.fileno()).st_size >= _MAPPED_BYTES:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return file.read()


def _pack(contents: Contents, state: FileState) -> bytes:
    series = {tag: contents.points(tag) for tag in contents.series}
    facts = {
        "version": _VERSION,
        "file": str(contents.path),
        "state": [state.size, state.mtime_ns, state.inode, state.tail.hex()],
        "end": contents.end,
        "series": [[tag, len(points)] for tag, points in series.items()],
        "media": [[each.kind, each.name, each.step, each.time, each.offset, each.size] for each in contents.media],
        "session": asdict(contents.session),
        "plugins": [[tag.hex(), plugin.hex()] for tag, plugin in contents.plugins.items()],
        "times": [contents.first_time, contents.last_time],
        "damages": [[each.offset, each.size, each.fault] for each in contents.damages],
        "damage_count": contents.damage_count,
    }
    line = json.dumps(facts).encode() + b"\n"
    header = io.BytesIO()
    count = sum(map(len, series.values()))
    np.lib.format.write_array_header_1_0(
        header, {"descr": POINT_DTYPE.descr, "fortran_order": False, "shape": (count,)}
    )
    total = sum(map(_sum, series.values())) % 2**64
    footer = _FOOTER.pack(total, len(line), zlib.crc32(line))
    return b"".join([header.getvalue(), *(points.view(np.uint8).data for points in series.values()), line, footer])


def _unpack(path: Path, data: bytes | mmap.mmap) -> tuple[Contents, FileState]:
    """Return what was kept.

    Raises:
        ValueError, KeyError, TypeError, struct.error: it is damaged or of another version.
    """
    total, size, checksum = _FOOTER.unpack(data[-_FOOTER.size :])
    line = data[-_FOOTER.size - size : -_FOOTER.size]
    if zlib.crc32(line) != checksum:
        raise ValueError("the JSON is damaged")
    facts: dict[str, Any] = json.loads(line)
    if (facts["version"], facts["file"]) != (_VERSION, str(path)):
        raise ValueError("of another version or file")
    count = sum(count for _, count in facts["series"])
    end_of_rows = len(data) - _FOOTER.size - size
    rows = np.frombuffer(data, POINT_DTYPE, count, end_of_rows - count * POINT_DTYPE.itemsize)
    if _sum(rows) != total:
        raise ValueError("the rows are damaged")
    series: dict[str, list[Points]] = {}
    at = 0
    for tag, count in facts["series"]:
        series[tag] = [rows[at : at + count]]
        at += count
    contents = Contents(
        path,
        facts["end"],
        series,
        [Medium(kind, name, step, time, path, at, size) for kind, name, step, time, at, size in facts["media"]],
        Session(**facts["session"]),
        {bytes.fromhex(tag): bytes.fromhex(plugin) for tag, plugin in facts["plugins"]},
        facts["times"][0],
        facts["times"][1],
        [Damage(*each) for each in facts["damages"]],
        facts["damage_count"],
    )
    size, mtime_ns, inode, tail = facts["state"]
    return contents, FileState(size, mtime_ns, inode, bytes.fromhex(tail))


def _sum(rows: Points) -> int:
    return int(rows.view("<u8").sum(dtype=np.uint64))
