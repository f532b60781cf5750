"""Small files that are replaced whole, and the JSON that goes into them."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import numbers
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: No file that is read whole is larger: a record that is would fill the memory before it told anything.
MOST_BYTES = 256 << 20

_counter = itertools.count()
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_WINDOWS_RETRY_SECONDS = 1.0
#: A named pipe that nobody writes to would otherwise be waited for without end.
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class RecordError(Exception):
    """A file of a record that cannot be read; the text names the file and what is wrong with it."""


class MissingFileError(RecordError):
    """A file of a record that is not there."""


def is_disk_full(error: OSError) -> bool:
    """Whether an error means that no space (or quota) is left."""
    return error.errno in _DISK_FULL


@contextmanager
def errors_name(path: Path) -> Iterator[None]:
    """Let every OSError from within name this file: those that come from a descriptor name none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


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
    with errors_name(path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            _replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        if sync and sys.platform != "win32":
            _sync(path.parent, os.O_RDONLY)  # the new name too is on the disk only after this


def overwrite_file(path: Path, data: bytes) -> None:
    """Write over a file in place: the way left when the disk is too full for :func:`replace_file`.

    A small file keeps the block that it has, so this needs no space. Readers may for a moment see a mixture.

    Raises:
        OSError: it could not be written; the file may then hold a mixture.
    """
    with errors_name(path), open(path, "r+b") as file:
        file.write(data)
        file.truncate()


def sync_file(path: Path) -> None:
    """Wait until what was written to a file is on the disk, through whichever descriptor it was written.

    Raises:
        OSError: the file is missing, or the disk failed.
    """
    with errors_name(path):
        _sync(path, os.O_RDWR)


def to_json(value: Any, *, indent: int | None = 2) -> bytes:
    """Return JSON as every JSON parser takes it: non-finite numbers are "NaN", "Infinity" and "-Infinity".

    Numbers of NumPy are numbers; half characters (lone surrogates) are written as escapes.

    Raises:
        TypeError: something in it is no JSON value.
    """
    text = json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8", "backslashreplace")


def read_bytes(path: Path | str, most: int = MOST_BYTES) -> bytes:
    """Return the content of a file.

    Raises:
        MissingFileError: the file is not there.
        RecordError: it cannot be read, is no regular file, or is larger than ``most`` bytes.
    """
    try:
        descriptor = os.open(path, _READ_FLAGS)
        try:
            seen = os.fstat(descriptor)
            if stat.S_ISDIR(seen.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not stat.S_ISREG(seen.st_mode):
                raise RecordError(f"{path}: not a regular file")
            if seen.st_size > most:
                raise RecordError(f"{path}: {seen.st_size:,} bytes are more than the {most:,} that are read of it")
            data = os.read(descriptor, seen.st_size + 1)
            if len(data) == seen.st_size:
                return data
            with open(descriptor, "rb", closefd=False) as rest:  # it grows, or its size is not told
                return data + rest.read(max(0, most - len(data)))
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise MissingFileError(f"{path}: the file is missing") from error
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error


def read_json(path: Path | str) -> Any:
    """Return the value of a JSON file.

    Raises:
        MissingFileError: the file is not there.
        RecordError: it cannot be read or is no JSON.
    """
    data = read_bytes(path)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not valid JSON ({error})") from error


def number(value: Any) -> float | None:
    """Return a number as it was before :func:`to_json` wrote it, or None for what is no number that a float holds."""
    if type(value) is float:  # nearly every value of a metric
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or value in ("NaN", "Infinity", "-Infinity"):
        with contextlib.suppress(OverflowError):
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


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, float | numbers.Real):
        value = float(value)
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
