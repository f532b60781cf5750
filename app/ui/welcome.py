"""The first page: run the example, open a workspace, look at existing runs; and what the worker found here."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.ui.cards import Badge, Card, DropTarget, ExampleCurve
from app.ui.controls import ElidedLabel, Sign, button, code_label, frame, label
from app.ui.icons import app_icon, icon, state_icon
from app.ui.pages import Page
from app.ui.preferences import Memory, recent_workspaces
from app.ui.theme import theme, ui_font
from app.ui.training_worker import TrainingWorker

_WIDEST, _ONE_COLUMN_BELOW = 1040, 960
_KEYS = (
    ("New experiment", "Ctrl+N"),
    ("Open a workspace", "Ctrl+O"),
    ("Run the open config", "Ctrl+Return"),
    ("List of keys", "Ctrl+/"),
)
_TREE = (
    "my-lab/\n├ experiments/  *.json\n└ trainings/boston_housing/\n  ├ executions/\n  └ trackings/  mlruns, tensorboard"
)


class WelcomePage(Page):
    """Shown while no workspace is open, and from the Help menu."""

    example_requested = Signal()
    example_config_requested = Signal()
    workspace_requested = Signal()
    existing_runs_requested = Signal()
    data_requested = Signal()
    #: A folder or file was dropped, or a recent workspace was clicked: its path.
    path_requested = Signal(object)

    def __init__(self, worker: TrainingWorker, memory: Memory, home: Path) -> None:
        super().__init__()
        self._worker = worker
        self._shown_columns = 0
        self._body = QWidget()
        self._body.setProperty("kind", "content")
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self._body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        column = QVBoxLayout(self._body)
        column.setContentsMargins(32, 56, 32, 32)
        column.setSpacing(28)
        column.addLayout(_centred(self._head()))
        self._cards = QGridLayout()
        self._cards.setSpacing(16)
        self._parts = [self._example_card(home), self._workspace_card(), self._runs_card()]
        column.addLayout(_centred(_holder(self._cards)))
        self._columns = QGridLayout()
        self._columns.setHorizontalSpacing(48)
        self._columns.setVerticalSpacing(20)
        self._found = QVBoxLayout()
        self._lists = [self._worker_list(), _keys(), self._recent(memory)]
        column.addLayout(_centred(_holder(self._columns)))
        column.addStretch(1)
        self._arrange(3)
        worker.changed.connect(self._show_worker)
        theme().changed.connect(self._show_worker)
        self._show_worker()

    @property
    def key(self) -> str:
        """There is one."""
        return "welcome"

    @property
    def title(self) -> str:
        """The text of the tab."""
        return "Welcome"

    @property
    def icon(self) -> QIcon:
        """The icon of the tab."""
        return icon("house")

    @property
    def status(self) -> tuple[str, ...]:
        """What the status bar says."""
        return ("Configs, runs and logs stay on this computer",)

    def resizeEvent(self, event: object) -> None:
        """Put the cards below one another where there is no room for three."""
        self._arrange(1 if self.width() < _ONE_COLUMN_BELOW else 3)

    def _head(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        sign = QLabel()
        sign.setPixmap(app_icon().pixmap(QSize(48, 48)))
        row.addWidget(sign)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(label("Welcome to Trackside", "title"))
        said = label("Configure, run and watch experiments on this computer. No network, no account.")
        said.setFont(ui_font(14))
        said.setWordWrap(True)
        texts.addWidget(said)
        row.addLayout(texts, 1)
        return holder

    def _example_card(self, home: Path) -> QWidget:
        where = str(home).replace(str(Path.home()), "~", 1)
        card, column = _card(
            "play",
            "Run the Boston Housing example",
            "Trains a small network on 506 rows. Takes about 5 seconds. No download, no account.",
            primary=True,
        )
        column.addWidget(ExampleCurve())
        column.addWidget(label(f"It is kept in {where}", "muted"))
        column.addStretch(1)
        run = button("Run example", self.example_requested.emit, icon_name="play", kind="primary")
        column.addLayout(_row(run, button("View config", self.example_config_requested.emit, kind="quiet")))
        self.setFocusProxy(run)
        return card

    def _workspace_card(self) -> QWidget:
        card, column = _card(
            "folder-open",
            "Open a workspace",
            "A workspace is a plain folder. Configs, runs and logs stay in it as ordinary files.",
        )
        tree, inner = frame("panel")
        inner.setContentsMargins(12, 8, 12, 8)
        inner.addWidget(code_label(_TREE, selectable=False))
        column.addWidget(tree)
        column.addStretch(1)
        column.addLayout(
            _row(button("Open or create a folder…", self.workspace_requested.emit, icon_name="folder-open"))
        )
        return card

    def _runs_card(self) -> QWidget:
        card, column = _card(
            "folder-input",
            "Look at existing runs",
            "Opens a folder with trainings/ that Trackside or an older system has filled. Your files are not changed.",
        )
        shown, inner = frame("panel")
        inner.setContentsMargins(12, 8, 12, 8)
        for line in ("metrics.json, execution.log", "training_config.json", "model.h5, checkpoints"):
            inner.addWidget(code_label(line, selectable=False))
        column.addWidget(shown)
        column.addStretch(1)
        column.addLayout(_row(button("Choose a folder…", self.existing_runs_requested.emit, icon_name="folder-input")))
        return card

    def _worker_list(self) -> QWidget:
        self._again = button("Check again", self._worker.check_again, icon_name="refresh-cw", kind="quiet")
        holder, column = _list("Training worker", self._again)
        self._found.setSpacing(6)
        column.addLayout(self._found)
        column.addStretch(1)
        return holder

    def _recent(self, memory: Memory) -> QWidget:
        holder, column = _list("Recent")
        recent = recent_workspaces(memory)[:4]
        for path in recent:
            entry = button(str(path).replace(str(Path.home()), "~", 1), kind="link", icon_name="folder")
            entry.setToolTip(str(path))
            entry.clicked.connect(lambda _checked=False, path=path: self.path_requested.emit(path))
            column.addWidget(entry)
        if not recent:
            column.addWidget(label("Nothing opened yet", "muted"))
        target = DropTarget()
        target.dropped.connect(self.path_requested.emit)
        column.addWidget(target)
        column.addWidget(button("New config from data…", self.data_requested.emit, kind="quiet", icon_name="database"))
        column.addStretch(1)
        return holder

    def _show_worker(self) -> None:
        while (item := self._found.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        worker = self._worker
        versions = worker.found.get("versions", {})
        self._again.setVisible(bool(worker.problem))
        self._say("finished", f"Python {platform.python_version()}", "the environment of this app")
        if worker.problem:
            self._say("failed", "No worker can start", worker.problem.splitlines()[-1])
            self._say("queued", "Run “trackside doctor”", "it says what is missing and how to get it")
            return
        if not versions:
            self._say("starting", "Starting the worker", "TensorFlow takes some seconds")
            return
        libraries = f"TensorFlow {versions.get('tensorflow', '?')}, Keras {versions.get('keras', '?')}"
        self._say("finished", libraries, "ready" if worker.is_warm else "")
        local = [name for name, package in (("MLflow", "mlflow"), ("TensorBoard", "tensorboard")) if _has(package)]
        self._say("finished" if local else "queued", ", ".join(local) or "No tracker", "local, no server needed")
        gpus = worker.found.get("gpus", [])
        if gpus:
            self._say("finished", ", ".join(gpus), "used for training")
        else:
            self._say("queued", "No GPU in use", "training runs on the CPU")

    def _say(self, state: str, what: str, more: str) -> None:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(Sign(state_icon(state)))
        row.addWidget(label(what))
        row.addWidget(ElidedLabel(more, "muted"), 1)
        self._found.addWidget(holder)

    def _arrange(self, columns: int) -> None:
        if columns == self._shown_columns:
            return
        self._shown_columns = columns
        for grid, parts in ((self._cards, self._parts), (self._columns, self._lists)):
            for part in parts:
                grid.removeWidget(part)
            for number, part in enumerate(parts):
                grid.addWidget(part, number // columns, number % columns)
            for number in range(3):
                grid.setColumnStretch(number, 1 if number < columns else 0)


def _card(icon_name: str, title: str, text: str, *, primary: bool = False) -> tuple[QWidget, QVBoxLayout]:
    card = Card(primary=primary)
    column = QVBoxLayout(card)
    column.setContentsMargins(20, 20, 20, 20)
    column.setSpacing(8)
    column.addWidget(Badge(icon_name, primary=primary))
    heading = label(title)
    heading.setFont(ui_font(15, 600))
    column.addSpacing(4)
    column.addWidget(heading)
    said = label(text)
    said.setProperty("role", "secondary")
    said.setWordWrap(True)
    column.addWidget(said)
    column.addSpacing(4)
    return card, column


def _list(title: str, action: QWidget | None = None) -> tuple[QWidget, QVBoxLayout]:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(6)
    head = QHBoxLayout()
    head.addWidget(label(title, "heading"))
    head.addStretch(1)
    if action is not None:
        head.addWidget(action)
    column.addLayout(head)
    return holder, column


def _keys() -> QWidget:
    holder, column = _list("Keyboard")
    for what, keys in _KEYS:
        row = QHBoxLayout()
        row.addWidget(label(what))
        row.addStretch(1)
        for key in keys.replace("Return", "Enter").split("+"):
            row.addWidget(label("⌘" if key == "Ctrl" and sys.platform == "darwin" else key, "key"))
        column.addLayout(row)
    column.addStretch(1)
    return holder


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row


def _centred(widget: QWidget) -> QHBoxLayout:
    widget.setMaximumWidth(_WIDEST)
    row = QHBoxLayout()
    row.addStretch(1)
    row.addWidget(widget, 100)
    row.addStretch(1)
    return row


def _holder(layout: QGridLayout) -> QWidget:
    holder = QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    holder.setLayout(layout)
    return holder


def _has(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
