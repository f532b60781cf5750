"""Where the files are that ship with Trackside: example configs, example data, the component catalog."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(*parts: str) -> Path:
    """Return the path of a shipped file or folder; its existence is not checked.

    A wheel holds the files in ``app/resources/``, a checkout in ``resources/`` beside ``app/``.
    """
    installed = _PACKAGE / "resources"
    return (installed if installed.is_dir() else _PACKAGE.parent / "resources").joinpath(*parts)
