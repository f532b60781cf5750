"""When a widget is there to be seen, for the programs that the benchmark of the window starts."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget


class FirstPaint(QObject):
    """Calls back once a widget has been painted for the first time, with all that lies in it.

    It is a filter of that widget alone: one of the whole program would call Python for every event there is.
    """

    def __init__(self, widget: QWidget, then: Callable[[], None]) -> None:
        super().__init__(widget)
        self._widget, self._then = widget, then
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self._widget.removeEventFilter(self)
            # The event is only on its way: what it paints is there when the next one comes.
            QTimer.singleShot(0, self._then)
        return False
