"""The files that a run left in its folders, as media."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from app.records.sources.base import Medium

_MOST_FILES = 10_000
_KINDS = {
    "image": ("png", "jpg", "jpeg", "gif", "webp", "bmp", "svg"),
    "audio": ("wav", "mp3", "ogg", "flac"),
    "text": ("txt", "md", "html"),
    "table": ("csv", "tsv"),
    "histogram": ("npz",),
}
_KIND_OF = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes}


def kind_of(name: str) -> str:
    """Return what kind of medium a file is by its name."""
    return _KIND_OF.get(name.rpartition(".")[2].lower(), "file")


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield at most 10,000 regular files below a folder by their path within it; links are not followed."""
    count = 0
    for parent, folders, names in os.walk(folder) if not folder.is_symlink() else ():
        folders.sort()
        for name in sorted(names):
            whole = Path(parent, name)
            if count >= _MOST_FILES:
                return
            if whole.is_file() and not whole.is_symlink():
                count += 1
                yield whole.relative_to(folder).as_posix(), whole


def medium(name: str, path: Path, kind: str = "", step: int | None = None, time: float | None = None) -> Medium:
    """Return a whole file as a medium; its name tells the kind where none is given, and the file the time."""
    if time is None:
        try:
            time = os.stat(path).st_mtime
        except OSError:
            time = None
    return Medium(kind or kind_of(path.name), name, step, time, path)


def logged_media(folder: Path) -> Iterator[Medium]:
    """Yield the media of one of our runs: ``<name>/<step>.<ext>`` below its folder for them."""
    for path, whole in files_below(folder):
        name, _, file = path.rpartition("/")
        stem = file.rpartition(".")[0]
        step = int(stem) if stem.isdecimal() and len(stem) < 19 else None
        yield medium(name or file, whole, step=step)
