"""The page of all runs: toolbar, query, table; everything that can be done with a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication, QIcon, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QMessageBox,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.records.layout import ExecutionFolder
from app.records.watch import Changes
from app.ui import formats
from app.ui.background import Work, run_in_background
from app.ui.controls import ElidedLabel, EmptyState, button, frame, label, line
from app.ui.icons import icon
from app.ui.pages import Page
from app.ui.runs.columns import TREND
from app.ui.runs.model import RunsModel
from app.ui.runs.query_field import QueryField
from app.ui.runs.reading import TableReading
from app.ui.runs.rows import Row
from app.ui.runs.scope import Scope
from app.ui.runs.view import MOST_OPENED, RunsView
from app.ui.session import Session

if TYPE_CHECKING:
    from app.records.query import QueryError

#: Reading is told of after this time (ms).
_READING_AFTER = 300
#: The most room that the name of what is shown takes (px).
_HEADING = 220
#: Below this width the buttons of the toolbar are icons only (px).
_NARROW = 980


class RunsPage(Page):
    """Lists the runs of a workspace, whoever started them."""

    example_requested = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._awaited: ExecutionFolder | None = None
        self.reading = TableReading(session.indexing, self)
        self.model = RunsModel(session.workspace, self.reading)
        self.view = RunsView(self.model)
        self.view.opened.connect(lambda row: self._open_runs([row]))
        self.view.selection_changed.connect(self._on_selection)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.filter = QueryField(session.indexing)
        self._make_actions()
        self._make_toolbar()
        parts = QWidget(self)  # a stack without a widget shows its first part as a window of its own
        self._stack = QStackedLayout(parts)
        self._nothing = EmptyState(
            "Nothing has been run in this workspace yet.", "Run the example", self.example_requested.emit
        )
        self._none_here = EmptyState(
            "No run of this is there any more.", "Show all runs", lambda: self.show_scope(Scope())
        )
        self._no_match = EmptyState("No run matches.", "Clear the query", self.filter.clear_query)
        self._wait = EmptyState("Reading runs…")
        for widget in (self.view, self._nothing, self._none_here, self._no_match, self._wait):
            self._stack.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._toolbar)
        column.addWidget(parts, 1)
        self.setFocusProxy(self.view)
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self.model.tick)
        QTimer.singleShot(_READING_AFTER, self, self._show_part)
        self.model.filtered.connect(self._on_rows)
        self.model.columns_changed.connect(self._on_rows)
        self.reading.refused.connect(self._on_refused)
        self.reading.failed.connect(lambda text: session.notice.emit("error", text))
        session.runs_changed.connect(self._on_changes)
        session.listed.connect(self._show_part)
        session.indexing.told.connect(self._show_part)
        session.submitted.connect(self._on_submitted)
        session.order = self.model.order()
        self.model.take(Changes(tuple(session.runs.values())))
        self._on_selection()
        # Once the view is as it was left: what is restored is asked for as well.
        QTimer.singleShot(0, self, self.reading.begin)

    @property
    def key(self) -> str:
        """There is one."""
        return "runs"

    @property
    def title(self) -> str:
        """The text of the tab."""
        return "Runs"

    @property
    def icon(self) -> QIcon:
        """The icon of the tab."""
        return icon("rows-3")

    @property
    def status(self) -> tuple[str, ...]:
        """How many runs there are, match and are selected."""
        total, shown, chosen = self.model.total, self.model.rowCount(), len(self.view.selected_rows)
        texts = [formats.plural(total, "run")]
        if shown != total:
            texts.append(f"{formats.count(shown)} match")
        if chosen:
            texts.append(f"{formats.count(chosen)} selected")
        progress = self._session.indexing.progress
        if progress is not None:
            _, done, all_ = progress
            texts.append(f"Indexing {formats.count(done)} of {formats.plural(all_, 'run')}")
        return tuple(texts)

    def show_scope(self, scope: Scope) -> None:
        """Show some of the runs."""
        self._heading.setText(scope.title)
        self.reading.ask(scope=scope)
        self._on_rows()

    def view_state(self) -> dict[str, Any]:
        """Return sorting and columns."""
        id_, descending = self.model.sorting
        return {
            "sort": id_,
            "descending": descending,
            "columns": self.model.chosen_columns,
            "widths": self.view.column_widths(),
            "order": self.view.column_order(),
        }

    def restore_view(self, state: dict[str, Any]) -> None:
        """Sort and show columns as they were."""
        match state:
            case {"sort": str(id_), "descending": bool(descending)}:
                self.model.sort_by(id_, descending=descending)
        columns = state.get("columns")
        if isinstance(columns, list):
            self.model.choose_columns({each for each in columns if isinstance(each, str)})
        widths, order = state.get("widths"), state.get("order")
        if isinstance(widths, dict) and isinstance(order, list):
            sizes = {name: width for name, width in widths.items() if isinstance(width, int) and 20 <= width <= 2000}
            self.view.arrange(sizes, [each for each in order if isinstance(each, str)])

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the texts of the buttons away where there is no room for them."""
        super().resizeEvent(event)
        narrow = self.width() < _NARROW
        style = Qt.ToolButtonStyle.ToolButtonIconOnly if narrow else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        for each in self._buttons:
            each.setToolButtonStyle(style)

    def _make_actions(self) -> None:
        def action(text: str, icon_name: str, keys: str, do: Callable[[], object]) -> QAction:
            found = QAction(icon(icon_name), text, self)
            if keys:
                found.setShortcut(QKeySequence(keys))
                if keys in ("O", "Ctrl+C"):  # elsewhere they write and copy what is written
                    found.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            found.setProperty("menu", "run")
            found.triggered.connect(lambda _checked=False: do())
            self.addAction(found)
            return found

        session = self._session
        self._open = action("Open", "maximize-2", "", lambda: self._open_runs(self._first_selected()))
        self._stop = action("Stop", "circle-stop", "Ctrl+.", self._ask_to_stop)
        self._again = action(
            "Run again", "rotate-cw", "Ctrl+R", lambda: session.run_again(_folders(self.view.selected))
        )
        self._edit = action(
            "Edit as new", "square-pen", "Ctrl+E", lambda: session.edit_as_new(self.view.selected[0].folder)
        )
        self._tensorboard = action("Open in TensorBoard", "chart-line", "", lambda: self._track("tensorboard"))
        self._mlflow = action("Open in MLflow", "refresh-cw", "", lambda: self._track("mlflow"))
        self._folder = action("Open folder", "folder-open", "O", self._open_folders)
        self._copy = action("Copy", "copy", "Ctrl+C", self._copy_rows)
        self._copy_path = action("Copy path", "clipboard-copy", "", self._copy_paths)
        find = QAction("Find runs", self)
        find.setShortcuts([QKeySequence("Ctrl+F"), QKeySequence("/")])
        find.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.setProperty("menu", "edit")
        find.triggered.connect(lambda _checked=False: self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason))
        self.addAction(find)

    def _make_toolbar(self) -> None:
        self._toolbar, column = frame("toolbar")
        row = QHBoxLayout()
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(6)
        column.addLayout(row)
        row.addWidget(button("New experiment", self._new, icon_name="plus", kind="primary", tip="Ctrl+N"))
        row.addSpacing(6)
        self._buttons = [self._tool(each) for each in (self._open, self._stop, self._again, self._edit)]
        for each in self._buttons:
            row.addWidget(each)
        row.addWidget(line(vertical=True))
        pages = [self._tool(each) for each in (self._tensorboard, self._mlflow, self._folder)]
        self._buttons += pages
        for each in pages:
            row.addWidget(each)
        row.addStretch(1)
        lower = QHBoxLayout()
        lower.setContentsMargins(12, 0, 12, 8)
        lower.setSpacing(8)
        column.addLayout(lower)
        self._heading = ElidedLabel(Scope().title, "heading")
        self._heading.setMaximumWidth(_HEADING)
        self.filter.asked.connect(lambda text: self.reading.ask(text=text))
        self.filter.left.connect(self.view.setFocus)
        self.mistake = label("", "error")
        self.mistake.setWordWrap(True)
        self.mistake.setContentsMargins(12, 0, 12, 6)
        self.mistake.hide()
        self._matches = label("", "muted")
        self._columns = QToolButton()
        self._columns.setText("Columns")
        self._columns.setProperty("kind", "normal")
        self._columns.setIcon(icon("columns-3"))
        self._columns.setIconSize(QSize(22, 16))
        self._columns.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._columns.clicked.connect(lambda _checked=False: self.view.choose_columns())
        lower.addWidget(self._heading)
        lower.addWidget(self.filter, 1)
        lower.addWidget(self._matches)
        lower.addWidget(self._columns)
        column.addWidget(self.mistake)

    def _tool(self, action: QAction) -> QToolButton:
        found = QToolButton()
        found.setDefaultAction(action)
        found.setProperty("kind", "quiet")
        found.setIconSize(QSize(22, 16))
        found.setAccessibleName(action.text())
        found.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return found

    def _new(self) -> None:
        self._session.draft_requested.emit({}, "")

    def _on_changes(self, changes: Changes) -> None:
        self.model.take(changes)
        if self._awaited is not None and self.view.select(self._awaited.path):
            self._awaited = None
        self._enable()
        self._show_part()

    def _on_refused(self, error: QueryError | None) -> None:
        self.filter.show_error(error)
        self.mistake.setText("" if error is None else f"{str(error)[:1].upper()}{str(error)[1:]}")
        self.mistake.setVisible(error is not None)
        if error is not None:
            self._matches.setText("")  # what is shown does not answer it

    def _on_rows(self) -> None:
        if self.model.has_active != self._clock.isActive():
            self._clock.start() if self.model.has_active else self._clock.stop()
        shown, total = self.model.rowCount(), self.model.total
        self._matches.setText(f"{formats.count(shown)} of {formats.count(total)}" if shown != total else "")
        columns, available = len(self.model.columns), len(self.model.available_columns)
        self._columns.setText(f"Columns {columns} of {formats.count(available)}")
        self._enable()  # what was selected may go on by now, or have ended
        self._show_part()

    def _on_submitted(self, folder: ExecutionFolder) -> None:
        if not self.view.select(folder.path):
            self._awaited = folder

    def _on_selection(self) -> None:
        self._enable()
        self.changed.emit()

    def _enable(self) -> None:
        """Let what can be done with the selected runs be done."""
        rows = self.view.selected_rows
        active = self.model.active_rows(rows)
        ours = self.model.are_executions(rows)
        for action in (self._open, self._folder, self._copy, self._copy_path):
            action.setEnabled(bool(rows))
        self._again.setEnabled(ours)
        for action in (self._edit, self._tensorboard, self._mlflow):
            action.setEnabled(ours and len(rows) == 1)
        self._stop.setEnabled(bool(active))
        self._stop.setText("Cancel" if active and all(run.state == "queued" for run in active) else "Stop")

    def _show_part(self) -> None:
        part: QWidget = self.view
        session = self._session
        if not self.model.rowCount():
            progress = session.indexing.progress
            if self.model.total:
                part = self._no_match
            elif self.model.is_read and (session.indexing.is_complete or (session.is_listed and session.is_empty)):
                part = self._nothing if self.reading.request.scope == Scope() else self._none_here
            else:
                counts = f" {formats.count(progress[1])} of {formats.count(progress[2])}" if progress else ""
                self._wait.say(f"Reading runs…{counts}")
                part = self._wait
        if self._stack.currentWidget() is not part:
            self._stack.setCurrentWidget(part)
            self.setFocusProxy(part)
        self.changed.emit()

    def _show_menu(self, place: QPoint) -> None:
        if not self.view.selected:
            return
        menu = QMenu(self)
        groups: Sequence[Sequence[QAction]] = (
            (self._open,),
            (self._stop, self._again, self._edit),
            (self._tensorboard, self._mlflow, self._folder),
            (self._copy, self._copy_path),
        )
        for group in groups:
            menu.addActions([action for action in group if action.isEnabled()])
            menu.addSeparator()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.view.viewport().mapToGlobal(place))

    def _first_selected(self) -> list[Row]:
        return [self.model.run_at(row) for row in self.view.selected_rows[:MOST_OPENED]]

    def _open_runs(self, runs: Sequence[Row]) -> None:
        for run in runs:
            if run.is_execution:
                self._session.run_requested.emit(run.path)
        self._session.open_runs([run.id for run in runs if not run.is_execution and run.id is not None])

    def _track(self, kind: str) -> None:
        for run in self._first_selected()[:1]:
            self._session.tracker_requested.emit(run.path, kind)

    def _ask_to_stop(self) -> None:
        active = self.model.active_rows(self.view.selected_rows)
        if all(run.state == "queued" for run in active):
            self._session.stop(_folders(active))
            return
        box = QMessageBox(self)
        box.setWindowTitle("Stop")
        box.setText(f"Stop {'this run' if len(active) == 1 else formats.plural(len(active), 'run')}?")
        box.setInformativeText("Metrics so far are kept, and so is the model.")
        stop = box.addButton("Stop run" if len(active) == 1 else "Stop runs", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Keep running", QMessageBox.ButtonRole.RejectRole)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.finished.connect(lambda _: self._session.stop(_folders(active)) if box.clickedButton() is stop else None)
        box.open()

    def _open_folders(self) -> None:
        paths = dict.fromkeys(run.path for run in self._first_selected())

        def work(_work: Work[list[Path]]) -> list[Path]:
            return [path if path.is_dir() else path.parent for path in paths]

        def found(folders: list[Path]) -> None:
            for folder in folders:
                QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

        run_in_background(self, work, found)

    def _copy_rows(self) -> None:
        chosen, rows = self.view.selected_rows, self.model.rows
        columns = [each for each in self.model.columns if each.id != TREND]

        def work(_work: Work[str]) -> str:
            titles = [[each.title for each in columns]] if len(chosen) > 1 else []
            return "\n".join("\t".join(line) for line in [*titles, *rows.texts(chosen, columns)])

        run_in_background(self, work, QGuiApplication.clipboard().setText)

    def _copy_paths(self) -> None:
        chosen, rows = self.view.selected_rows, self.model.rows

        def work(_work: Work[str]) -> str:
            return "\n".join(dict.fromkeys(str(rows.path(row)) for row in chosen))

        run_in_background(self, work, QGuiApplication.clipboard().setText)


def _folders(runs: Sequence[Row]) -> list[ExecutionFolder]:
    return [run.folder for run in runs]
