"""The two lines at the foot of the sidebar: how the worker is, and what it has to do."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from app.records.watch import Changes
from app.ui.controls import ClickableFrame, ElidedLabel, button, label
from app.ui.icons import icon, state_icon
from app.ui.session import Session
from app.ui.theme import code_font, theme, ui_font
from app.ui.training_worker import TrainingWorker

_ACTIVE = ("starting", "running", "paused")


class WorkerLine(ClickableFrame):
    """Health above, load below; a click tells more."""

    def __init__(self, worker: TrainingWorker) -> None:
        super().__init__("chrome")
        self._worker = worker
        self._session: Session | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 10, 8)
        row.setSpacing(8)
        self._sign = QLabel()
        self._health, self._load = ElidedLabel(), ElidedLabel("", "caption")
        self._health.setFont(ui_font(12))
        texts = QVBoxLayout()
        texts.setSpacing(1)
        texts.addWidget(self._health)
        texts.addWidget(self._load)
        row.addWidget(self._sign)
        row.addLayout(texts, 1)
        worker.changed.connect(self._show)
        theme().changed.connect(self._show)
        self.clicked.connect(self._explain)
        self._show()

    @property
    def health(self) -> str:
        """What the first line says."""
        return self._health.text()

    @property
    def load(self) -> str:
        """What the second line says."""
        return self._load.text()

    def set_session(self, session: Session | None) -> None:
        """Tell the load of another workspace."""
        if self._session is not None:
            self._session.runs_changed.disconnect(self._on_changes)
        self._session = session
        if session is not None:
            session.runs_changed.connect(self._on_changes)
        self._show()

    def _on_changes(self, _changes: Changes) -> None:
        self._show()

    def _show(self) -> None:
        runs = list(self._session.runs.values()) if self._session else []
        running = sum(run.state in _ACTIVE for run in runs)
        waiting = sum(run.state == "queued" for run in runs)
        sign, health = self._describe(running)
        self._sign.setPixmap(sign.pixmap(QSize(14, 14), self.devicePixelRatioF()))
        self._health.setText(health)
        load = [f"{running} running"] if running else []
        load += [f"{waiting} waiting"] if waiting else []
        self._load.setText(", ".join(load) or "Nothing running")
        self.setAccessibleName(f"Worker: {health}; {self._load.text()}")

    def _describe(self, running: int) -> tuple[QIcon, str]:
        worker = self._worker
        if worker.problem:
            return state_icon("failed"), "Not found · click to see why"
        where = ""
        versions = worker.found.get("versions", {})
        if versions:
            gpus = worker.found.get("gpus", [])
            tensorflow = ".".join(versions.get("tensorflow", "?").split(".")[:2])
            where = f" · TensorFlow {tensorflow} · {gpus[0] if gpus else 'CPU'}"
        if worker.is_warm:
            return icon("circle-check", "accent_text"), f"Ready{where}"
        if worker.is_warming:
            return state_icon("starting"), f"Starting{where}"
        if running:
            return state_icon("running"), f"Busy{where}"
        return state_icon("queued"), f"Waiting{where}"

    def _explain(self) -> None:
        popup = QFrame(self, Qt.WindowType.Popup)
        popup.setProperty("kind", "panel")
        popup.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(popup)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addWidget(label("Training worker", "heading"))
        worker = self._worker
        if worker.problem:
            text = label(
                "No worker can start, so nothing can be trained here. Everything else works. In a terminal, "
                "“trackside doctor” says what is missing and how to get it."
            )
            text.setWordWrap(True)
            column.addWidget(text)
            output = QPlainTextEdit(worker.problem)
            output.setReadOnly(True)
            output.setFont(code_font())
            output.setAccessibleName("Last lines of the worker")
            column.addWidget(output)

            def again() -> None:
                popup.close()
                worker.check_again()

            row = QHBoxLayout()
            row.addWidget(button("Copy", lambda: QGuiApplication.clipboard().setText(worker.problem), icon_name="copy"))
            row.addStretch(1)
            row.addWidget(button("Check again", again, kind="primary"))
            column.addLayout(row)
        else:
            column.addWidget(label(self.health))
            for name, version in worker.found.get("versions", {}).items():
                column.addWidget(_version(name, version))
            column.addWidget(label("A warm worker has imported TensorFlow, so that a run starts at once.", "muted"))
        popup.resize(420, popup.sizeHint().height())
        corner = self.mapToGlobal(QPoint(8, -popup.sizeHint().height() - 4))
        popup.move(corner)
        popup.show()


def _version(name: str, version: str) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(label(name, "secondary"))
    row.addStretch(1)
    row.addWidget(label(version, "code"))
    return holder
