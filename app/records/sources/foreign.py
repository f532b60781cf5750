"""Files of other programs: what stamps them, whether one is still being written, and nested values as params."""

from __future__ import annotations

import os
import struct
import time
import uuid
from pathlib import Path
from typing import Any

from app.records.names import id_from
from app.records.sources.base import Param

#: A file that was written to this recently may belong to a program that goes on, of which there is no other sign:
#: writers of event files keep back what few records they get for two minutes (seconds).
GROWING_SECONDS = 150.0
_MOST_PARAMS = 10_000
_MOST_NODES = 100_000
#: For ids of runs that have none of their own (RFC 4122, version 5).
_ID_NAMESPACE = uuid.UUID("6f1c2f0b-92a9-4c0b-8a53-2d8f0c9b7a41")
_STAMP = struct.Struct("<qqQ?")


def is_growing(modified: float) -> bool:
    """Whether a file was written to just now; ``modified`` is in seconds since the epoch."""
    return abs(time.time() - modified) < GROWING_SECONDS


def stamp_of(seen: os.stat_result) -> bytes:
    """Return what tells whether a file has changed; it changes once more when the file has stopped growing."""
    return _STAMP.pack(seen.st_mtime_ns, seen.st_size, seen.st_ino, is_growing(seen.st_mtime))


def is_own_file(path: Path, root: Path) -> bool:
    """Whether a file of a source is there and not elsewhere; its root, which a person named, may be a link."""
    if path == root:
        return path.is_file()
    try:
        return path.is_file() and os.path.realpath(path) == os.path.join(os.path.realpath(root), path.relative_to(root))
    except (OSError, ValueError):
        return False


def id_of(kind: str, path: Path) -> str:
    """Return an id for a run that has none: the same as long as it lies in the same place."""
    return id_from(_ID_NAMESPACE, f"{kind}:{path.as_posix()}")


def flat(value: Any, separator: str = ".") -> dict[str, Param]:
    """Return the scalars in nested objects and lists by the path that leads to them; at most 10,000.

    Null is left out, and what is no scalar of JSON (a date of YAML) is its text.
    """
    found: dict[str, Param] = {}
    waiting = [("", value)]
    nodes = 0  # a few bytes of YAML can name one list a billion times
    while waiting and len(found) < _MOST_PARAMS and nodes < _MOST_NODES:
        path, value = waiting.pop()
        nodes += 1
        if isinstance(value, dict | list):
            items = list(value.items() if isinstance(value, dict) else enumerate(value))
            waiting += [(f"{path}{separator}{key}" if path else str(key), item) for key, item in reversed(items)]
        elif value is not None:
            found[path] = value if isinstance(value, str | int | float) else str(value)
    return found
