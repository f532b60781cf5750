"""Archives, unpacked so that nothing of them can be anywhere but in the folder that they are unpacked to.

Absolute names, ``..``, links and devices are refused, as is what would fill the disk. The folder appears when
everything is in it.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

from app.engine.data.source import Place
from app.engine.ending import TrainingError
from app.records.log import logger

log = logger("Dataset")

#: What an archive may unpack to: so many times its own size, but at least this.
MOST_RATIO = 200
LEAST_LIMIT = 1 << 30
_MOST_MEMBERS = 5_000_000
_BLOCK = 1 << 20
#: How many zeros behind the last member of an archive are read.
_MOST_BEHIND = 64 << 20
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_OPENERS: dict[str, Any] = {
    **dict.fromkeys((".gz", ".tgz"), gzip.open),
    **dict.fromkeys((".bz2", ".tbz2"), bz2.open),
    **dict.fromkeys((".xz", ".txz"), lzma.open),
}


class _UnsafeError(Exception):
    """A member that is refused, or more than may be unpacked."""


def is_archive(path: Path) -> bool:
    """Return whether a file's name is that of an archive of files (zip, tar, and tar that is compressed)."""
    return path.name.lower().endswith((".zip", *_TARS))


def open_compressed(path: Path) -> IO[bytes]:
    """Open a file for reading, decompressed where its ending says that it is compressed."""
    opened: IO[bytes] = _OPENERS.get(path.suffix.lower(), open)(path, "rb")
    return opened


def unpack(archive: Path, folder: Path, place: Place) -> Path:
    """Return ``folder`` with what is in an archive; one that is there already is taken as it is.

    Raises:
        TrainingError: the archive is cut off or broken, or has a member that may not be unpacked; it is named.
    """
    if folder.is_dir():
        return folder
    log.info("Extracting %s ...", archive)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        free = shutil.disk_usage(partial).free
        limit = min(max(MOST_RATIO * archive.stat().st_size, LEAST_LIMIT), free)
        members = _zip_members if archive.name.lower().endswith(".zip") else _tar_members
        for count, (name, content) in enumerate(members(archive)):
            place.check()
            if count >= _MOST_MEMBERS:
                raise _UnsafeError(f"it has more than {_MOST_MEMBERS} members")
            limit -= _write(content, partial / _safe(name), limit, place)
        try:
            partial.replace(folder)
        except OSError:
            if not folder.is_dir():  # another run may have been faster
                raise
    except _UnsafeError as error:
        raise TrainingError(f"{archive} is not unpacked: {error}") from error
    except (*BROKEN, OSError) as error:
        raise TrainingError(
            f"{archive} cannot be unpacked ({error}); if it is cut off or broken, get it again"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


#: What reading an archive or a compressed file that is broken raises, beside OSError.
BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, NotImplementedError, ValueError)


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _UnsafeError(f"{member.filename!r} is a link or a device")
            if member.flag_bits & 1:
                raise _UnsafeError(f"{member.filename!r} is encrypted")
            if not member.is_dir():
                with file.open(member) as content:
                    yield member.filename, content


def _tar_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    # tarfile's own decompression takes the end of a file that was cut off for the end of the archive.
    with open_compressed(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as file:
        for member in file:
            if member.isfile():
                content = file.extractfile(member)
                if content is not None:
                    yield member.name, content
            elif member.isdir():
                _safe(member.name)
            else:
                raise _UnsafeError(f"{member.name!r} is a link or a device")
        # What is behind the last member is nothing but zeros, but only at its end the checksum of all is compared.
        for _ in range(_MOST_BEHIND // _BLOCK):
            if not stream.read(_BLOCK):
                break
    if archive.suffix.lower() == ".tar" and not _has_end(archive):
        raise EOFError("it has no end")


def _has_end(archive: Path) -> bool:
    """Return whether a tar file ends with a block of zeros, as it must: a member may be cut off at its very header."""
    with open(archive, "rb") as file:
        file.seek(max(archive.stat().st_size - tarfile.BLOCKSIZE, 0))
        return file.read() == bytes(tarfile.BLOCKSIZE)


def _safe(name: str) -> Path:
    """Return the path of a member below the folder, the same on every system."""
    windows, posix = PureWindowsPath(name), PurePosixPath(name)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts or "\0" in name:
        raise _UnsafeError(f"{name!r} leads out of the folder that it is unpacked to")
    return Path(*windows.parts)


def _write(content: IO[bytes], path: Path, limit: int, place: Place) -> int:
    """Write a member and return its size; what is declared about it is not believed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644)
    with open(descriptor, "wb") as file:
        while block := content.read(_BLOCK):
            place.check()
            size += len(block)
            if size > limit:
                raise _UnsafeError("it unpacks to more than there is room for, or than any honest archive does")
            file.write(block)
    return size
