"""The page of all runs: toolbar, filter, table; everything that can be done with a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication, QIcon, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QMessageBox,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.records.layout import ExecutionFolder
from app.records.runs import Run
from app.records.watch import Changes
from app.ui import formats
from app.ui.controls import EmptyState, button, frame, label, line
from app.ui.icons import icon
from app.ui.pages import Page
from app.ui.runs.model import RunsModel
from app.ui.runs.view import RunsView
from app.ui.session import Session

#: Filtering waits for this pause in typing; reading is told of after this time (ms).
_FILTER_AFTER, _READING_AFTER = 150, 300
#: Below this width the buttons of the toolbar are icons only (px).
_NARROW = 980


class RunsPage(Page):
    """Lists the runs of a workspace, whoever started them."""

    example_requested = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._experiment = ""
        self._awaited: ExecutionFolder | None = None
        self._progress = Changes()
        self.model = RunsModel()
        self.view = RunsView(self.model)
        self.view.opened.connect(lambda run: session.run_requested.emit(run.folder.path))
        self.view.selection_changed.connect(self._on_selection)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self._make_actions()
        self._make_toolbar()
        parts = QWidget(self)  # a stack without a widget shows its first part as a window of its own
        self._stack = QStackedLayout(parts)
        self._nothing = EmptyState(
            "Nothing has been run in this workspace yet.", "Run the example", self.example_requested.emit
        )
        self._no_match = EmptyState("No run matches.", "Clear the filter", self.clear_filter)
        self._reading = EmptyState("Reading runs…")
        for widget in (self.view, self._nothing, self._no_match, self._reading):
            self._stack.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._toolbar)
        column.addWidget(parts, 1)
        self.setFocusProxy(self.view)
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self.model.tick)
        self._filter_timer = QTimer(self, interval=_FILTER_AFTER, singleShot=True)
        self._filter_timer.timeout.connect(lambda: self.model.show_matching(self.filter.text()))
        QTimer.singleShot(_READING_AFTER, self, self._show_part)
        self.model.filtered.connect(self._on_rows)
        self.model.columns_changed.connect(self._on_rows)
        session.runs_changed.connect(self._on_changes)
        session.listed.connect(self._show_part)
        session.submitted.connect(self._on_submitted)
        self.model.fill(session.runs.values())
        self._on_selection()

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
        total, shown, chosen = self.model.total, self.model.rowCount(), len(self.view.selected)
        texts = [formats.plural(total, "run")]
        if shown != total:
            texts.append(f"{formats.count(shown)} match")
        if chosen:
            texts.append(f"{formats.count(chosen)} selected")
        return tuple(texts)

    def show_experiment(self, experiment: str) -> None:
        """Show the runs of one experiment, or of all for ""."""
        self._experiment = experiment
        self._heading.setText(experiment or "All runs")
        self._heading.setToolTip(experiment)
        self.model.show_experiment(experiment)
        self._on_rows()

    def clear_filter(self) -> None:
        """Show all runs again."""
        self.filter.clear()
        self.model.show_matching("")
        self.view.setFocus()

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
        def action(text: str, icon_name: str, keys: str, do: Callable[[list[Run]], object]) -> QAction:
            found = QAction(icon(icon_name), text, self)
            if keys:
                found.setShortcut(QKeySequence(keys))
                if keys in ("O", "Ctrl+C"):  # elsewhere they write and copy what is written
                    found.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            found.setProperty("menu", "run")
            found.triggered.connect(lambda _checked=False: do(self.view.selected))
            self.addAction(found)
            return found

        session = self._session
        self._open = action("Open", "maximize-2", "", self._open_runs)
        self._stop = action("Stop", "circle-stop", "Ctrl+.", self._ask_to_stop)
        self._again = action("Run again", "rotate-cw", "Ctrl+R", lambda runs: session.run_again(_folders(runs)))
        self._edit = action("Edit as new", "square-pen", "Ctrl+E", lambda runs: session.edit_as_new(runs[0].folder))
        self._tensorboard = action(
            "Open in TensorBoard", "chart-line", "", lambda runs: self._track(runs, "tensorboard")
        )
        self._mlflow = action("Open in MLflow", "refresh-cw", "", lambda runs: self._track(runs, "mlflow"))
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
        self._heading = label("All runs", "heading")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by name, experiment or state")
        self.filter.setAccessibleName("Filter runs")
        self.filter.setClearButtonEnabled(True)
        self.filter.setMaximumWidth(420)
        self.filter.addAction(icon("search", "text3"), QLineEdit.ActionPosition.LeadingPosition)
        self.filter.textChanged.connect(lambda _: self._filter_timer.start())
        self.filter.returnPressed.connect(self.view.setFocus)
        escape = QAction(self.filter)
        escape.setShortcut(QKeySequence("Esc"))
        escape.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        escape.triggered.connect(lambda _checked=False: self.clear_filter())
        self.filter.addAction(escape)
        self._matches = label("", "muted")
        self._columns = QToolButton()
        self._columns.setText("Columns")
        self._columns.setProperty("kind", "normal")
        self._columns.setIcon(icon("columns-3"))
        self._columns.setIconSize(QSize(22, 16))
        self._columns.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._columns.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self._columns)

        def fill() -> None:
            menu.clear()
            self.view.fill_columns_menu(menu)

        menu.aboutToShow.connect(fill)
        self._columns.setMenu(menu)
        lower.addWidget(self._heading)
        lower.addWidget(self.filter, 1)
        lower.addWidget(self._matches)
        lower.addStretch(1)
        lower.addWidget(self._columns)

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
        self._progress = changes
        self.model.take(changes)
        self._session.order = self.model.order()
        if self._awaited is not None and self.view.select(self._awaited.path):
            self._awaited = None
        self._on_selection()
        self._show_part()

    def _on_rows(self) -> None:
        self._session.order = self.model.order()
        if self.model.has_active() != self._clock.isActive():
            self._clock.start() if self.model.has_active() else self._clock.stop()
        shown, total = self.model.rowCount(), self.model.total
        self._matches.setText(f"{formats.count(shown)} of {formats.count(total)}" if shown != total else "")
        self._columns.setText(f"Columns {len(self.model.columns)} of {len(self.model.available_columns)}")
        self._show_part()
        self.changed.emit()

    def _on_submitted(self, folder: ExecutionFolder) -> None:
        if not self.view.select(folder.path):
            self._awaited = folder

    def _on_selection(self) -> None:
        runs = self.view.selected
        active = [run for run in runs if not run.status.is_over]
        for action in (self._open, self._again, self._folder, self._copy, self._copy_path):
            action.setEnabled(bool(runs))
        for action in (self._edit, self._tensorboard, self._mlflow):
            action.setEnabled(len(runs) == 1)
        self._stop.setEnabled(bool(active))
        self._stop.setText("Cancel" if active and all(run.state == "queued" for run in active) else "Stop")
        self.changed.emit()

    def _show_part(self) -> None:
        part: QWidget = self.view
        if not self.model.rowCount():
            if self.model.total:
                part = self._no_match
            elif self._session.is_listed:
                part = self._nothing
            else:
                done, total = self._progress.done, self._progress.total
                counts = f" {formats.count(done)} of {formats.count(total)}" if total else ""
                self._reading.say(f"Reading runs…{counts}")
                part = self._reading
        if self._stack.currentWidget() is not part:
            self._stack.setCurrentWidget(part)
            self.setFocusProxy(part)

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

    def _open_runs(self, runs: list[Run]) -> None:
        for run in runs[:10]:
            self._session.run_requested.emit(run.folder.path)

    def _track(self, runs: list[Run], kind: str) -> None:
        if runs:
            self._session.tracker_requested.emit(runs[0].folder.path, kind)

    def _ask_to_stop(self, runs: list[Run]) -> None:
        active = [run for run in runs if not run.status.is_over]
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

    def _open_folders(self, runs: list[Run]) -> None:
        for run in runs[:10]:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.folder.path)))

    def _copy_rows(self, runs: list[Run]) -> None:
        columns = [each for each in self.model.columns if each.id != "trend"]
        lines = ["\t".join(each.title for each in columns)] if len(runs) > 1 else []
        lines += ["\t".join(each.text(run, 0.0) for each in columns) for run in runs]
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _copy_paths(self, runs: list[Run]) -> None:
        QGuiApplication.clipboard().setText("\n".join(str(run.folder.path) for run in runs))


def _folders(runs: Sequence[Run]) -> list[ExecutionFolder]:
    return [run.folder for run in runs]
