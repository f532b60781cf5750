"""Two parts side by side, of which the one at the right has a width of its own."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget


class SideSplitter(QSplitter):
    """What lies at the right has a width, the rest of the room belongs to what lies at the left.

    Until somebody moves the edge: Qt itself would share out by proportion the room that there is at first.

    Args:
        width: of what lies at the right (px).
        parent: the parent.
    """

    def __init__(self, width: int, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._width: int | None = width
        self.setChildrenCollapsible(False)
        self.splitterMoved.connect(lambda _position, _index: self._leave_alone())

    @property
    def chosen_sizes(self) -> list[int] | None:
        """The widths as somebody has left them, None where nobody has."""
        return self.sizes() if self._width is None else None

    def restore(self, sizes: Sequence[int]) -> None:
        """Be as somebody has left it."""
        self._leave_alone()
        self.setSizes(list(sizes))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the right part its width."""
        super().resizeEvent(event)
        if self._width is not None:
            self.setSizes([max(0, self.width() - self.handleWidth() - self._width), self._width])

    def _leave_alone(self) -> None:
        self._width = None
