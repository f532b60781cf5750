"""What is done with a file or folder that is dropped on the window."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.config.survey import is_data_file
from app.records.layout import ExecutionFolder, Workspace

if TYPE_CHECKING:
    from app.ui.window import MainWindow

_IMAGES = frozenset(".bmp .gif .jpeg .jpg .jfif .pgm .png .ppm .tif .tiff .webp".split())
_TEXTS = frozenset({".txt", ".text"})
_SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "eval"})
#: What says that a folder is no folder of data, whatever else is in it.
_WORK = (".trackside", "trainings", "experiments", ".git")
#: A look at a folder takes no longer than this many folders and files do.
_FOLDERS, _FILES = 12, 20


def open_dropped(window: MainWindow, path: Path) -> None:
    """Open a folder as a run, as data by class or else as a workspace; a file as a config or as data."""
    if os.path.isdir(path):
        folder = ExecutionFolder(path.resolve())
        if folder.path.parent.name == "executions":
            window.open_workspace(Workspace.around(folder.path).root, lambda _: window.open_run(folder.path))
        elif is_data_folder(path):
            window.open_data(path)
        else:
            window.open_workspace(path)
    elif path.suffix.lower() == ".json":
        window.with_session(lambda _: window.open_config(path))
    elif is_data_file(path.name):
        window.open_data(path)
    else:
        window.notify(
            "warning",
            f"{path} is no folder, no config (.json) and no data (.csv, .tsv, .parquet, .npz, .npy, .h5), so it cannot "
            "be opened here.",
        )


def is_data_folder(folder: Path) -> bool:
    """Return whether a folder has a folder of images, or of texts, for each of two or more classes, or parts of such.

    A few entries are looked at, so that the window does not wait for a large folder.
    """
    try:
        if any((folder / name).exists() for name in _WORK):
            return False
        inner = _folders(folder)
        if inner and _SPLITS.issuperset(path.name.lower() for path in inner):
            return is_data_folder(inner[0])
        kinds = [_kind(path) for path in inner]
    except OSError:
        return False
    return len(kinds) > 1 and bool(kinds[0]) and len(set(kinds)) == 1


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        found = (Path(entry) for entry in entries if entry.is_dir() and not entry.name.startswith((".", "__")))
        return list(itertools.islice(found, _FOLDERS))


def _kind(folder: Path) -> str:
    """Return what the first files of a folder are, "" for anything else."""
    with os.scandir(folder) as entries:
        endings = {Path(entry.name).suffix.lower() for entry in itertools.islice(entries, _FILES) if entry.is_file()}
    return "images" if endings and endings <= _IMAGES else "texts" if endings and endings <= _TEXTS else ""
