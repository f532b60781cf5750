"""The head of the page of one of our own runs: its state, its name, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMessageBox, QPushButton

from app.records.layout import ExecutionFolder
from app.ui import formats
from app.ui.controls import button, label
from app.ui.run.head import TRACKERS, Head, tracker_button
from app.ui.run.model import RunModel
from app.ui.session import Session

#: What a state's reason is called; what has none here is shown as it is.
_REASONS = {
    "early_stopping": "stopped early (early_stopping)",
    "rule": "by a rule",
    "signal": "by a signal",
    "memory": "out of memory",
}


class Header(Head):
    """State, name, experiment, buttons; ``stop_asked`` is emitted once the user has confirmed."""

    stop_asked = Signal()

    def __init__(self, session: Session, folder: ExecutionFolder, experiment: str, model: RunModel) -> None:
        super().__init__(folder.execution_id, experiment, model.state)
        self._session, self._folder, self._model = session, folder, model
        self._is_stopping = False
        self._question: QMessageBox | None = None
        self._mirrors: set[str] = set()
        self.stop_button = button("Stop", self.ask_to_stop, icon_name="circle-stop", kind="danger")
        self._trackers = {kind: tracker_button(kind, self._opener(kind)) for kind in TRACKERS}
        self._open_folder = button("Open folder", self.open_folder, icon_name="folder-open")
        self._edit = button("Edit as new", self.edit_as_new, icon_name="square-pen")
        self._again = button("Run again", self.run_again, icon_name="rotate-cw", kind="primary")
        self._reason = label("", "secondary", selectable=True)
        self._reason.setWordWrap(True)
        self.lay_out(
            [self.stop_button, *self._trackers.values(), self._open_folder, self._edit, self._again],
            [self._open_folder, self._edit, self._trackers["mlflow"], self._trackers["tensorboard"], self._again],
        )
        self._column.addWidget(self._reason)
        self.refresh()

    # What is shown

    def set_mirrors(self, mirrors: set[str]) -> None:
        """Offer the pages of the trackers that this run is mirrored to."""
        if mirrors != self._mirrors:
            self._mirrors = mirrors
            self.refresh()

    def refresh(self) -> None:
        """Show what the model knows."""
        model = self._model
        self._badge.show_state(model.state)
        self._badge.setVisible(model.status is not None)
        self._is_stopping &= not model.is_over
        stop = "Cancel" if model.state == "queued" else "End it now" if self._is_stopping else "Stop"
        self.stop_button.setText(self.tr(stop))
        text = reason_of(model)
        self._reason.setText(text)
        self._reason.setVisible(bool(text))
        if self._question is not None:
            self._question.setInformativeText(self._what_is_kept())
            if model.is_over:
                self._question.close()
        self._show_facts()
        self.arrange()

    def _show_facts(self) -> None:
        """Name what was when, under the name of a run that is over."""
        texts: list[tuple[str, str, str]] = []
        status = self._model.status
        if status is not None and status.is_over:
            texts.append(("flask-conical", self._experiment.text(), ""))
            if status.started is not None:
                texts.append(("calendar", formats.moment(status.started), formats.full_moment(status.started)))
            if (elapsed := self._model.elapsed()) is not None:
                texts.append(("timer", formats.duration(elapsed), self.tr("From start to end")))
            if done := self._model.epochs_done:
                epochs = self._model.epochs
                texts.append(("list-checks", f"{done} / {epochs} epochs" if epochs else f"{done} epochs", ""))
        self.show_facts(texts)

    def wanted(self) -> list[QPushButton]:
        """See :meth:`Head.wanted`."""
        model = self._model
        wanted = [] if model.is_over or model.is_gone or model.status is None else [self.stop_button]
        if model.is_gone:
            return wanted
        wanted += [shown for kind, shown in self._trackers.items() if kind in self._mirrors]
        wanted.append(self._open_folder)
        if model.is_over:
            wanted += [self._edit, self._again]
        return wanted

    def copies(self) -> list[tuple[str, Callable[[], None]]]:
        """See :meth:`Head.copies`."""
        found = [(self.tr("Copy path"), self.copy_path), (self.tr("Copy id"), self.copy_id)]
        for kind, name in TRACKERS.items():
            if kind in self._mirrors:
                found.append((self.tr("Copy {0} command").format(name), self._command_copier(kind)))
        return found

    # What is done

    def ask_to_stop(self) -> None:
        """Ask once, then stop the run; a run that is stopping is ended at once, one that waits leaves the queue."""
        model = self._model
        if model.is_over or model.status is None:
            return
        if model.state == "queued":
            self._session.stop([self._folder])
        elif self._is_stopping:
            self.end_now()
        else:
            self._ask()

    def _ask(self) -> None:
        box = QMessageBox(self)
        box.setWindowTitle(self.tr("Stop"))
        box.setText(self.tr("Stop this run?"))
        box.setInformativeText(self._what_is_kept())
        stop = box.addButton(self.tr("Stop run"), QMessageBox.ButtonRole.AcceptRole)
        keep = box.addButton(self.tr("Keep running"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stop)
        box.setEscapeButton(keep)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        stop.clicked.connect(self._stop)
        self._question = box
        box.finished.connect(lambda _: self._forget_question())
        box.open()

    def _what_is_kept(self) -> str:
        model = self._model
        kept = self.tr("Metrics so far are kept, and so is the model.")
        return self.tr("Epoch {0} of {1}. ").format(model.epoch, model.epochs) + kept if model.epochs else kept

    def _forget_question(self) -> None:
        self._question = None

    def _stop(self) -> None:
        if not self._model.is_over:
            self._is_stopping = True
            self._session.stop([self._folder])
            self.refresh()
            self.stop_asked.emit()

    def end_now(self) -> None:
        """End the run's processes without waiting for them."""
        self._session.stop([self._folder], at_once=True)

    def run_again(self) -> None:
        """Submit the same config once more."""
        self._session.run_again([self._folder])

    def edit_as_new(self) -> None:
        """Open a copy of the config in the editor."""
        self._session.edit_as_new(self._folder)

    def open_folder(self) -> None:
        """Show the files in the system's file manager."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder.path)))

    def copy_path(self) -> None:
        """Put the run's folder into the clipboard."""
        QGuiApplication.clipboard().setText(str(self._folder.path))

    def copy_id(self) -> None:
        """Put the run's name, which the command line understands, into the clipboard."""
        QGuiApplication.clipboard().setText(self._folder.execution_id)

    def _opener(self, kind: str) -> Callable[[], None]:
        return lambda: self._session.tracker_requested.emit(self._folder.path, kind)

    def _command_copier(self, kind: str) -> Callable[[], None]:
        return lambda: self._session.tracker_command_requested.emit(self._folder.path, kind)


def reason_of(model: RunModel) -> str:
    """Return why a run ended as it did, "" where there is nothing to add to its state."""
    status = model.status
    if status is None or not status.is_over or status.state in ("failed", "crashed"):
        return ""  # a banner says it
    if status.reason == "user" and status.message:
        return status.message[:1].upper() + status.message[1:]  # it says who has stopped it
    if status.reason == "early_stopping" and model.epochs_done:
        return f"{status.state.capitalize()}, stopped early at epoch {model.epochs_done} by early_stopping"
    reason = _REASONS.get(status.reason or "", status.reason or "")
    text = f"{status.state.capitalize()}, {reason}" if reason else ""
    if status.message:
        text = f"{text}: {status.message}" if text else status.message
    return text
