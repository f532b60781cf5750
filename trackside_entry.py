"""The way into Trackside for ``main.py`` and the console script: our own package ``app``, then its command line."""

from __future__ import annotations

import importlib.util
import runpy
import sys
from pathlib import Path

_START = Path(__file__).resolve().parent / "app" / "start.py"
#: What no command goes without: a Python that lacks it is not the one that we were installed for.
_LIBRARY = "pydantic"


def main(argv: list[str] | None = None) -> int:
    """Run the command line, or the window where it says so, and return the exit status.

    ``argv`` is ``sys.argv[1:]`` unless given.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - main.py is started with whatever is at hand
        return _refuse(f"Trackside needs Python 3.11 or later, and {sys.executable} is {sys.version.split()[0]}")
    # By its path: an ``import app.start`` would already ask sys.path, where a user's own ``app`` may come first.
    runpy.run_path(str(_START))["pin"]()

    if importlib.util.find_spec(_LIBRARY) is None:
        return _refuse(f"{sys.executable} lacks the libraries that Trackside needs, such as {_LIBRARY}")
    from app.cli import main as command_line

    return command_line(argv, _open_window)


def _refuse(reason: str) -> int:
    python = Path(".venv", "Scripts" if sys.platform == "win32" else "bin", "python")
    built = (_START.parents[1] / python).exists()
    print(f"{reason}: use {python}{'' if built else ', which make run builds'}.", file=sys.stderr)
    return 2


def _open_window(workspace: Path | None) -> int:
    from app.ui.start import open_window

    return open_window(workspace)
