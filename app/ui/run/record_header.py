"""The head of the page of another program's run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QPushButton

from app.records.sources.base import RunAddress
from app.ui import formats
from app.ui.controls import button
from app.ui.run.head import TRACKERS, Head, tracker_button
from app.ui.run.record_model import RecordModel
from app.ui.session import Session

#: What the programs are called that leave runs.
PROGRAMS = {
    "mlflow": "MLflow",
    "tensorboard": "TensorBoard",
    "comet": "Comet",
    "wandb": "W&B",
    "csv": "CSV",
    "execution": "Trackside",
}


class RecordHeader(Head):
    """State, name, facts, and the buttons that open it elsewhere: nothing here changes the run."""

    def __init__(self, session: Session, address: RunAddress, model: RecordModel) -> None:
        super().__init__(address.key.rpartition("/")[2], "", model.state)
        self._session, self._address, self._model = session, address, model
        self._trackers = {kind: tracker_button(kind, self._opener(kind)) for kind in TRACKERS}
        self._open_folder = button("Open folder", self.open_folder, icon_name="folder-open")
        self.lay_out([*self._trackers.values(), self._open_folder], [self._open_folder, *self._trackers.values()])
        self.refresh()

    def refresh(self) -> None:
        """Show what the model knows."""
        model, record = self._model, self._model.record
        self._badge.setVisible(record is not None)
        self._badge.show_state(model.state)
        facts = []
        if record is not None:
            self.show_name(record.name)
            facts.append(("database", PROGRAMS[record.source], ""))
            if record.experiment:
                facts.append(("flask-conical", record.experiment, self.tr("Experiment")))
            if record.started is not None:
                facts.append(("calendar", formats.moment(record.started), formats.full_moment(record.started)))
            if (elapsed := model.elapsed()) is not None:
                so_far = self.tr("Since its start") if model.is_running else self.tr("From start to end")
                facts.append(("timer", formats.duration(elapsed), so_far))
            if model.last_step is not None:
                facts.append(("list-checks", self.tr("step {0}").format(formats.count(model.last_step)), ""))
        self.show_facts(facts)
        self.arrange()

    def wanted(self) -> list[QPushButton]:
        """See :meth:`Head.wanted`."""
        record = self._model.record
        if record is None or self._model.is_gone:
            return []
        return [*(shown for kind, shown in self._trackers.items() if kind == record.source), self._open_folder]

    def copies(self) -> list[tuple[str, Callable[[], None]]]:
        """See :meth:`Head.copies`."""
        record = self._model.record
        if record is None:
            return []
        found = [(self.tr("Copy path"), self.copy_path), (self.tr("Copy id"), self.copy_id)]
        if (name := TRACKERS.get(record.source)) and not self._model.is_gone:
            found.append((self.tr("Copy {0} command").format(name), self._command_copier(record.source)))
        return found

    def copy_id(self) -> None:
        """Put the run's id, which the command line understands, into the clipboard."""
        record = self._model.record
        QGuiApplication.clipboard().setText(record.id if record is not None else self._address.key)

    def copy_path(self) -> None:
        """Put the place of the run's files into the clipboard."""
        if self._model.record is not None:
            QGuiApplication.clipboard().setText(str(self._model.record.path))

    def open_folder(self) -> None:
        """Show the files in the system's file manager."""
        record = self._model.record
        if record is not None:
            folder = record.path if record.path.is_dir() else Path(record.path).parent
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _opener(self, kind: str) -> Callable[[], None]:
        return lambda: self._session.tracker_requested.emit(self._address, kind)

    def _command_copier(self, kind: str) -> Callable[[], None]:
        return lambda: self._session.tracker_command_requested.emit(self._address, kind)
