"""What the window has to say, in banners above the status bar."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.controls import Banner

_MOST = 3
#: What is only to know goes by itself after this time, unless the pointer is on it (ms).
_PASSES_AFTER = 8000


class Notices(QWidget):
    """The last banners; what is said already is not said twice."""

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)

    @property
    def banners(self) -> list[Banner]:
        """Those that are open, the oldest first."""
        items = (self._column.itemAt(index) for index in range(self._column.count()))
        widgets = (item.widget() for item in items if item is not None)
        return [widget for widget in widgets if isinstance(widget, Banner)]

    def say(self, level: str, text: str) -> None:
        """Say something; ``level`` is error, warning or info."""
        banners = self.banners
        if any(banner.text == text for banner in banners):
            return
        for banner in banners[: len(banners) - _MOST + 1]:
            self._take_away(banner)
        banner = Banner(level, text)
        self._column.addWidget(banner)
        if level == "info":
            timer = QTimer(banner, interval=_PASSES_AFTER)
            timer.timeout.connect(lambda: None if banner.underMouse() else self._take_away(banner))
            timer.start()

    def _take_away(self, banner: Banner) -> None:
        self._column.removeWidget(banner)
        banner.hide()
        banner.deleteLater()
