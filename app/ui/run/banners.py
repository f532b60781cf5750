"""What there is to say of a run, in banners between its head and its tabs."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.controls import Banner


class Banners(QWidget):
    """Banners by name, each as long as there is something to say; what was read and closed is not said again."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[str, Banner] = {}
        self._closed: dict[str, str] = {}
        self._column = QVBoxLayout(self)
        self._column.setSpacing(6)
        self._fit()

    def say(
        self, name: str, kind: str, text: str, action: str = "", clicked: Callable[[], object] | None = None
    ) -> None:
        """Say something, or nothing any more with "".

        Args:
            name: what it is about.
            kind: error, warning or info.
            text: a sentence.
            action: the text of a button, "" for none.
            clicked: called when the button is clicked.
        """
        shown = self._shown.get(name)
        if not text:
            if shown is not None:
                self._shown.pop(name).deleteLater()
        elif shown is not None:
            shown.say(text)
        elif self._closed.get(name) != text:
            banner = Banner(kind, text, action, clicked)
            banner.closed.connect(lambda: self._on_closed(name))
            self._shown[name] = banner
            self._column.addWidget(banner)
        self._fit()

    def __getitem__(self, name: str) -> Banner:
        """Return the banner that says something now."""
        return self._shown[name]

    def texts(self) -> list[str]:
        """Return what is said now."""
        return [banner.text for banner in self._shown.values()]

    def _on_closed(self, name: str) -> None:
        self._closed[name] = self._shown.pop(name).text
        self._fit()

    def _fit(self) -> None:
        self._column.setContentsMargins(16, 0, 16, 8 if self._shown else 0)
