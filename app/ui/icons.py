"""Icons, drawn from SVG in the colour that the palette gives their place; crisp at every scale."""

from __future__ import annotations

import functools

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.resources import resource
from app.ui.theme import theme

#: The shape of every state, for those who cannot tell the colours; a 16-px box, ``currentColor`` throughout.
_RING = '<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.4" stroke-dasharray="2.2 1.57"/>'
_HANDS = '<path d="M8 5v3.2l2 1.2" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round"/>'
_OCTAGON = '<path d="M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3z" fill="currentColor"/>'
_STATES = {
    "unknown": '<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.4"/>'
    '<path d="M5.5 8h5" stroke="currentColor" stroke-width="1.4" stroke-linecap="round"/>',
    "queued": _RING + _HANDS,
    "starting": _RING + _HANDS,
    "running": '<path fill="currentColor" '
    'd="M4 2.2v11.6a.6.6 0 0 0 .9.5l9-5.8a.6.6 0 0 0 0-1l-9-5.8a.6.6 0 0 0-.9.5z"/>',
    "paused": '<path d="M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z" fill="currentColor"/>',
    "finished": '<circle cx="8" cy="8" r="6.6" fill="currentColor"/>'
    '<path d="m5 8.3 2.1 2.1L11.2 6" fill="none" stroke="hole" stroke-width="1.6" stroke-linecap="round"/>',
    "stopped": '<rect x="2" y="2" width="12" height="12" rx="2" fill="none" stroke="currentColor" stroke-width="1.4"/>'
    '<rect x="5.4" y="5.4" width="5.2" height="5.2" rx=".6" fill="currentColor"/>',
    "failed": _OCTAGON
    + '<path d="m5.7 5.7 4.6 4.6m0-4.6-4.6 4.6" stroke="hole" stroke-width="1.6" stroke-linecap="round" fill="none"/>',
    "crashed": _OCTAGON
    + '<path d="M8.9 3.6 5.6 8.7h2.3l-.8 3.7 3.4-5.2H8.2z" fill="hole" stroke="hole" stroke-width=".4"/>',
}


@functools.cache
def _source(name: str) -> str:
    if name in _STATES:
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{_STATES[name]}</svg>'
    return resource("icons", "lucide", f"{name}.svg").read_text(encoding="utf-8")


@functools.lru_cache(maxsize=1024)
def pixmap(name: str, colour: str, size: int = 16, ratio: float = 1.0, hole: str = "") -> QPixmap:
    """Return an icon of ``size`` logical px in one colour; ``hole`` is what shows through a filled state's sign."""
    source = _source(name).replace("currentColor", colour).replace('"hole"', f'"{hole or theme().tokens.base}"')
    found = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    found.setDevicePixelRatio(ratio)
    found.fill(Qt.GlobalColor.transparent)
    painter = QPainter(found)
    QSvgRenderer(QByteArray(source.encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return found


class _Engine(QIconEngine):
    """Draws one icon in the tokens of the moment, so that a change of theme needs no new icons."""

    def __init__(self, name: str, token: str) -> None:
        super().__init__()
        self._name, self._token = name, token

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        ratio = painter.device().devicePixelRatioF()
        size = min(rect.width(), rect.height())
        if size <= 0:  # a button that its layout has not given its room yet
            return
        drawn = pixmap(self._name, self._colour(mode), size, ratio)
        # A box that is wider than high leaves its room between the icon and a text.
        painter.drawPixmap(rect.x(), rect.y() + (rect.height() - size) // 2, drawn)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        # Qt asks in logical pixels here and takes the ratio from what it gets.
        found = QPixmap((QSizeF(size) * scale).toSize())
        if found.isNull():
            return found
        found.setDevicePixelRatio(scale)
        found.fill(Qt.GlobalColor.transparent)
        painter = QPainter(found)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return found

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._token)

    def _colour(self, mode: QIcon.Mode) -> str:
        tokens = theme().tokens
        if mode == QIcon.Mode.Disabled:
            return tokens.disabled
        if self._token.startswith("state:"):
            return tokens.state(self._token.removeprefix("state:")).ink
        colour: str = getattr(tokens, self._token)
        return colour


#: Engines are Python objects that Qt only points at: they live as long as the program.
_engines: list[_Engine] = []


@functools.cache
def icon(name: str, token: str = "text2") -> QIcon:
    """Return an icon of the set by its name, in the colour of a token (a field of ``Tokens``)."""
    _engines.append(_Engine(name, token))
    return QIcon(_engines[-1])


@functools.cache
def state_icon(state: str) -> QIcon:
    """Return the sign of a run's state in its colour."""
    _engines.append(_Engine(state, f"state:{state}"))
    return QIcon(_engines[-1])


def app_icon() -> QIcon:
    """Return the program's own icon."""
    return QIcon(str(resource("icons", "trackside.svg")))
