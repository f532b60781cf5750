"""The ring around what has the keyboard: 2 px, and only for who uses the keyboard."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QWindow
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSlider,
    QTabBar,
    QWidget,
)

from app.ui.controls import ClickableFrame
from app.ui.theme import tokens

#: Small controls have the ring around them, large parts and those that touch their neighbours along their edge.
_AROUND = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QLabel, QSlider)
_WITHIN = (QAbstractItemView, QPlainTextEdit, QTabBar, ClickableFrame)
_MARGIN = 3
#: The key of a shortcut is never pressed, it is only asked for.
_KEYS = frozenset((QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride))
_MOVES = frozenset(
    (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.LayoutRequest)
)


class _Ring(QWidget):
    """Lies above everything in the window, because a parent without margins would cut it off (as it does QFocusFrame).

    Args:
        target: what it surrounds.
    """

    def __init__(self, target: QWidget) -> None:
        self._window = target.window()
        super().__init__(self._window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._is_gone = False
        self.target = target
        #: What takes the target along when it moves; of these, what cuts off.
        self.path: list[QWidget] = [target]
        while not self.path[-1].isWindow() and (parent := self.path[-1].parentWidget()) is not None:
            self.path.append(parent)
        self._cutting = [
            each
            for each in self.path[1:]
            if isinstance(area := each.parentWidget(), QAbstractScrollArea) and area.viewport() is each
        ]
        if isinstance(target, QTabBar):
            target.currentChanged.connect(self.follow)
        for each in self.path:
            each.installEventFilter(self)
        self.follow()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice when something of the path moves; nothing is kept from it."""
        # A window that is destroyed while it is shown says that it hides when nothing of it can be asked any more.
        if not self._is_gone and event.type() in _MOVES and shiboken6.isValid(self) and shiboken6.isValid(self._window):
            self.follow()
        return False

    def go(self) -> None:
        """Show it no more."""
        self._is_gone = True
        self.hide()
        self.deleteLater()

    def follow(self) -> None:
        """Lie where the target is now; of a row of tabs that is the one in front."""
        target = self.target
        if not shiboken6.isValid(target) or not target.isVisible():
            self.hide()
            return
        part = target.tabRect(target.currentIndex()) if isinstance(target, QTabBar) else target.rect()
        margin = _MARGIN if isinstance(target, _AROUND) else 0
        box = self._in_window(target, part).adjusted(-margin, -margin, margin, margin)
        seen = self._window.rect()
        for each in self._cutting:
            seen = seen.intersected(self._in_window(each, each.rect()))
        self.setGeometry(box.intersected(seen))
        self._box = box.translated(-self.pos())
        self.setVisible(box.intersects(seen))
        self.raise_()
        self.update()

    def _in_window(self, widget: QWidget, part: QRect) -> QRect:
        return QRect(widget.mapTo(self._window, part.topLeft()), part.size())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it, without the sides that are scrolled out of view."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens().accent_text), 2))
        painter.drawRoundedRect(QRectF(self._box).adjusted(1, 1, -1, -1), 5, 5)


class FocusRing(QObject):
    """Shows the ring while keys are used, and takes it away with the first click.

    What comes from the keyboard and the mouse comes through the windows of the system, so it is there that it is
    noticed: a filter of the application would be asked about every event of every widget, which made a form of a
    hundred fields take twice its time.
    """

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._by_key = False
        self._ring: _Ring | None = None
        application.focusWindowChanged.connect(self._listen_to)
        application.focusChanged.connect(self._on_focus)

    @property
    def target(self) -> QWidget | None:
        """What the ring is around."""
        return self._ring.target if self._ring is not None else None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice with what a window is worked; nothing is kept from it."""
        kind = event.type()
        if kind in _KEYS:
            self._by_key = True
        elif kind == QEvent.Type.MouseButtonPress:
            self._by_key = False
            self._show(None)
        return False

    def _listen_to(self, window: QWindow | None) -> None:
        if window is not None:
            window.installEventFilter(self)  # once, however often it is said

    def _on_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        self._show(new if self._by_key and isinstance(new, _AROUND + _WITHIN) else None)

    def _show(self, widget: QWidget | None) -> None:
        if self._ring is not None and shiboken6.isValid(self._ring):
            self._ring.go()
        self._ring = _Ring(widget) if widget is not None else None
