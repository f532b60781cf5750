"""``.trackside/sources.json``: the folders outside a workspace, and those in it, whose runs it shows beside its own.

Format: ``{"sources": [{"path": ...}, ...]}``. A path within the workspace is relative to it, with "/" between its
parts, so that the workspace can be moved; any other is absolute.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from filelock import FileLock

from app.records.files import MissingFileError, RecordError, read_json, replace_file, to_json
from app.records.layout import Workspace

_FILE = "sources.json"
_LOCK = "sources.lock"
_LOCK_SECONDS = 10.0


class ExternalSources:
    """The folders that were added to a workspace. Several processes may change them at once.

    Args:
        workspace: the workspace.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._root = workspace.root
        self.path = workspace.private / _FILE

    def folders(self) -> list[Path]:
        """Return the folders in the order in which they were added, whether they are there or not.

        Raises:
            RecordError: the file cannot be read or is not of its form.
        """
        return [self._absolute(entry["path"]) for entry in self._read()]

    def add(self, folder: Path) -> bool:
        """Add a folder, or a file that is a source; return False when it was added before.

        Raises:
            RecordError: the file cannot be read or is not of its form.
            OSError: it could not be written.
        """
        added = Path(os.path.abspath(folder.expanduser()))
        with self._locked():
            entries = self._read()
            if added in map(self._absolute, (entry["path"] for entry in entries)):
                return False
            self._write([*entries, {"path": self._written(added)}])
        return True

    def remove(self, folder: Path) -> bool:
        """Remove a folder; return False when it was not among them. What lies in it is not touched.

        Raises:
            RecordError: the file cannot be read or is not of its form.
            OSError: it could not be written.
        """
        removed = Path(os.path.abspath(folder.expanduser()))
        with self._locked():
            entries = self._read()
            left = [entry for entry in entries if self._absolute(entry["path"]) != removed]
            if len(left) == len(entries):
                return False
            self._write(left)
        return True

    def _locked(self) -> FileLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path.with_name(_LOCK), timeout=_LOCK_SECONDS)

    def _read(self) -> list[dict[str, Any]]:
        try:
            value = read_json(self.path)
        except MissingFileError:
            return []
        entries = value.get("sources") if isinstance(value, dict) else None
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) and isinstance(entry.get("path"), str) and entry["path"] for entry in entries
        ):
            raise RecordError(f'{self.path}: expected {{"sources": [{{"path": ...}}, ...]}}')
        return entries

    def _write(self, entries: list[dict[str, Any]]) -> None:
        replace_file(self.path, to_json({"sources": entries}))

    def _absolute(self, path: str) -> Path:
        return Path(os.path.normpath(self._root / path))

    def _written(self, folder: Path) -> str:
        if folder.is_relative_to(self._root):
            return folder.relative_to(self._root).as_posix()
        return str(folder)
