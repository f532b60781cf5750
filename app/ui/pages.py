"""What every document in a tab is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QWidget


class Page(QWidget):
    """A document in a tab of the window.

    ``changed`` says that title, icon, mark or status line are to be read again.
    """

    changed = Signal()

    @property
    def key(self) -> str:
        """What makes it this document: opening the same key again shows the tab that is there."""
        raise NotImplementedError

    @property
    def kind(self) -> str:
        """What sort of page it is: pages of one kind look alike when they are opened."""
        return self.key.partition(":")[0]

    @property
    def title(self) -> str:
        """The document's name, in the window's title and the tab's tooltip."""
        raise NotImplementedError

    @property
    def tab(self) -> str:
        """The text of the tab; what tells it from others comes first, because the end is cut where there is no room."""
        return self.title

    @property
    def icon(self) -> QIcon:
        """The icon of the tab."""
        raise NotImplementedError

    @property
    def is_modified(self) -> bool:
        """Whether something in it would be lost if it were closed now."""
        return False

    @property
    def status(self) -> tuple[str, ...]:
        """What the status bar says about it, left to right."""
        return ()

    @property
    def status_icon(self) -> QIcon | None:
        """The icon before the first text of the status bar."""
        return None

    @property
    def address(self) -> dict[str, Any] | None:
        """What the window needs to open it again after a restart, as JSON; None when it is not kept."""
        return None

    def ask_to_close(self, close: Callable[[], None]) -> None:
        """Call ``close`` when nothing stands against it, at once or after the user has answered."""
        close()

    def look_again(self) -> None:
        """See what other programs may have changed."""

    def leave(self) -> None:
        """Let go of what it follows; the tab is closed."""

    def view_state(self) -> dict[str, Any]:
        """Return how it looks (splitters, columns, choices), as JSON, to be the same next time."""
        return {}

    def restore_view(self, state: dict[str, Any]) -> None:
        """Look as ``view_state`` said; unknown or broken values are passed over."""
