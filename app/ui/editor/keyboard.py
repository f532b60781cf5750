"""How the editor is worked by keys: Tab goes as one reads, undo and redo are the document's wherever the cursor is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QLayout, QScrollArea, QSplitter, QTabWidget, QWidget

from app.ui.editor.flow import Flow
from app.ui.pages import Page


class KeyboardPage(Page):
    """A page whose fields share one history, and are made when they are first needed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._watch_focus)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Go on as the layouts read, whichever part was made first."""
        stops = (part for part in _parts(self) if part.focusPolicy() & Qt.FocusPolicy.TabFocus)
        for stop, following in itertools.pairwise(stops):
            QWidget.setTabOrder(stop, following)
        return super().focusNextPrevChild(forward)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep undo and redo from the field that has the keyboard: what it typed is in the document's history."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            keys = QKeySequence.StandardKey
            if event.matches(keys.Undo) or event.matches(keys.Redo):
                event.ignore()
                return True
        return super().eventFilter(watched, event)

    def _watch_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        # Only the one that has the keyboard: Python is not to see every event of every field.
        if old is not None:
            old.removeEventFilter(self)
        if new is not None and self.isAncestorOf(new):
            new.installEventFilter(self)


def _parts(widget: QWidget) -> Iterator[QWidget]:
    """Yield a widget, then what is laid out within it."""
    yield widget
    for part in _within(widget):
        if part is not None:
            yield from _parts(part)


def _within(widget: QWidget) -> Iterable[QWidget | None]:
    if isinstance(widget, Flow):
        return widget.widgets
    if isinstance(widget, QSplitter):
        return [widget.widget(index) for index in range(widget.count())]
    if isinstance(widget, QScrollArea):
        return [widget.widget()]
    if isinstance(widget, QTabWidget):
        return [widget.tabBar(), *(widget.widget(index) for index in range(widget.count()))]
    layout = widget.layout()
    return _laid_out(layout) if layout is not None else []


def _laid_out(layout: QLayout) -> Iterator[QWidget | None]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        inner = item.layout() if item is not None else None
        if inner is not None:
            yield from _laid_out(inner)
        elif item is not None:
            yield item.widget()
