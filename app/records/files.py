"""Small files that are replaced whole, and the JSON that goes into them."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

_counter = itertools.count()
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_WINDOWS_RETRY_SECONDS = 1.0


class RecordError(Exception):
    """A file of a record that cannot be read; the text names the file and what is wrong with it."""


def is_disk_full(error: OSError) -> bool:
    """Whether an error means that no space (or quota) is left."""
    return error.errno in _DISK_FULL


def replace_file(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Put a file in place of another at once: a reader sees the old one or the new one, never half of either.

    Args:
        path: the file; its folder must exist.
        data: the new content.
        sync: also wait until it is on the disk.

    Raises:
        OSError: it could not be written; the old file is untouched and nothing is left beside it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{next(_counter)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        _replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def overwrite_file(path: Path, data: bytes) -> None:
    """Write over a file in place: the way left when the disk is too full for :func:`replace_file`.

    A small file keeps the block that it has, so this needs no space. Readers may for a moment see a mixture.
    """
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, data)
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)


def to_json(value: Any, *, indent: int | None = 2) -> bytes:
    """Return JSON as every JSON parser takes it: non-finite numbers are "NaN", "Infinity" and "-Infinity"."""
    text = json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8", "surrogatepass")


def read_json(path: Path) -> Any:
    """Return the value of a JSON file.

    Raises:
        RecordError: the file is missing, cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise RecordError(f"{path}: the file is missing") from error
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not valid JSON ({error})") from error


def number(value: Any) -> float | None:
    """Return a number as it was before :func:`to_json` wrote it, or None for what is no number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    return None


def _replace(temporary: Path, path: Path) -> None:
    deadline = time.monotonic() + _WINDOWS_RETRY_SECONDS
    while True:
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            # Windows refuses while a reader has the old file open.
            if sys.platform != "win32" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
