"""The main window: menus, sidebar, documents in tabs, status bar; what each part asks for, it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QMainWindow, QSplitter, QVBoxLayout, QWidget

from app.records.layout import Workspace
from app.records.sources.base import RunAddress
from app.ui.arrangement import Arrangement, to_bytes, to_text
from app.ui.controls import line
from app.ui.dialogs import ask_for_config, ask_for_folder, ask_for_trust
from app.ui.documents import Documents, give_keyboard
from app.ui.dropping import open_dropped
from app.ui.example import run_example, show_example_config
from app.ui.icons import app_icon
from app.ui.leaving import Leaving
from app.ui.menus import Menus
from app.ui.notices import Notices
from app.ui.pages import Page
from app.ui.preferences import Memory, remember_workspace, workspace_memory
from app.ui.preloading import preload
from app.ui.runs.scope import Scope
from app.ui.session import Session
from app.ui.sidebar import Sidebar
from app.ui.sources import add_source, remove_source
from app.ui.status_bar import StatusBar
from app.ui.tracker_pages import TrackerPages
from app.ui.training_worker import TrainingWorker
from app.ui.welcome import WelcomePage

_SIDEBAR, _SIDEBAR_LEAST, _SIDEBAR_MOST = 232, 160, 360
_LEAST_SIZE = QSize(800, 540)
#: When everything that a first click needs has been imported behind the painted window (ms after it was shown).
_PRELOAD_AFTER = 1500
#: Who looks at a run for so long may want to see it in a tracker's page (ms).
_PAGES_AFTER = 4000


class MainWindow(QMainWindow):
    """One window on one workspace, or on none yet.

    Args:
        memory: what is remembered of the user.
        home: where a workspace for the example is made when none is open.
        warms_pages: whether the trackers' servers may be started ahead, which needs the program's event loop.
    """

    def __init__(self, memory: Memory, home: Path, *, warms_pages: bool = False) -> None:
        super().__init__()
        self.memory = memory
        self._home = home
        self._arrangement: Arrangement | None = None
        self._trackers: TrackerPages | None = None
        self._pages_timer = QTimer(self, interval=_PAGES_AFTER, singleShot=True)
        self._pages_timer.timeout.connect(self._warm_pages)
        self._warms_pages = warms_pages
        self.session: Session | None = None
        self.worker = TrainingWorker(self)
        self.setWindowIcon(app_icon())
        self.setMinimumSize(_LEAST_SIZE)
        self.setAcceptDrops(True)
        self.sidebar = Sidebar(self.worker)
        self.documents = Documents()
        self.status = StatusBar()
        self.notices = Notices()
        self._leaving = Leaving(self.documents, memory, self)
        self.resize(1440, 900)
        self._build()
        self.menus = Menus(self)
        self.documents.page_changed.connect(self._on_page_changed)

    # Workspace

    def open_workspace(self, root: Path, then: Callable[[Session], object] | None = None) -> None:
        """Show another workspace, once it is settled what becomes of unsaved configs; the folder is made if missing.

        Args:
            root: its folder.
            then: called with the session as soon as the workspace is open, which it may be already.
        """
        try:
            root.mkdir(parents=True, exist_ok=True)
            next(root.iterdir(), None)
        except OSError as error:
            self.notify("error", f"{root} cannot be opened as a workspace: {error.strerror or error}")
            return
        root = root.resolve()
        if self.session is not None and self.session.workspace.root == root:
            if then is not None:
                then(self.session)
            return
        if self._leaving.asks_about_unsaved(lambda: self.open_workspace(root, then)):
            return
        self._leaving.forget()
        self._leave_workspace()
        session = Session(Workspace.at(root), self.worker, self)
        self.session = session
        session.notice.connect(self.notify)
        session.trust_requested.connect(lambda uses, run: ask_for_trust(self, session.workspace.root, uses, run))
        session.run_requested.connect(self.open_run)
        session.record_requested.connect(self.open_record)
        session.config_requested.connect(self.open_config)
        session.draft_requested.connect(self.open_draft)
        session.unsaved_requested.connect(self.open_unsaved)
        session.runs_requested.connect(self.show_runs)
        self._trackers = TrackerPages(session, self.status)
        remember_workspace(self.memory, session.workspace.root)
        self.sidebar.set_session(session)
        self.status.watch_disk(session.workspace.root)
        self._open_runs_page(session)
        self._restore(Arrangement(workspace_memory(session.workspace)))
        session.start()
        if then is not None:
            then(session)

    def run_example(self) -> None:
        """Train the example in the open workspace, or in a new one at home."""
        self.with_session(run_example)

    def new_experiment(self) -> None:
        """Open an empty config in the editor."""
        self.with_session(lambda session: self.open_draft({}, ""))

    def choose_workspace(self) -> None:
        """Ask for a folder and open it as a workspace."""
        ask_for_folder(self, "Open a workspace", self._start_folder(), self.open_workspace)

    def choose_existing_runs(self) -> None:
        """Ask for a folder that holds runs: our own open their workspace, those of other programs are shown beside."""

        def opened(path: Path) -> None:
            workspace = Workspace.around(path)
            if workspace.trainings.is_dir():
                self.open_workspace(workspace.root)
            else:
                self.add_source(path)

        ask_for_folder(self, "Look at existing runs", self._start_folder(), opened)

    def add_source(self, folder: Path | None = None) -> None:
        """Show the runs of a folder beside those of the workspace; without one it is asked for."""

        def chosen(path: Path) -> None:
            self.with_session(lambda session: add_source(session, path))

        if folder is not None:
            chosen(folder)
        else:
            ask_for_folder(self, "Add runs of other programs", self._start_folder(), chosen)

    def choose_config(self) -> None:
        """Ask for a config file and open it in the editor."""
        folder = self.session.experiments if self.session else self._home
        ask_for_config(self, folder, lambda path: self.with_session(lambda _: self.open_config(path)))

    # Documents

    def show_welcome(self) -> None:
        """Show the welcome page."""
        page = self.documents.page_of("welcome")
        if page is None:
            page = WelcomePage(self.worker, self.memory, self._home)
            page.example_requested.connect(self.run_example)
            page.example_config_requested.connect(lambda: self.with_session(show_example_config))
            page.workspace_requested.connect(self.choose_workspace)
            page.existing_runs_requested.connect(self.choose_existing_runs)
            page.data_requested.connect(self.open_data)
            page.path_requested.connect(self.open_path)
            self.documents.add(page)
        self.documents.bring(page)

    def show_runs(self, experiment: str = "") -> None:
        """Show the table, of one experiment of ours or of all runs."""
        self.show_scope(Scope.of_experiment(experiment))

    def show_scope(self, scope: Scope) -> None:
        """Show the table, of some of the runs."""
        page = self.documents.page_of("runs")
        if page is not None:
            page.show_scope(scope)  # type: ignore[attr-defined]
            self.documents.bring(page)

    def open_run(self, path: Path) -> None:
        """Show a run, live or past."""
        if self.session is None or self._bring(f"run:{path}"):
            return
        from app.ui.run.page import RunPage

        self._add(RunPage(self.session, path, self.documents.home))
        if self._warms_pages:
            self._pages_timer.start()

    def open_record(self, address: RunAddress) -> None:
        """Show a run of another program; one of our own, of whatever workspace, has the page of :meth:`open_run`."""
        if self.session is None:
            return
        from app.records.library import execution_path
        from app.ui.run.record_page import RecordPage, record_key

        if (path := execution_path(address, self.session.workspace)) is not None:
            self.open_run(path)
        elif not self._bring(record_key(address)):
            self._add(RecordPage(self.session, address, self.documents.home))

    def open_config(self, path: Path) -> None:
        """Open a config file in the editor."""
        path = path.absolute()
        if self.session is None or self._bring(f"config:{path}"):
            return
        from app.ui.editor.page import EditorPage

        self._add(EditorPage(self.session, path, parent=self.documents.home))

    def open_draft(self, document: dict[str, Any], name: str, *, is_saved: bool = True) -> None:
        """Open a document that is no file yet in the editor."""
        if self.session is None:
            return
        from app.ui.editor.page import EditorPage

        self._add(EditorPage(self.session, None, document, name, self.documents.home, is_saved=is_saved))

    def open_unsaved(self, document: dict[str, Any], name: str) -> None:
        """Open a document that is nowhere else, so that it is asked about before it goes."""
        self.open_draft(document, name, is_saved=False)

    def open_data(self, path: Path | None = None) -> None:
        """Look at data that a config is wanted for; without a path the page asks for it."""
        from app.ui.data.page import DataPage

        def opened(session: Session) -> None:
            if not self._bring(f"data:{path or ''}"):
                self._add(DataPage(session, path, self.documents.home))

        self.with_session(opened)

    def open_path(self, path: Path) -> None:
        """Open what was dropped: a workspace, a run, a config, or data that a config is wanted for."""
        open_dropped(self, path)

    def notify(self, level: str, text: str) -> None:
        """Say something in a banner above the status bar; ``level`` is error, warning or info."""
        self.notices.say(level, text)

    # View

    def rescan(self) -> None:
        """Look again at all runs and at what is in front."""
        if self.session is not None:
            self.session.rescan()
        if self.documents.page is not None:
            self.documents.page.look_again()

    def toggle_sidebar(self) -> None:
        """Hide or show the sidebar."""
        self.sidebar.setVisible(not self.sidebar.isVisibleTo(self))

    def toggle_full_screen(self) -> None:
        """Fill the screen, or leave it."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def step_pane(self, step: int) -> None:
        """Give the keyboard to the next or previous pane: sidebar, tabs, page."""
        panes: list[QWidget] = [pane for pane in (self.sidebar, self.documents.tabBar()) if pane.isVisible()]
        if self.documents.page is not None:
            panes.append(self.documents.page)
        focus = self.focusWidget()
        at = next((i for i, pane in enumerate(panes) if focus is pane or (focus and pane.isAncestorOf(focus))), 0)
        pane = panes[(at + step) % len(panes)]
        give_keyboard(pane, Qt.FocusReason.TabFocusReason, last=pane.focusWidget())

    def step_tab(self, step: int) -> None:
        """Bring the next or previous document to the front."""
        if self.documents.count():
            self.documents.bring_number((self.documents.currentIndex() + step) % self.documents.count())

    def close_tab(self) -> None:
        """Close the document in front."""
        self.documents.close_page(self.documents.currentIndex())

    # Events

    def showEvent(self, event: QShowEvent) -> None:
        """Import what the first clicks need once the window is there."""
        super().showEvent(event)
        if not event.spontaneous():
            QTimer.singleShot(_PRELOAD_AFTER, lambda: preload(self))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close when nothing unsaved stands against it; runs go on, which is said once."""
        event.ignore()
        if self._leaving.asks_about_unsaved(self.close):
            return
        active = self.session.active_runs() if self.session else []
        if self._leaving.asks_about_runs(len(active), self.close, self._stop_all):
            return
        event.accept()
        self._leave_workspace()
        self.worker.close()
        self.memory.set(geometry=to_text(self.saveGeometry()))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.open_path(Path(url.toLocalFile()))

    # Inside

    def _build(self) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        self.sidebar.setMinimumWidth(_SIDEBAR_LEAST)
        self.sidebar.setMaximumWidth(_SIDEBAR_MOST)
        self._splitter.addWidget(self.sidebar)
        # A page that would like more room takes none of the sidebar's, whose width would change from page to page.
        self.documents.setMinimumWidth(_LEAST_SIZE.width() - _SIDEBAR_LEAST)
        self._splitter.addWidget(self.documents)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setSizes([_SIDEBAR, 1440 - _SIDEBAR])
        column.addWidget(line())
        column.addWidget(self._splitter, 1)
        column.addWidget(self.notices)
        centre = QWidget()
        centre.setLayout(column)
        self.setCentralWidget(centre)
        self.setStatusBar(self.status)
        self.sidebar.scope_requested.connect(self.show_scope)
        self.sidebar.source_added.connect(self.add_source)
        self.sidebar.source_removed.connect(self._remove_source)
        self.sidebar.config_requested.connect(self.open_config)
        self.sidebar.new_experiment_requested.connect(self.new_experiment)
        self.sidebar.workspace_menu_requested.connect(self._show_workspace_menu)
        self.sidebar.tracker_requested.connect(self._open_experiment_in_tracker)
        geometry = self.memory.get("geometry", "")
        if geometry:
            self.restoreGeometry(to_bytes(geometry))

    def _open_runs_page(self, session: Session) -> None:
        from app.ui.runs.page import RunsPage

        page = RunsPage(session)
        page.example_requested.connect(self.run_example)
        self.documents.add(page, closable=False)
        welcome = self.documents.page_of("welcome")
        if welcome is not None:
            self.documents.close_page(self.documents.indexOf(welcome))

    def _restore(self, arrangement: Arrangement) -> None:
        """Look as the workspace was left; further documents come once the window has been painted."""
        from app.ui.runs.page import RunsPage

        self._arrangement = arrangement
        arrangement.restore(self._splitter, self.sidebar)
        runs = self.documents.page_of("runs")
        if isinstance(runs, RunsPage):
            arrangement.restore_view(runs)
            runs.reading.begin()
        if arrangement.documents:
            QTimer.singleShot(0, lambda: self._reopen(arrangement))

    def _reopen(self, arrangement: Arrangement) -> None:
        if self._arrangement is not arrangement:
            return  # another workspace has been opened meanwhile
        asked = self.documents.page
        for kind, place in arrangement.documents:
            if isinstance(place, RunAddress):
                self.open_record(place)
            elif kind == "run":
                self.open_run(place)
            else:
                self.open_config(place)
        # What was just asked for stays in front of what was open before.
        if asked is not None and asked.key != "runs":
            self.documents.bring(asked)
        elif not self._bring(arrangement.front):
            self.show_runs()

    def _leave_workspace(self) -> None:
        session = self.session
        if session is None or self._arrangement is None:
            return
        self._arrangement.save(self._splitter, self.sidebar, self.documents)
        self.documents.clear_all()
        self.sidebar.set_session(None)
        if self._trackers is not None:
            self._trackers.close()
            self._trackers = None
        self.session = None
        session.close()
        session.deleteLater()

    def _start_folder(self) -> Path:
        return self.session.workspace.root if self.session else self._home.parent

    def with_session(self, then: Callable[[Session], object]) -> None:
        """Do something with the open workspace, or with the one at home, which is opened for it."""
        if self.session is not None:
            then(self.session)
        else:
            self.open_workspace(self._home, then)

    def _add(self, page: Page) -> None:
        if self._arrangement is not None:
            self._arrangement.restore_view(page)
        self.documents.add(page)

    def _bring(self, key: str) -> bool:
        page = self.documents.page_of(key)
        if page is not None:
            self.documents.bring(page)
        return page is not None

    def _on_page_changed(self) -> None:
        page = self.documents.page
        # A workspace that is called like the program, as the one at home is, would have its name twice.
        where = f" — {self.session.name}" if self.session and self.session.name != "Trackside" else ""
        self.setWindowTitle(f"{page.title}{where} — Trackside" if page else "Trackside")
        self.status.show_page(page.status if page else (), page.status_icon if page else None)

    def _open_experiment_in_tracker(self, experiment: str, kind: str) -> None:
        if self._trackers is not None:
            self._trackers.open_newest(experiment, kind)

    def _remove_source(self, folder: Path) -> None:
        self.with_session(lambda session: remove_source(session, folder))

    def _warm_pages(self) -> None:
        if self._trackers is not None:
            self._trackers.warm(self.sidebar.tracker_kinds)

    def _show_workspace_menu(self) -> None:
        self.menus.show_workspaces(self.sidebar)

    def _stop_all(self, then: Callable[[], object]) -> None:
        if self.session is not None:
            self.session.stop(self.session.active_runs(), then=then)
