"""The left side: the workspace, its experiments, configs and trackings, and how the worker is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPoint, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QVBoxLayout, QWidget

from app.records.watch import Changes
from app.ui import formats
from app.ui.background import Work
from app.ui.contents import Contents, SourceContents, read_contents
from app.ui.controls import ClickableFrame, ElidedLabel, icon_button, line
from app.ui.icons import icon
from app.ui.pace import Pace
from app.ui.runs.columns import SOURCES, source_icon
from app.ui.runs.scope import Scope
from app.ui.session import Session
from app.ui.sidebar_tree import FOLDER, KIND, WHAT, SidebarTree, heading, row, sentence
from app.ui.theme import theme, ui_font
from app.ui.training_worker import TrainingWorker
from app.ui.worker_line import WorkerLine

#: Changes within this time are shown together (seconds).
_GATHER = 0.3
#: The order of the trackers, and those with a page that runs can be opened in.
_TRACKERS = ("tensorboard", "mlflow", "comet", "wandb", "csv", "execution")
_WITH_PAGE = ("tensorboard", "mlflow")
#: How many experiments are listed of a source; the query finds the others.
_MOST_LISTED = 500


class Sidebar(QWidget):
    """Asks the window to show what is clicked in it."""

    #: Show some of the runs.
    scope_requested = Signal(Scope)
    #: Open a config file: its path.
    config_requested = Signal(object)
    new_experiment_requested = Signal()
    workspace_menu_requested = Signal()
    #: Add a folder with runs of other programs (None asks for it), or remove one.
    source_added = Signal(object)
    source_removed = Signal(object)
    #: Open the newest run of an experiment in a tracker's page: experiment, "tensorboard" or "mlflow".
    tracker_requested = Signal(str, str)

    def __init__(self, worker: TrainingWorker) -> None:
        super().__init__()
        self._session: Session | None = None
        self._work: Work[Contents] | None = None
        self._contents = Contents()
        self._shown: object = None
        self._is_outdated = False
        self._pace = Pace(_GATHER)
        self.setProperty("kind", "chrome")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAcceptDrops(True)
        self._workspace = _WorkspaceBlock()
        self._workspace.clicked.connect(self.workspace_menu_requested)
        self._model = QStandardItemModel(self)
        self._tree = SidebarTree()
        self._tree.setModel(self._model)
        self.setFocusProxy(self._tree)
        self._tree.chosen.connect(self._on_chosen)
        self._tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._tree.customContextMenuRequested.connect(self._show_menu)
        self.worker_line = WorkerLine(worker)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._workspace)
        column.addWidget(line())
        column.addWidget(self._tree, 1)
        column.addWidget(line())
        column.addWidget(self.worker_line)
        self._gather = QTimer(self, singleShot=True)
        self._gather.timeout.connect(self._look)
        self._fill()

    def set_session(self, session: Session | None) -> None:
        """Show another workspace, or none."""
        if self._session is not None:
            self._session.runs_changed.disconnect(self._want_look)
            self._session.indexing.changed.disconnect(self._want_look)
            self._session.indexing.told.disconnect(self._want_look)
        self._session = session
        self._contents, self._shown = Contents(), None
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self._gather.stop()
        self._pace = Pace(_GATHER)
        self.worker_line.set_session(session)
        if session is not None:
            session.runs_changed.connect(self._want_look)
            session.indexing.changed.connect(self._want_look)
            session.indexing.told.connect(self._want_look)
            self._gather.start(0)  # the table comes first
        self._fill()

    @property
    def tracker_kinds(self) -> list[str]:
        """The trackers with a page of their own that have something of this workspace: "tensorboard", "mlflow"."""
        return [kind for kind in _WITH_PAGE if self._contents.mirrors.get(kind)]

    def refresh(self) -> None:
        """Look again at what there is."""
        self._look()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders, whose runs are added."""
        if self._session is not None and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add the runs of what was dropped."""
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.source_added.emit(Path(url.toLocalFile()))

    def _want_look(self, _changes: Changes | None = None) -> None:
        if not self._gather.isActive():
            # The table is read and drawn at once; both at a time would make the window falter.
            self._gather.start(max(self._pace.wait, round(_GATHER * 1000)))

    def _look(self) -> None:
        session = self._session
        if session is None:
            return
        if self._work is not None:
            self._is_outdated = True
            return
        self._is_outdated = False
        self._pace.begin()

        def done(contents: Contents) -> None:
            self._contents = contents
            indexing = session.indexing
            told = (indexing.is_complete, indexing.problems, dict(indexing.source_problems))
            shown = (contents, self._unknown(), told)
            if shown != self._shown:
                self._shown = shown
                self._fill()
            ended()

        def failed(error: Exception) -> None:
            ended()
            if not isinstance(error, OSError | LookupError):  # the table says that it cannot be read
                raise error

        def ended() -> None:
            self._work = None
            self._pace.end()
            if self._is_outdated:
                self._want_look()

        self._work = session.indexing.read(
            self, lambda index: read_contents(index, session.workspace), done, failed=failed
        )

    def _unknown(self) -> Counter[str]:
        """Return by experiment how many runs are followed that the index does not know yet."""
        session = self._session
        if session is None:
            return Counter()
        root, own = session.workspace.root, self._contents.own
        runs = (run for path, run in session.runs.items() if path.relative_to(root).as_posix() not in own)
        return Counter(run.experiment for run in runs)

    def _total(self) -> int:
        return self._contents.runs + self._unknown().total()

    def _fill(self) -> None:
        session = self._session
        self._workspace.show_workspace(session, self._total())
        chosen, opened = self._tree.chosen_row(), self._tree.opened_rows()
        self._model.clear()
        root = self._model.invisibleRootItem()
        experiments = heading("Experiments")
        root.appendRow(experiments)
        self._fill_experiments(root)
        if self._contents.configs:
            root.appendRow(heading("Configs"))
            for path in self._contents.configs:
                root.appendRow(row("file-braces", path.name, "config", path, tip=str(path)))
        trackings = heading("Trackings")
        if session is not None:
            root.appendRow(trackings)
            self._fill_trackings(root, session)
        self._tree.restore_rows(chosen, opened)
        if session is not None:
            self._put_button(experiments, "New experiment", self.new_experiment_requested.emit)
            self._put_button(trackings, "Add runs of other programs", lambda: self.source_added.emit(None))

    def _fill_experiments(self, root: QStandardItem) -> None:
        amounts = Counter(self._contents.experiments) + self._unknown()
        total = self._total()
        if total:
            root.appendRow(row("rows-3", Scope().title, "scope", Scope(), formats.count(total)))
        for name in sorted(amounts, key=str.casefold):
            scope = Scope.of_experiment(name)
            root.appendRow(row("flask-conical", name, "experiment", scope, formats.count(amounts[name])))
        if not amounts:
            root.appendRow(sentence("Runs are listed here by experiment."))

    def _fill_trackings(self, root: QStandardItem, session: Session) -> None:
        contents = self._contents
        for kind in _TRACKERS:
            sources = [each for each in contents.sources if each.folder is None and each.kind == kind]
            mirrors = contents.mirrors.get(kind, ())
            if not sources and not mirrors:
                continue
            item = self._source_row(SOURCES[kind], source_icon(kind), sources, amount=str(len(mirrors)))
            for name in mirrors:
                item.appendRow(row("flask-conical", name, f"tracked:{kind}", Scope.of_experiment(name)))
            self._add_sources(item, sources)
            root.appendRow(item)
        for folder in contents.folders:
            sources = [each for each in contents.sources if each.folder == folder]
            problems = [each for each in session.indexing.problems if each.startswith(str(folder))]
            item = self._source_row(folder.name or str(folder), "folder-input", sources, str(folder), problems)
            item.setData("folder", KIND)
            item.setData(folder, FOLDER)
            self._add_sources(item, sources)
            root.appendRow(item)
        if not contents.folders and not contents.sources and not contents.mirrors:
            root.appendRow(sentence("Runs of other programs are listed here."))

    def _add_sources(self, above: QStandardItem, sources: list[SourceContents]) -> None:
        """Add a row for each source, or for a single one the rows of its experiments."""
        for source in sources:
            item = above
            if len(sources) > 1:
                item = self._source_row(_title(source, sources), source_icon(source.kind), [source])
                above.appendRow(item)
            names = sorted(source.experiments, key=str.casefold)
            if source.kind in ("mlflow", "execution") or len(names) > 1:
                for name in names[:_MOST_LISTED]:
                    scope = Scope(f"{SOURCES[source.kind]} · {name}", (source.name,), name)
                    item.appendRow(row("layers", name, "scope", scope, formats.count(source.experiments[name])))
                if len(names) > _MOST_LISTED:
                    item.appendRow(sentence(f"{formats.count(len(names) - _MOST_LISTED)} more"))

    def _source_row(
        self, text: str, icon_name: str, sources: list[SourceContents], tip: str = "", problems: Iterable[str] = (),
        amount: str = "",
    ) -> QStandardItem:  # fmt: skip
        """Return the row of some sources: how many runs they have, what is wrong with them."""
        scope = Scope(text, tuple(each.name for each in sources)) if sources else None
        if sources:
            amount = formats.count(sum(each.runs for each in sources))
        running = sum(each.running for each in sources)
        told = [tip or text, *(f"{SOURCES[each.kind]}: {each.root}" for each in sources)]
        told += [f"{formats.plural(running, 'run')} going on"] if running else []
        return row(icon_name, text, "scope", scope, amount, "\n".join(told), [*problems, *self._problems(sources)])

    def _problems(self, sources: list[SourceContents]) -> Iterator[str]:
        session = self._session
        for source in sources:
            if session is not None:
                yield from session.indexing.source_problems.get(source.name, ())
            if source.broken:
                yield f"{formats.plural(source.broken, 'run')} cannot be read whole"

    def _put_button(self, item: QStandardItem, name: str, clicked: Callable[[], object]) -> None:
        holder = QWidget()
        column = QHBoxLayout(holder)
        column.setContentsMargins(0, 0, 8, 0)
        column.addStretch(1)
        column.addWidget(icon_button("plus", name, clicked))
        self._tree.setIndexWidget(item.index(), holder)

    def _on_chosen(self, index: QModelIndex) -> None:
        what = index.data(WHAT)
        if isinstance(what, Scope):
            self.scope_requested.emit(what)
        else:
            self.config_requested.emit(what)

    def _show_menu(self, position: QPoint) -> None:
        index = self._tree.indexAt(position)
        kind, what = str(index.data(KIND)), index.data(WHAT)
        menu = QMenu(self)
        if isinstance(what, Scope):
            menu.addAction(icon("rows-3"), "Show runs", lambda: self.scope_requested.emit(what))
        elif kind == "config":
            menu.addAction(icon("pencil"), "Edit", lambda: self.config_requested.emit(what))
        for page in _WITH_PAGE:
            if isinstance(what, Scope) and (
                kind == f"tracked:{page}"
                or (kind == "experiment" and what.experiment in self._contents.mirrors.get(page, ()))
            ):
                menu.addAction(icon("external-link"), f"Open in {SOURCES[page]}", self._opener(what, page))
        folder = index.data(FOLDER)
        if isinstance(folder, Path):
            menu.addAction(icon("folder-open"), "Open folder", lambda: _open_folder(folder))
            menu.addAction(icon("x"), "Remove from the workspace", lambda: self.source_removed.emit(folder))
        elif self._session is not None and kind in ("heading", "sentence", "None"):
            menu.addAction(icon("folder-plus"), "Add runs of other programs…", lambda: self.source_added.emit(None))
        menu.aboutToHide.connect(menu.deleteLater)
        if menu.actions():
            menu.popup(self._tree.viewport().mapToGlobal(position))

    def _opener(self, scope: Scope, page: str) -> Callable[[], None]:
        return lambda: self.tracker_requested.emit(scope.experiment or "", page)


def _title(source: SourceContents, beside: list[SourceContents]) -> str:
    """Return what a source is called beside others: the name of its folder, as long as that is no other's."""
    name = source.root.name or str(source.root)
    is_another = any(each.root.name == name and each.kind == source.kind and each is not source for each in beside)
    return f"{source.root.parent.name}/{name}" if is_another else name


def _open_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


class _WorkspaceBlock(ClickableFrame):
    """The name of the workspace, how much is in it, and that another one can be chosen."""

    def __init__(self) -> None:
        super().__init__("chrome")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 10, 8)
        row.setSpacing(10)
        self._sign, self._more = QLabel(), QLabel()
        self._name, self._text = ElidedLabel(), ElidedLabel("", "caption")
        self._name.setFont(ui_font(weight=600))
        texts = QVBoxLayout()
        texts.setSpacing(1)
        texts.addWidget(self._name)
        texts.addWidget(self._text)
        row.addWidget(self._sign)
        row.addLayout(texts, 1)
        row.addWidget(self._more)
        self._dress()
        theme().changed.connect(self._dress)

    def show_workspace(self, session: Session | None, runs: int) -> None:
        """Show a workspace, or that there is none."""
        self._name.setText(session.name if session else "No workspace")
        reading = " so far" if session and not session.indexing.is_complete else ""
        self._text.setText(formats.plural(runs, "run") + reading if session else "Open or create one")
        self.setToolTip(str(session.workspace.root) if session else "")
        self.setAccessibleName(f"Workspace {session.name}, choose another" if session else "Choose a workspace")

    def _dress(self) -> None:
        self._sign.setPixmap(icon("folder-open").pixmap(QSize(16, 16), self.devicePixelRatioF()))
        self._more.setPixmap(icon("chevrons-up-down", "text3").pixmap(QSize(14, 14), self.devicePixelRatioF()))
