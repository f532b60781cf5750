"""The Python that a config wants to be trained with: ``session.python``, an interpreter or an environment's folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.config.documents import absolute
from app.config.problems import Problem

#: Where the interpreter of a virtual environment or of a conda environment lies, below its folder.
_PLACES = ("Scripts/python.exe", "python.exe") if sys.platform == "win32" else ("bin/python", "bin/python3")


def find_interpreter(python: str, folder: Path) -> Path | None:
    """Return the interpreter that ``session.python`` names; None where there is none.

    Links are left as they are: it is by its own path that an interpreter knows its environment.

    Args:
        python: the path of an interpreter, or of the folder of a virtual or conda environment.
        folder: what a relative path starts from.
    """
    place = Path(absolute(python, folder))
    candidates = [place / name for name in _PLACES] if place.is_dir() else [place]
    return next((file for file in candidates if file.is_file() and os.access(file, os.X_OK)), None)


def check_interpreter(document: Mapping[str, Any], folder: Path) -> list[Problem]:
    """Return a problem if a config wants to be trained with a Python that is not there."""
    session = document.get("session")
    python = session.get("python") if isinstance(session, Mapping) else None
    if not isinstance(python, str) or find_interpreter(python, folder) is not None:
        return []
    place = Path(absolute(python, folder))
    if place.is_dir():
        message = f"{place} has no {_PLACES[0]} that can be run"
    else:
        message = f"{place} cannot be run" if place.exists() else f"there is no {place}"
    return [Problem("session.python", message, "the path of an interpreter, or of the folder of its environment")]
