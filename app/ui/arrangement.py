"""How the window was left in a workspace: its splits, its open documents, how each kind of page looked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray
from PySide6.QtWidgets import QSplitter, QWidget

from app.records.sources.base import RunAddress
from app.ui.documents import Documents
from app.ui.pages import Page
from app.ui.preferences import Memory


class Arrangement:
    """Reads and writes it; what is missing or broken is passed over piece by piece."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._views = {kind: view for kind, view in memory.get("views", {}).items() if isinstance(view, dict)}

    @property
    def front(self) -> str:
        """The key of the document that was in front."""
        front: str = self._memory.get("front", "")
        return front

    @property
    def documents(self) -> list[tuple[str, Path | RunAddress]]:
        """Kind (run, config or record) and place of every document that was open and may still be there."""
        found: list[tuple[str, Path | RunAddress]] = []
        for address in self._memory.get("documents", []):
            match address:
                case {"kind": ("run" | "config") as kind, "path": str(path)} if os.path.exists(path):
                    found.append((kind, Path(path)))
                case {"kind": "record", "source": str(source), "key": str(key)}:
                    found.append(("record", RunAddress(source, key)))
        return found

    def restore(self, splitter: QSplitter, sidebar: QWidget) -> None:
        """Give the window the splits that it had."""
        splitter.restoreState(to_bytes(self._memory.get("splitter", "")))
        sidebar.setVisible(self._memory.get("sidebar", True))

    def restore_view(self, page: Page) -> None:
        """Let a page look as the last one of its kind did."""
        view = self._views.get(page.kind)
        if view is not None:
            page.restore_view(view)

    def keep_view(self, page: Page) -> None:
        """Remember how a page looks, for the next one of its kind."""
        self._views[page.kind] = page.view_state()

    def save(self, splitter: QSplitter, sidebar: QWidget, documents: Documents) -> None:
        """Remember how everything looks now."""
        front = documents.page
        for page in documents.pages():
            self.keep_view(page)
        addresses: list[dict[str, Any]] = [page.address for page in documents.pages() if page.address]
        self._memory.set(
            splitter=to_text(splitter.saveState()),
            sidebar=not sidebar.isHidden(),
            documents=addresses,
            front=front.key if front else "",
            views=self._views,
        )


def to_text(data: QByteArray) -> str:
    """Return bytes of Qt as a text that JSON can hold."""
    return bytes(data.toBase64().data()).decode("ascii")


def to_bytes(text: str) -> QByteArray:
    """Return the bytes of ``to_text``."""
    return QByteArray.fromBase64(text.encode("ascii", "ignore"))
