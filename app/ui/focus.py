"""The ring around the control that has the keyboard: 2 px, outside the control, and only for who uses the keyboard."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRectF
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFocusFrame,
    QLineEdit,
    QWidget,
)

from app.ui.theme import tokens
from app.ui.tokens import Tokens

_RINGED = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox)
_MARGIN = 3


class _Ring(QFocusFrame):
    """Qt moves it with the control; it only draws."""

    def paintEvent(self, event: QPaintEvent) -> None:
        colours: Tokens = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(colours.accent_text), 2))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 5, 5)


class FocusRing(QObject):
    """Shows the ring while keys are used, and takes it away with the first click."""

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._by_key = False
        self._ring: _Ring | None = None
        application.installEventFilter(self)
        application.focusChanged.connect(self._on_focus)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice with what the program is worked; nothing is kept from anyone."""
        kind = event.type()
        if kind == QEvent.Type.KeyPress:
            self._by_key = True
        elif kind == QEvent.Type.MouseButtonPress:
            self._by_key = False
            self._show(None)
        return False

    def _on_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        self._show(new if self._by_key and isinstance(new, _RINGED) else None)

    def _show(self, widget: QWidget | None) -> None:
        # A new one for each control: one that has followed a deleted control cannot be used again.
        if self._ring is not None:
            self._ring.deleteLater()
            self._ring = None
        if widget is None:
            return
        self._ring = _Ring(widget)
        self._ring.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        self._ring.setWidget(widget)
