"""The process that looks at data of the user's own, so that neither the window nor the command line reads any.

``python start.py app.engine.surveying PATH`` prints objects, one a line: how far it is (``{"kind": "progress", "done",
"total"}``, total 0 where nobody knows it), and at the end what is there (``{"kind": "survey", ...}``, see
:class:`app.config.survey.Survey`) or why it cannot be used (``{"kind": "refused", "message"}``). It imports no Keras.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.config.survey import ARRAYS, HDF5S, PARQUETS, TABLES, Survey, ending_of
from app.engine.ending import TrainingError

#: Progress is told this often (s).
_TELL_EVERY = 0.2


def main(argv: list[str]) -> int:
    """Print what is at the path ``argv[0]``; 1 where it cannot be used."""
    try:
        found = survey_data(Path(argv[0]), _Teller())
    except TrainingError as error:
        _print({"kind": "refused", "message": str(error)})
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody wants to know any more
        return 1
    _print({"kind": "survey", "survey": found.as_json()})
    return 0


def survey_data(path: Path, tell: Callable[[int, int], None] = lambda done, total: None) -> Survey:
    """Return what is in a file or folder.

    Args:
        path: a csv, tsv, Parquet, .npz, .npy or HDF5 file, or a folder with a folder for each class.
        tell: called now and then with how many rows or files were read, and of how many (0: not known).

    Raises:
        TrainingError: it cannot be used; file and row are named, and what would be right.
    """
    path = path.absolute()
    try:
        if path.is_dir():
            from app.engine.survey.folders import survey_folder

            return survey_folder(path, tell)
        if not path.exists():
            raise TrainingError(f"there is no {path}")
        return _survey_file(path, tell)
    except OSError as error:
        raise TrainingError(f"{path.name}: cannot be read ({error.strerror or error})") from error
    except MemoryError as error:
        raise TrainingError(f"{path.name}: there is not enough memory to look at it") from error


def _survey_file(path: Path, tell: Callable[[int, int], None]) -> Survey:
    ending = ending_of(path.name)
    if ending in TABLES:
        from app.engine.survey.tables import survey_csv

        return survey_csv(path, tell)
    if ending in PARQUETS:
        from app.engine.survey.tables import survey_parquet

        return survey_parquet(path, tell)
    if ending in ARRAYS:
        from app.engine.survey.arrays import survey_arrays

        return survey_arrays(path)
    if ending in HDF5S:
        from app.engine.survey.arrays import survey_hdf5

        return survey_hdf5(path)
    what = f"a file of the kind {ending!r}" if ending else "a file without an ending"
    raise TrainingError(
        f"{path.name}: is {what}; a table (.csv, .tsv, .parquet), arrays (.npz, .npy, .h5), or a folder with a folder "
        "of images or texts for each class would be right"
    )


class _Teller:
    """Tells how far the reading is, not too often."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _TELL_EVERY
            _print({"kind": "progress", "done": done, "total": total})


def _print(value: Any) -> None:
    print(json.dumps(value), flush=True)
