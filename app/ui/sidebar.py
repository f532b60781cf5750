"""The left side: the workspace, its experiments, configs and trackings, and how the worker is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.records.layout import subfolders
from app.records.watch import Changes
from app.ui import formats
from app.ui.background import Work, run_in_background
from app.ui.controls import ClickableFrame, ElidedLabel, icon_button, line
from app.ui.icons import icon
from app.ui.session import Session, read_experiments
from app.ui.theme import height, theme, tokens, ui_font
from app.ui.tokens import CAPTION, TREE_ROW
from app.ui.training_worker import TrainingWorker
from app.ui.worker_line import WorkerLine

#: Roles of the tree's items: what kind of row it is, what it stands for, the text at its right.
_KIND, _WHAT, _COUNT = (Qt.ItemDataRole.UserRole + number for number in range(3))
#: The config files, and by the tracker's name the folders of the experiments that have something in it.
_Found = tuple[list[Path], dict[str, list[str]]]
#: Changes within this time are shown together (ms).
_GATHER = 300
#: What is below ``trackings/`` of an experiment, and what it is called; those with a page can be opened in it.
_TRACKERS = {"tensorboard": "TensorBoard", "mlruns": "MLflow", "comet": "Comet"}
_WITH_PAGE = {"TensorBoard": "tensorboard", "MLflow": "mlflow"}


class Sidebar(QWidget):
    """Asks the window to show what is clicked in it."""

    #: Show the runs of an experiment ("" is all).
    experiment_requested = Signal(str)
    #: Open a config file: its path.
    config_requested = Signal(object)
    new_experiment_requested = Signal()
    workspace_menu_requested = Signal()
    #: Open the newest run of an experiment in a tracker's page: experiment, "tensorboard" or "mlflow".
    tracker_requested = Signal(str, str)

    def __init__(self, worker: TrainingWorker) -> None:
        super().__init__()
        self._session: Session | None = None
        self._work: Work[_Found] | None = None
        self._configs: list[Path] = []
        self._trackings: dict[str, list[str]] = {}
        self.setProperty("kind", "chrome")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._workspace = _WorkspaceBlock()
        self._workspace.clicked.connect(self.workspace_menu_requested)
        self._model = QStandardItemModel(self)
        self._tree = _Tree()
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
        self._gather = QTimer(self, interval=_GATHER, singleShot=True)
        self._gather.timeout.connect(self._look)
        self._fill()

    def set_session(self, session: Session | None) -> None:
        """Show another workspace, or none."""
        if self._session is not None:
            self._session.runs_changed.disconnect(self._on_changes)
            self._session.listed.disconnect(self._look)
        self._session = session
        self._configs, self._trackings = [], {}
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self.worker_line.set_session(session)
        if session is not None:
            session.runs_changed.connect(self._on_changes)
            session.listed.connect(self._look)
            self._look()
        self._fill()

    @property
    def tracker_kinds(self) -> list[str]:
        """The trackers with a page of their own that have something of this workspace: "tensorboard", "mlflow"."""
        return [page for name, page in _WITH_PAGE.items() if self._trackings.get(name)]

    def refresh(self) -> None:
        """Look again at the folders of configs and trackings."""
        self._look()

    def _on_changes(self, _changes: Changes) -> None:
        self._gather.start()

    def _look(self) -> None:
        session = self._session
        if session is None or self._work is not None:
            return

        def work(_work: Work[_Found]) -> _Found:
            return read_experiments(session.experiments), _find_trackings(session.workspace.trainings)

        def done(found: _Found) -> None:
            self._work = None
            self._configs, self._trackings = found
            self._fill()

        def failed(error: Exception) -> None:
            self._work = None
            session.notice.emit("warning", f"The workspace could not be looked at: {error}")

        self._work = run_in_background(self, work, done, failed=failed)

    def _fill(self) -> None:
        session = self._session
        runs = list(session.runs.values()) if session else []
        self._workspace.show_workspace(session, len(runs))
        chosen, opened = self._tree.chosen_row(), self._tree.opened_rows()
        self._model.clear()
        root = self._model.invisibleRootItem()
        heading = _heading("Experiments")
        root.appendRow(heading)
        if runs:
            root.appendRow(_row("rows-3", "All runs", "experiment", "", str(len(runs))))
            names = {run.folder.experiment_folder.name: run.experiment for run in runs}
            amounts = Counter(run.experiment for run in runs)
            for name in sorted(amounts, key=str.casefold):
                root.appendRow(_row("flask-conical", name, "experiment", name, str(amounts[name])))
        else:
            names = {}
            root.appendRow(_sentence("Runs are listed here by experiment."))
        if self._configs:
            root.appendRow(_heading("Configs"))
            for path in self._configs:
                root.appendRow(_row("file-braces", path.name, "config", path, ""))
        shown = {tracker: folders for tracker, folders in self._trackings.items() if folders}
        if shown:
            root.appendRow(_heading("Trackings"))
        for tracker, folders in shown.items():
            sign = {"TensorBoard": "chart-line", "MLflow": "refresh-cw"}.get(tracker, "telescope")
            above = _row(sign, tracker, "tracker", tracker, str(len(folders)))
            root.appendRow(above)
            for folder in folders:
                name = names.get(folder, folder)
                above.appendRow(_row("flask-conical", name, f"tracked:{tracker}", name, ""))
        self._tree.restore_rows(chosen, opened)
        if session is not None:
            add = icon_button("plus", "New experiment", self.new_experiment_requested.emit)
            holder = QWidget()
            row = QHBoxLayout(holder)
            row.setContentsMargins(0, 0, 8, 0)
            row.addStretch(1)
            row.addWidget(add)
            self._tree.setIndexWidget(heading.index(), holder)

    def _on_chosen(self, index: QModelIndex) -> None:
        kind, what = index.data(_KIND), index.data(_WHAT)
        if kind == "experiment" or str(kind).startswith("tracked:"):
            self.experiment_requested.emit(what)
        elif kind == "config":
            self.config_requested.emit(what)

    def _show_menu(self, position: QPoint) -> None:
        index = self._tree.indexAt(position)
        kind, what = str(index.data(_KIND)), index.data(_WHAT)
        menu = QMenu(self)
        if kind == "experiment":
            menu.addAction(icon("rows-3"), "Show runs", lambda: self.experiment_requested.emit(what))
            for tracker, page in _WITH_PAGE.items():
                if what and self._is_tracked(what, tracker):
                    _add_page(menu, tracker, self._opener(what, page))
        elif kind == "config":
            menu.addAction(icon("pencil"), "Edit", lambda: self.config_requested.emit(what))
        elif (tracker := kind.removeprefix("tracked:")) in _WITH_PAGE:
            _add_page(menu, tracker, self._opener(what, _WITH_PAGE[tracker]))
        menu.aboutToHide.connect(menu.deleteLater)
        if menu.actions():
            menu.popup(self._tree.viewport().mapToGlobal(position))

    def _opener(self, experiment: str, page: str) -> Callable[[], None]:
        return lambda: self.tracker_requested.emit(experiment, page)

    def _is_tracked(self, experiment: str, tracker: str) -> bool:
        session = self._session
        folders = {
            run.folder.experiment_folder.name
            for run in (session.runs.values() if session else ())
            if run.experiment == experiment
        }
        return not folders.isdisjoint(self._trackings.get(tracker, ()))


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
        reading = " so far" if session and not session.is_listed else ""
        self._text.setText(formats.plural(runs, "run") + reading if session else "Open or create one")
        self.setToolTip(str(session.workspace.root) if session else "")
        self.setAccessibleName(f"Workspace {session.name}, choose another" if session else "Choose a workspace")

    def _dress(self) -> None:
        self._sign.setPixmap(icon("folder-open").pixmap(QSize(16, 16), self.devicePixelRatioF()))
        self._more.setPixmap(icon("chevrons-up-down", "text3").pixmap(QSize(14, 14), self.devicePixelRatioF()))


class _Tree(QTreeView):
    """Rows that are opened by a click or Enter; headings cannot be chosen."""

    chosen = Signal(QModelIndex)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "sidebar")
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(16)
        self.setUniformRowHeights(True)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setItemDelegate(_RowDelegate(self))
        self.setAccessibleName("Experiments, configs and trackings")
        self.clicked.connect(self._on_clicked)
        self.activated.connect(self._on_activated)

    def chosen_row(self) -> tuple[Any, Any]:
        """Return what stands for the current row."""
        index = self.currentIndex()
        return index.data(_KIND), index.data(_WHAT)

    def opened_rows(self) -> set[Any]:
        """Return the rows whose rows below them are shown."""
        model = self.model()
        if model is None:
            return set()
        rows = (model.index(number, 0) for number in range(model.rowCount()))
        return {index.data(_WHAT) for index in rows if self.isExpanded(index)}

    def restore_rows(self, chosen: tuple[Any, Any], opened: set[Any]) -> None:
        """Choose and open the rows again that were so before the model was filled anew."""
        model = self.model()
        for number in range(model.rowCount() if model else 0):
            index = model.index(number, 0)
            # A tracker's experiments are opened on demand: most people have one.
            self.setExpanded(index, model.hasChildren(index) and index.data(_WHAT) in opened)
            below = [model.index(each, 0, index) for each in range(model.rowCount(index))]
            for each in (index, *below):
                if (each.data(_KIND), each.data(_WHAT)) == chosen and chosen[0]:
                    self.setCurrentIndex(each)

    def _on_clicked(self, index: QModelIndex) -> None:
        if index.data(_KIND) == "tracker":
            self.setExpanded(index, not self.isExpanded(index))
        elif index.data(_KIND) != "config":  # a config is opened by a double click, as in a file manager
            self.chosen.emit(index)

    def _on_activated(self, index: QModelIndex) -> None:
        if index.data(_KIND) != "tracker":
            self.chosen.emit(index)


class _RowDelegate(QStyledItemDelegate):
    """Draws a heading, a sentence, or icon, text and count."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(80, height(TREE_ROW))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = tokens()
        box = QRect(option.rect)
        kind = index.data(_KIND)
        painter.save()
        view = option.widget
        whole = QRect(0, box.y(), view.width() if view else box.width(), box.height())
        if kind in ("heading", "sentence"):
            painter.setFont(ui_font(CAPTION, 600) if kind == "heading" else ui_font(12))
            painter.setPen(QColor(colours.text3))
            inner = box.adjusted(12, 0, -8, 0)
            text = painter.fontMetrics().elidedText(index.data(), Qt.TextElideMode.ElideRight, inner.width())
            painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
            painter.restore()
            return
        state = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(whole, QColor(colours.soft))
            painter.fillRect(QRect(0, whole.y(), 2, whole.height()), QColor(colours.accent_text))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(whole, QColor(colours.hover))
        inner = box.adjusted(12, 0, -12, 0)
        sign = index.data(Qt.ItemDataRole.DecorationRole)
        sign.paint(painter, QRect(inner.x(), inner.center().y() - 6, 14, 14))
        amount = index.data(_COUNT) or ""
        painter.setFont(ui_font(12))
        painter.setPen(QColor(colours.text3))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, amount)
        room = inner.adjusted(22, 0, -painter.fontMetrics().horizontalAdvance(amount) - 8, 0)
        painter.setFont(ui_font())
        painter.setPen(QColor(colours.text))
        text = painter.fontMetrics().elidedText(index.data(), Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        if state & QStyle.StateFlag.State_HasFocus and view is not None and view.hasFocus():
            painter.setPen(QColor(colours.accent_text))
            painter.drawRect(whole.adjusted(0, 0, -1, -1))
        painter.restore()


def _add_page(menu: QMenu, tracker: str, opener: Callable[[], None]) -> None:
    menu.addAction(icon("external-link"), f"Open in {tracker}", opener)


def _heading(text: str) -> QStandardItem:
    item = QStandardItem(text)
    item.setData("heading", _KIND)
    item.setFlags(Qt.ItemFlag.NoItemFlags)  # keys pass over it
    return item


def _sentence(text: str) -> QStandardItem:
    item = _heading(text)
    item.setData("sentence", _KIND)
    item.setToolTip(text)
    return item


def _row(icon_name: str, text: str, kind: str, what: Any, amount: str) -> QStandardItem:
    item = QStandardItem(icon(icon_name), text)
    item.setData(kind, _KIND)
    item.setData(what, _WHAT)
    item.setData(amount, _COUNT)
    item.setToolTip(str(what) if kind == "config" else text)
    item.setAccessibleText(f"{text}, {amount}" if amount else text)
    return item


def _find_trackings(trainings: Path) -> dict[str, list[str]]:
    """Return, by the tracker's name, the folders of the experiments that have something in it."""
    found: dict[str, list[str]] = {name: [] for name in _TRACKERS.values()}
    for experiment in subfolders(trainings):
        for folder, name in _TRACKERS.items():
            if os.path.isdir(experiment / "trackings" / folder):
                found[name].append(experiment.name)
    return found
