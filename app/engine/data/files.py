"""The user's own files and folders: a path, or an address that they are downloaded from and unpacked."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.engine.data.archives import is_archive, unpack
from app.engine.data.download import download, name_of
from app.engine.data.source import Parameters, Place
from app.engine.ending import TrainingError

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def files_of(parameters: Parameters) -> Iterable[Path]:
    """Return the files that a dataset's ``path`` is or has in it; none for one that is downloaded.

    Raises:
        TrainingError: there is no such file or folder.
    """
    if parameters["path"] is None:
        return ()
    path = _existing(parameters["path"])
    return walk(path) if path.is_dir() else (path,)


def local_file(parameters: Parameters, place: Place) -> Path:
    """Return the file of ``path``, or of ``url`` after its download.

    Raises:
        TrainingError: it is not there, is a folder, or cannot be downloaded.
    """
    path = _local(parameters, place)
    if path.is_dir():
        raise TrainingError(f"dataset.parameters.path: {path} is a folder; a file would be right")
    return path


def local_folder(parameters: Parameters, place: Place) -> Path:
    """Return the folder of ``path``, or what is in the archive of ``path`` or ``url``.

    Where all of an archive is in one folder, it is that.

    Raises:
        TrainingError: it is not there, is neither folder nor archive, or cannot be downloaded or unpacked.
    """
    path = _local(parameters, place)
    if path.is_dir():
        return path
    if not is_archive(path):
        raise TrainingError(
            f"dataset.parameters.{'url' if parameters['path'] is None else 'path'}: {path.name} is neither a folder "
            "nor an archive of one (.zip, .tar, .tar.gz, .tgz, .tar.bz2)"
        )
    found = path.stat()
    name = _named(f"{path} {found.st_size} {found.st_mtime_ns}", path.name)
    folder = unpack(path, place.folder / "unpacked" / name, place)
    while len(inner := visible(folder)) == 1 and inner[0].is_dir():
        folder = inner[0]
    return folder


def visible(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted by name, but what systems leave there for themselves."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))


def walk(folder: Path, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield all visible files below a folder, sorted by name; no link is followed back to what is ``above``."""
    here = os.path.realpath(folder)
    if here in above:
        return
    for path in visible(folder):
        if path.is_dir():
            yield from walk(path, (*above, here))
        else:
            yield path


def _local(parameters: Parameters, place: Place) -> Path:
    path, url, sha256 = parameters["path"], parameters["url"], parameters["sha256"]
    if (path is None) == (url is None):
        raise TrainingError("dataset.parameters: give either path or url")
    if path is not None:
        return _existing(path)
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise TrainingError(f"dataset.parameters.sha256: {sha256!r} is none; 64 hexadecimal digits would be right")
    return download(url, place.folder / "downloads" / _named(url, name_of(url)), place, sha256=sha256)


def _existing(text: str) -> Path:
    path = Path(os.path.expanduser(text))
    if not path.exists():
        raise TrainingError(f"dataset.parameters.path: there is no {path}")
    return path


def _named(whole: str, name: str) -> str:
    """Return a name for what is kept that is the file's own, and no other's."""
    plain = re.sub(r"[^\w.-]", "_", name)[-80:]
    return f"{hashlib.sha256(whole.encode()).hexdigest()[:12]}-{plain}"
