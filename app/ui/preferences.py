"""What the window remembers of a user: recent workspaces, the theme, what has been said once. And of a workspace."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from app.config.places import user_folder
from app.records.files import replace_file, to_json
from app.records.layout import Workspace

_MOST_RECENT = 10


class Memory:
    """A small JSON file of values that may be lost without harm: unreadable is empty, unwritable is passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = self._read()

    def get(self, name: str, otherwise: Any = None) -> Any:
        """Return a value, or ``otherwise`` where there is none of its type."""
        value = self._values.get(name, otherwise)
        return value if otherwise is None or isinstance(value, type(otherwise)) else otherwise

    def set(self, **values: Any) -> None:
        """Remember values, at once."""
        if all(name in self._values and self._values[name] == value for name, value in values.items()):
            return
        # Read again: another window may have remembered something meanwhile.
        self._values = {**self._read(), **values}
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, to_json(self._values))

    def _read(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return found
        return {}


def default_home() -> Path:
    """Return where a workspace for the example is made when none is open: ``Trackside`` in the user's home."""
    return Path.home() / "Trackside"


def user_memory() -> Memory:
    """Return what is remembered of the user."""
    return Memory(user_folder() / "window.json")


def workspace_memory(workspace: Workspace) -> Memory:
    """Return what is remembered of a workspace's window."""
    return Memory(workspace.private / "window.json")


def recent_workspaces(memory: Memory) -> list[Path]:
    """Return the workspaces that were open last and are still there, the last one first."""
    return [Path(text) for text in memory.get("recent", []) if isinstance(text, str) and os.path.isdir(text)]


def remember_workspace(memory: Memory, root: Path) -> None:
    """Put a workspace at the head of the recent ones."""
    others = [text for text in memory.get("recent", []) if isinstance(text, str) and text != str(root)]
    memory.set(recent=[str(root), *others][:_MOST_RECENT])
