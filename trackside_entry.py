"""The way into Trackside for ``main.py`` and the console script: our own package ``app``, then its command line."""

from __future__ import annotations

import runpy
from pathlib import Path

_START = Path(__file__).resolve().parent / "app" / "start.py"


def main(argv: list[str] | None = None) -> int:
    """Run the command line, or the window where it says so, and return the exit status.

    ``argv`` is ``sys.argv[1:]`` unless given.
    """
    # By its path: an ``import app.start`` would already ask sys.path, where a user's own ``app`` may come first.
    runpy.run_path(str(_START))["pin"]()

    from app.cli import main as command_line

    return command_line(argv, _open_window)


def _open_window(workspace: Path | None) -> int:
    from app.ui.start import open_window

    return open_window(workspace)
