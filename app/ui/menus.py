"""The menus of the window, and the list of keys that is made from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QAction, QActionGroup, QDesktopServices, QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QMenu, QMessageBox, QScrollArea, QVBoxLayout, QWidget

from app import __version__
from app.resources import resource
from app.ui.controls import label
from app.ui.icons import icon
from app.ui.preferences import recent_workspaces
from app.ui.theme import theme

if TYPE_CHECKING:
    from app.ui.window import MainWindow

_TABS = 9
#: Keys of the editor, listed where none is in front too.
EDITOR_KEYS = (("Save", "Ctrl+S"), ("Run", "Ctrl+Return"))


class Menus:
    """Fills the menu bar.

    What a page can do it says by its own actions (``QWidget.actions``), which are shown in the menu that their property
    ``menu`` names (file, edit, run).
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._menus: list[QMenu] = []
        self._fill_file()
        self._page_menu("&Edit", "edit")
        self._fill_view()
        self._page_menu("&Run", "run", self._run_actions)
        self._fill_window()
        self._fill_help()

    def show_workspaces(self, below: QWidget) -> None:
        """Show the menu of workspaces at the head of the sidebar."""
        menu = QMenu(below)
        self._add_workspaces(menu)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(below.mapToGlobal(QPoint(4, 44)))

    def _menu(self, title: str) -> QMenu:
        menu = self._window.menuBar().addMenu(title)
        self._menus.append(menu)
        return menu

    def _add(
        self, menu: QMenu, text: str, do: Callable[[], object], keys: str = "", icon_name: str = "", *, also: str = ""
    ) -> QAction:
        action = QAction(text, self._window)
        shortcuts = [QKeySequence(key) for key in (keys, also) if key]
        if shortcuts:
            action.setShortcuts(shortcuts)
        if icon_name:
            action.setIcon(icon(icon_name))
        action.triggered.connect(lambda _checked=False: do())
        menu.addAction(action)
        self._window.addAction(action)
        return action

    def _fill_file(self) -> None:
        window = self._window
        menu = self._menu("&File")
        self._add(menu, "&New experiment", window.new_experiment, "Ctrl+N", "plus")
        self._add(menu, "New config from &data…", window.open_data, "Ctrl+Shift+N", "database")
        self._add(menu, "Open &config…", window.choose_config, "Ctrl+Shift+O", "file-braces")
        self._mark = menu.addSeparator()
        self._show_page_actions(menu, "file", self._mark)
        workspaces = menu.addMenu("&Workspace")
        self._add(workspaces, "&Open workspace…", window.choose_workspace, "Ctrl+O", "folder-open")
        recent = workspaces.addMenu("&Recent")
        recent.aboutToShow.connect(lambda: self._fill_recent(recent))
        self._add(workspaces, "&Look at existing runs…", window.choose_existing_runs, "", "folder-input")
        self._add(workspaces, "&Add runs of other programs…", window.add_source, "", "folder-plus")
        menu.addSeparator()
        self._add(menu, "Close &tab", window.close_tab, "Ctrl+W")
        self._add(menu, "&Quit", window.close, "Ctrl+Q")

    def _fill_view(self) -> None:
        window = self._window
        menu = self._menu("&View")
        self._add(menu, "&Sidebar", window.toggle_sidebar, "Ctrl+B", "panel-left")
        self._add(menu, "&Full screen", window.toggle_full_screen, "F11", "maximize-2")
        self._add(menu, "&Look again at all runs", window.rescan, "F5", "refresh-cw")
        menu.addSeparator()
        themes = menu.addMenu("&Theme")
        group = QActionGroup(window)
        for preference, text in (("system", "As the &system"), ("light", "&Light"), ("dark", "&Dark")):
            action = QAction(text, group, checkable=True)
            action.setChecked(theme().preference == preference)
            action.triggered.connect(lambda _checked=False, name=preference: self._prefer(name))
            themes.addAction(action)
        menu.addSeparator()
        self._add(menu, "&Next pane", lambda: window.step_pane(1), "F6")
        self._add(menu, "&Previous pane", lambda: window.step_pane(-1), "Shift+F6")

    def _run_actions(self, menu: QMenu) -> None:
        self._add(menu, "Run the &example", self._window.run_example, "", "play")

    def _fill_window(self) -> None:
        window = self._window
        menu = self._menu("&Window")
        self._add(menu, "&Next document", lambda: window.step_tab(1), "Ctrl+Tab")
        self._add(menu, "&Previous document", lambda: window.step_tab(-1), "Ctrl+Shift+Tab")
        menu.addSeparator()
        end = menu.addSeparator()
        menu.aboutToShow.connect(lambda: self._list_documents(menu, end))
        for number in range(1, _TABS + 1):
            action = QAction(window)
            action.setShortcut(QKeySequence(f"Ctrl+{number}"))
            action.triggered.connect(lambda _checked=False, at=number - 1: window.documents.bring_number(at))
            window.addAction(action)

    def _fill_help(self) -> None:
        window = self._window
        menu = self._menu("&Help")
        self._add(menu, "&Welcome", window.show_welcome, "", "house")
        self._add(menu, "List of &keys", self._show_keys, "Ctrl+/", "keyboard", also="F1")
        menu.addSeparator()
        self._add(menu, "&Licences of fonts and icons", self._show_licences, "", "file-text")
        self._add(menu, "&About Trackside", self._show_about, "", "info")

    def _page_menu(self, title: str, name: str, first: Callable[[QMenu], object] | None = None) -> None:
        menu = self._menu(title)
        if first is not None:
            first(menu)
        end = menu.addSeparator()
        self._show_page_actions(menu, name, end)
        if first is None:
            # A menu of nothing is absent.
            self._window.documents.page_changed.connect(
                lambda: menu.menuAction().setVisible(bool(self._page_actions(name)))
            )

    def _show_page_actions(self, menu: QMenu, name: str, before: QAction) -> None:
        shown: list[QAction] = []

        def fill() -> None:
            for action in shown:
                menu.removeAction(action)
            shown[:] = self._page_actions(name)
            menu.insertActions(before, shown)

        menu.aboutToShow.connect(fill)

    def _page_actions(self, name: str) -> list[QAction]:
        page = self._window.documents.page
        return [action for action in page.actions() if action.property("menu") == name] if page else []

    def _list_documents(self, menu: QMenu, before: QAction) -> None:
        for action in menu.actions():
            if action.property("document"):
                menu.removeAction(action)
        for number, page in enumerate(self._window.documents.pages(), 1):
            text = page.title.replace("&", "&&")
            action = QAction(page.icon, f"{text}\tCtrl+{number}" if number <= _TABS else text, menu)
            action.setProperty("document", True)
            action.triggered.connect(lambda _checked=False, page=page: self._window.documents.bring(page))
            menu.insertAction(before, action)

    def _add_workspaces(self, menu: QMenu) -> None:
        self._fill_recent(menu)
        if menu.actions():
            menu.addSeparator()
        menu.addAction(icon("folder-open"), "Open workspace…", self._window.choose_workspace)
        menu.addAction(icon("folder-input"), "Look at existing runs…", self._window.choose_existing_runs)

    def _fill_recent(self, menu: QMenu) -> None:
        menu.clear()
        session = self._window.session
        for path in recent_workspaces(self._window.memory):
            action = menu.addAction(str(path))
            action.triggered.connect(lambda _checked=False, path=path: self._window.open_workspace(path))
            action.setCheckable(True)
            action.setChecked(session is not None and session.workspace.root == path)

    def _prefer(self, preference: str) -> None:
        theme().prefer(preference)
        self._window.memory.set(theme=preference)

    def _show_keys(self) -> None:
        page = self._window.documents.page
        actions = [*self._window.actions(), *(page.actions() if page else [])]
        rows = [
            (action.text().replace("&", "").rstrip("…"), action.shortcuts()[0].toString())
            for action in actions
            if action.shortcuts() and action.text()
        ]
        rows.append((f"Document 1 to {_TABS}", f"Ctrl+1 … Ctrl+{_TABS}"))
        listed = {keys for _, keys in rows}
        rows += [(f"{text} (in a config)", keys) for text, keys in EDITOR_KEYS if keys not in listed]
        _KeysDialog(self._window, rows).open()

    def _show_licences(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(resource("fonts", "OFL.txt"))))
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(resource("icons", "lucide", "LICENSE"))))

    def _show_about(self) -> None:
        box = QMessageBox(self._window)
        box.setWindowTitle("About Trackside")
        box.setIconPixmap(self._window.windowIcon().pixmap(48, 48))
        box.setText(f"Trackside {__version__}")
        session = self._window.session
        where = f"\nWorkspace: {session.workspace.root}" if session else ""
        box.setInformativeText(
            "Configure, run and watch experiments on this computer. No server, no account: nothing leaves "
            f"it unasked.{where}"
        )
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()


class _KeysDialog(QDialog):
    """What every key does."""

    def __init__(self, parent: QWidget, rows: list[tuple[str, str]]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        inner = QWidget()
        inner.setProperty("kind", "content")
        grid = QGridLayout(inner)
        grid.setContentsMargins(16, 12, 16, 12)
        grid.setHorizontalSpacing(32)
        for number, (text, keys) in enumerate(rows):
            grid.addWidget(label(text), number, 0)
            grid.addWidget(label(keys, "key"), number, 1, Qt.AlignmentFlag.AlignRight)
        grid.setRowStretch(len(rows), 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inner)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area)
        self.resize(420, min(640, inner.sizeHint().height() + 2))
