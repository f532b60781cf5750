"""Small parts that every screen is made of, dressed by the style sheet."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QIcon, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.icons import icon, state_icon
from app.ui.theme import code_font, refresh_style, theme, tokens, ui_font

#: A sentence wraps, but not word by word (px).
_EMPTY_WIDTH = 220


def label(text: str = "", role: str = "", *, selectable: bool = False) -> QLabel:
    """Return a label; ``role`` is one of the style sheet's: secondary, muted, caption, section, heading, code ..."""
    found = QLabel(text)
    found.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        found.setProperty("role", role)
    if selectable:
        found.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
    return found


def button(
    text: str, clicked: Callable[[], object] | None = None, *, icon_name: str = "", kind: str = "", tip: str = ""
) -> QPushButton:
    """Return a button; ``kind`` is primary, danger, quiet, link or nothing. It is made without auto-default."""
    found = QPushButton(text)
    found.setAutoDefault(False)
    found.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    if kind:
        found.setProperty("kind", kind)
    if icon_name:
        token = {"primary": "on_accent", "link": "accent_text"}.get(kind, "text2")
        found.setIcon(state_icon("failed") if kind == "danger" and icon_name == "failed" else icon(icon_name, token))
        found.setIconSize(QSize(20, 16) if text else QSize(16, 16))
    if clicked is not None:
        found.clicked.connect(lambda _checked=False: clicked())
    if tip:
        found.setToolTip(tip)
    return found


def icon_button(icon_name: str, name: str, clicked: Callable[[], object] | None = None) -> QToolButton:
    """Return a button that is an icon only; ``name`` is its tooltip and what a screen reader says."""
    found = QToolButton()
    found.setProperty("kind", "icon")
    found.setIcon(icon(icon_name))
    found.setIconSize(QSize(16, 16))
    found.setToolTip(name)
    found.setAccessibleName(name)
    found.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if clicked is not None:
        found.clicked.connect(lambda _checked=False: clicked())
    return found


def line(*, vertical: bool = False) -> QFrame:
    """Return a separator of 1 px."""
    found = QFrame()
    found.setProperty("kind", "vline" if vertical else "line")
    return found


def frame(kind: str) -> tuple[QFrame, QVBoxLayout]:
    """Return a frame of a kind (content, panel ...) and its column, which has no margins yet."""
    found = QFrame()
    found.setProperty("kind", kind)
    column = QVBoxLayout(found)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    return found, column


class Sign(QWidget):
    """An icon beside a text, in the colours that the theme gives it when it is drawn."""

    def __init__(self, sign: QIcon, size: int = 14) -> None:
        super().__init__()
        self._sign = sign
        self.setFixedSize(size, size)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        self._sign.paint(QPainter(self), self.rect())


class ElidedLabel(QLabel):
    """A label that is cut with an ellipsis where there is no room, its whole text in the tooltip."""

    def __init__(self, text: str = "", role: str = "", mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._mode = mode
        if role:
            self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        """Return a width of some letters: the rest may be cut."""
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), self.fontMetrics().averageCharWidth() * 6), hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        painter = QPainter(self)
        metrics = QFontMetrics(self.font())
        box = self.contentsRect()
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(box, self.alignment() | Qt.AlignmentFlag.AlignVCenter,
                         metrics.elidedText(self.text(), self._mode, box.width()))  # fmt: skip

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the whole text as a tooltip only where it is cut."""
        super().resizeEvent(event)
        is_cut = self.fontMetrics().horizontalAdvance(self.text()) > self.contentsRect().width()
        self.setToolTip(self.text() if is_cut else "")


class StateBadge(QFrame):
    """A run's state: shape, word, tint."""

    def __init__(self, state: str = "queued") -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 3, 8, 3)
        row.setSpacing(6)
        self._icon, self._word = QLabel(), QLabel()
        self._word.setFont(ui_font(weight=500))
        row.addWidget(self._icon)
        row.addWidget(self._word)
        self.state = ""
        self.show_state(state)
        theme().changed.connect(self._dress)

    def show_state(self, state: str) -> None:
        """Show another state."""
        if state != self.state:
            self.state = state
            self._word.setText(state.capitalize())
            self.setAccessibleName(f"State: {state}")
            self._dress()

    def _dress(self) -> None:
        colour = tokens().state(self.state)
        self._icon.setPixmap(state_icon(self.state).pixmap(QSize(14, 14), self.devicePixelRatioF()))
        self.setStyleSheet(
            f"StateBadge {{ background: {colour.tint}; border-radius: 4px }} QLabel {{ color: {colour.ink} }}"
        )


class Banner(QFrame):
    """What went wrong (error), what to mind (warning) or to know (info), above the part it touches, with one action."""

    closed = Signal()

    def __init__(
        self,
        kind: str,
        text: str,
        action: str = "",
        clicked: Callable[[], object] | None = None,
        *,
        closable: bool = True,
    ) -> None:
        super().__init__()
        self.setProperty("kind", kind)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 8, 6)
        row.setSpacing(8)
        sign = QLabel()
        names = {"error": ("circle-x", "failed"), "warning": ("triangle-alert", "paused"), "info": ("info", "running")}
        name, state = names[kind]
        self._sign, self._name, self._state = sign, name, state
        self._text = label(text, selectable=True)
        self._text.setWordWrap(True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row.addWidget(sign)
        row.addWidget(self._text, 1)
        if action:
            row.addWidget(button(action, clicked, kind="link"))
        if closable:
            row.addWidget(icon_button("x", "Close", self._close))
        self.setAccessibleName(f"{kind}: {text}")
        self._dress()
        theme().changed.connect(self._dress)

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def say(self, text: str) -> None:
        """Say something else."""
        self._text.setText(text)

    def _close(self) -> None:
        self.closed.emit()
        self.deleteLater()

    def _dress(self) -> None:
        from app.ui.icons import pixmap

        self._sign.setPixmap(pixmap(self._name, tokens().state(self._state).ink, 16, self.devicePixelRatioF()))


class EmptyState(QWidget):
    """One sentence and one action where there is nothing to show."""

    def __init__(self, text: str, action: str = "", clicked: Callable[[], object] | None = None) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.setSpacing(12)
        self._text = label(text)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setWordWrap(True)
        self._text.setMinimumWidth(_EMPTY_WIDTH)
        column.addWidget(self._text)
        if action:
            row = QHBoxLayout()
            row.setAlignment(Qt.AlignmentFlag.AlignCenter)
            row.addWidget(button(action, clicked))
            column.addLayout(row)

    def say(self, text: str) -> None:
        """Say something else."""
        self._text.setText(text)


class ClickableFrame(QFrame):
    """A frame that is clicked as a whole, also by Return and Space."""

    clicked = Signal()

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.setProperty("kind", kind)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Emit ``clicked`` for the left button."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Emit ``clicked`` for Return and Space."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)


def mark_problem(field: QWidget, message: str) -> None:
    """Give a field the look of one with a problem, or take it away for ""."""
    field.setProperty("problem", "true" if message else "false")
    field.setToolTip(message)
    refresh_style(field)


def code_label(text: str = "", *, selectable: bool = True) -> QLabel:
    """Return a label in the code font."""
    found = label(text, "code", selectable=selectable)
    found.setFont(code_font())
    return found
