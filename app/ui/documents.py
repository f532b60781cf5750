"""The documents of the window, each in a tab."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QMenu, QStackedWidget, QTabBar, QTabWidget, QWidget

from app.ui.pages import Page

_LONGEST_TITLE = 32
#: Where there are many tabs this much of their texts is left; margins, icon and cross of a tab (px).
_LEAST_TEXT, _AROUND_TEXT = "00:00:00-00", 76


class _Tabs(QTabBar):
    """Tabs that a middle click closes, and that are scrolled before they are too narrow to be told apart."""

    def minimumTabSizeHint(self, index: int) -> QSize:
        wanted = self.tabSizeHint(index)
        least = self.fontMetrics().horizontalAdvance(_LEAST_TEXT) + _AROUND_TEXT
        return QSize(min(wanted.width(), least), wanted.height())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton and (at := self.tabAt(event.position().toPoint())) >= 0:
            self.tabCloseRequested.emit(at)
            return
        super().mouseReleaseEvent(event)


class Documents(QTabWidget):
    """Holds pages by their key; ``page_changed`` is emitted when another page is in front or it says something new."""

    page_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setTabBar(_Tabs())
        self.setObjectName("documents")
        self.setDocumentMode(True)
        self.setMovable(True)
        self.setTabsClosable(True)
        self.setElideMode(Qt.TextElideMode.ElideRight)
        self.setUsesScrollButtons(True)
        self.setIconSize(QSize(14, 14))
        self.tabBar().setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tabBar().customContextMenuRequested.connect(self._on_menu)
        self.tabBar().setAccessibleName("Documents")
        self.tabCloseRequested.connect(self.close_page)
        self.currentChanged.connect(lambda _: self.page_changed.emit())

    @property
    def home(self) -> QWidget:
        """The parent to make pages with: a page that is made elsewhere is dressed once more when it is put here."""
        home = self.findChild(QStackedWidget, "qt_tabwidget_stackedwidget")
        return home if home is not None else self

    def pages(self) -> Iterator[Page]:
        """Yield the open pages from left to right."""
        for index in range(self.count()):
            page = self.widget(index)
            assert isinstance(page, Page)
            yield page

    @property
    def page(self) -> Page | None:
        """The page in front."""
        page = self.currentWidget()
        return page if isinstance(page, Page) else None

    def page_of(self, key: str) -> Page | None:
        """Return the page of a key, if it is open."""
        return next((page for page in self.pages() if page.key == key), None)

    def add(self, page: Page, *, closable: bool = True, front: bool = True) -> None:
        """Open a page in a new tab."""
        index = self.addTab(page, "")
        if not closable:
            for side in (QTabBar.ButtonPosition.LeftSide, QTabBar.ButtonPosition.RightSide):
                self.tabBar().setTabButton(index, side, None)
        page.changed.connect(self._on_page_changed)
        self._describe(page)
        if front:
            self.bring(page)

    def bring(self, page: Page) -> None:
        """Bring a page to the front and give it the keyboard, where it had it last."""
        had = page.focusWidget()  # before Qt gives it to the first part of the page
        self.setCurrentWidget(page)
        give_keyboard(page, last=had)

    def bring_number(self, index: int) -> None:
        """Bring the page of a tab to the front; there may be no such tab."""
        page = self.widget(index)
        if isinstance(page, Page):
            self.bring(page)

    def close_page(self, index: int) -> None:
        """Close a tab once its page agrees; the window's first tab stays."""
        page = self.widget(index)
        if isinstance(page, Page) and self._is_closable(index):
            page.ask_to_close(lambda: self.remove(page))

    def close_others(self, keep: Page) -> None:
        """Close every tab but one."""
        for page in list(self.pages()):
            if page is not keep:
                self.close_page(self.indexOf(page))

    def clear_all(self) -> None:
        """Close everything without asking."""
        for page in list(self.pages()):
            self.remove(page)

    def remove(self, page: Page) -> None:
        """Close a page without asking it."""
        index = self.indexOf(page)
        if index >= 0:
            page.changed.disconnect(self._on_page_changed)
            page.leave()
            had_keyboard = page.isAncestorOf(self.window().focusWidget() or self)
            self.removeTab(index)
            page.deleteLater()
            if had_keyboard and self.page is not None:
                self.bring(self.page)
            self.page_changed.emit()

    def _is_closable(self, index: int) -> bool:
        sides = (QTabBar.ButtonPosition.LeftSide, QTabBar.ButtonPosition.RightSide)
        return any(self.tabBar().tabButton(index, side) is not None for side in sides)

    def _on_page_changed(self) -> None:
        page = self.sender()
        if isinstance(page, Page):
            self._describe(page)
            if page is self.page:
                self.page_changed.emit()

    def _describe(self, page: Page) -> None:
        index = self.indexOf(page)
        text = page.tab
        short = text if len(text) <= _LONGEST_TITLE else f"{text[: _LONGEST_TITLE - 1]}…"
        mark = " ●" if page.is_modified else ""
        title = short.replace("&", "&&") + mark
        if title != self.tabText(index):  # each of these lays all tabs out anew
            self.setTabText(index, title)
        if page.icon.cacheKey() != self.tabIcon(index).cacheKey():
            self.setTabIcon(index, page.icon)
        self.setTabToolTip(index, page.title)

    def _on_menu(self, position: QPoint) -> None:
        index = self.tabBar().tabAt(position)
        page = self.widget(index) if index >= 0 else None
        if not isinstance(page, Page):
            return
        menu = QMenu(self)
        close = menu.addAction("Close", lambda: self.close_page(self.indexOf(page)))
        close.setEnabled(self._is_closable(index))
        menu.addAction("Close others", lambda: self.close_others(page))
        path = (page.address or {}).get("path")
        if isinstance(path, str):
            menu.addSeparator()
            menu.addAction("Copy path", lambda: QGuiApplication.clipboard().setText(path))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.tabBar().mapToGlobal(position))


def give_keyboard(
    pane: QWidget, reason: Qt.FocusReason = Qt.FocusReason.OtherFocusReason, *, last: QWidget | None = None
) -> None:
    """Give the keyboard to the part of a pane that had it last, else to the one it names, else to its first."""
    named = pane
    while (proxy := named.focusProxy()) is not None:
        named = proxy
    parts = (last, named, *pane.findChildren(QWidget))
    part = next((part for part in parts if part is not None and _takes_keyboard(part, pane)), pane)
    part.setFocus(reason)


def _takes_keyboard(part: QWidget, pane: QWidget) -> bool:
    takes = bool(part.focusPolicy() & Qt.FocusPolicy.TabFocus) and part.focusProxy() is None
    return takes and part.isEnabled() and part.isVisibleTo(pane)
