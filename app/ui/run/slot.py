"""A place for a widget that is shown in one of several places."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget


class Slot(QWidget):
    """Holds one widget, which it may have taken from another slot."""

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def put(self, widget: QWidget) -> None:
        """Take a widget over."""
        if widget.parentWidget() is not self:
            self._column.addWidget(widget)
            widget.show()
