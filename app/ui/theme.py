"""The look of the window: palette, fonts and style sheet, filled from the tokens of the system's theme."""

from __future__ import annotations

import functools
from string import Template

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetrics, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from app.resources import resource
from app.ui.tokens import BASE, DARK, LIGHT, Tokens

UI_FAMILY, CODE_FAMILY = "Inter", "JetBrains Mono"
_FONT_FILES = (
    "Inter-Regular.otf",
    "Inter-Medium.otf",
    "Inter-SemiBold.otf",
    "JetBrainsMono-Regular.ttf",
    "JetBrainsMono-SemiBold.ttf",
)


class Theme(QObject):
    """The theme in use; ``changed`` is emitted after the palette and the style sheet have been replaced."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tokens: Tokens = LIGHT
        self._preference = "system"

    def start(self, application: QApplication, preference: str = "system") -> None:
        """Dress the application, and again whenever the system's theme changes."""
        application.setStyle("Fusion")
        for name in _FONT_FILES:
            QFontDatabase.addApplicationFont(str(resource("fonts", name)))
        application.setFont(ui_font())
        application.styleHints().colorSchemeChanged.connect(self._follow)
        self.prefer(preference)

    @property
    def preference(self) -> str:
        """What the user chose: system, light or dark."""
        return self._preference

    def prefer(self, preference: str) -> None:
        """Use ``light`` or ``dark``, or follow the ``system``."""
        self._preference = preference
        self._follow()

    def _follow(self) -> None:
        # Unknown (offscreen, some desktops) counts as light.
        system_is_dark = QApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        wants_dark = self._preference == "dark" or (self._preference == "system" and system_is_dark)
        self.tokens = DARK if wants_dark else LIGHT
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.setPalette(_palette(self.tokens))
        application.setStyleSheet(_style_sheet(self.tokens))
        self.changed.emit()


@functools.lru_cache(maxsize=1)
def theme() -> Theme:
    """Return the theme of the program."""
    return Theme()


def tokens() -> Tokens:
    """Return the tokens in use, for what paints itself."""
    return theme().tokens


@functools.lru_cache(maxsize=64)
def ui_font(size: float = BASE, weight: int = 400) -> QFont:
    """Return the font of the interface with tabular figures; ``size`` in px. Treat it as read-only."""
    font = _font(UI_FAMILY, size, weight)
    font.setFeature(QFont.Tag("tnum"), 1)
    font.setFeature(QFont.Tag("calt"), 0)  # which would make a times sign of the x in x86
    return font


@functools.lru_cache(maxsize=64)
def code_font(size: float = 12, weight: int = 400) -> QFont:
    """Return the font of values, logs and JSON, without ligatures; ``size`` in px. Treat it as read-only."""
    font = _font(CODE_FAMILY, size, weight)
    font.setFeature(QFont.Tag("liga"), 0)
    font.setFeature(QFont.Tag("calt"), 0)
    return font


def height(least: int, font: QFont | None = None) -> int:
    """Return a height in px: ``least`` at the usual text size, more where the font of the screen needs it."""
    return max(least, QFontMetrics(font or ui_font()).height() + 8)


def refresh_style(widget: QWidget) -> None:
    """Make the style sheet see a property of a widget that has changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def _font(family: str, size: float, weight: int) -> QFont:
    font = QFont(family)
    font.setPixelSize(max(1, round(size)))
    font.setWeight(QFont.Weight(weight))
    font.setHintingPreference(QFont.HintingPreference.PreferVerticalHinting)
    return font


def _palette(tokens: Tokens) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: tokens.win,
        QPalette.ColorRole.WindowText: tokens.text,
        QPalette.ColorRole.Base: tokens.base,
        QPalette.ColorRole.AlternateBase: tokens.alt,
        QPalette.ColorRole.Text: tokens.text,
        QPalette.ColorRole.PlaceholderText: tokens.text3,
        QPalette.ColorRole.Button: tokens.base,
        QPalette.ColorRole.ButtonText: tokens.text,
        QPalette.ColorRole.BrightText: tokens.on_accent,
        QPalette.ColorRole.Highlight: tokens.accent,
        QPalette.ColorRole.HighlightedText: tokens.on_accent,
        QPalette.ColorRole.Accent: tokens.accent,
        QPalette.ColorRole.Link: tokens.accent_text,
        QPalette.ColorRole.LinkVisited: tokens.accent_text,
        QPalette.ColorRole.ToolTipBase: tokens.base,
        QPalette.ColorRole.ToolTipText: tokens.text,
        QPalette.ColorRole.Light: tokens.base,
        QPalette.ColorRole.Midlight: tokens.line,
        QPalette.ColorRole.Mid: tokens.line2,
        QPalette.ColorRole.Dark: tokens.edge,
        QPalette.ColorRole.Shadow: tokens.line2,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(tokens.disabled))
    return palette


def _style_sheet(tokens: Tokens) -> str:
    colours = {name: value for name in Tokens.__slots__ if isinstance(value := getattr(tokens, name), str)}
    for state in ("queued", "running", "paused", "finished", "stopped", "failed"):
        colours[f"{state}_ink"], colours[f"{state}_tint"] = tokens.state(state).ink, tokens.state(state).tint
    colours["icons"] = resource("icons", "controls", "dark" if tokens.is_dark else "light").as_posix()
    return Template(resource("style.qss").read_text(encoding="utf-8")).substitute(colours)
