"""The head of a run's page: its state, its name, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QFontMetrics, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMenu,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
)

from app.records.layout import ExecutionFolder
from app.ui import formats
from app.ui.controls import ElidedLabel, Sign, StateBadge, button, icon_button, label
from app.ui.icons import icon
from app.ui.run.model import RunModel
from app.ui.session import Session
from app.ui.theme import ui_font
from app.ui.tokens import RUN_NAME

TRACKERS = {"tensorboard": "TensorBoard", "mlflow": "MLflow"}
_TRACKER_ICONS = {"tensorboard": "chart-line", "mlflow": "refresh-cw"}
#: The name of a run is shown up to here before buttons give way; margins, gaps and the experiment need this (px).
_MOST_NAME, _OTHER_WIDTH = 240, 150
#: What a state's reason is called; what has none here is shown as it is.
_REASONS = {
    "early_stopping": "stopped early (early_stopping)",
    "rule": "by a rule",
    "signal": "by a signal",
    "memory": "out of memory",
}


class Header(QFrame):
    """State, name, experiment, buttons; ``stop_asked`` is emitted once the user has confirmed."""

    stop_asked = Signal()

    def __init__(self, session: Session, folder: ExecutionFolder, experiment: str, model: RunModel) -> None:
        super().__init__()
        self.setProperty("kind", "content")
        self._session, self._folder, self._model = session, folder, model
        self._is_stopping = False
        self._question: QMessageBox | None = None
        self._mirrors: set[str] = set()
        self._badge = StateBadge(model.state)
        self._badge.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._name = ElidedLabel(folder.execution_id, "run")
        self._name.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        written = QFontMetrics(ui_font(RUN_NAME, 600)).horizontalAdvance(folder.execution_id)
        self._name_width = min(written + 2, _MOST_NAME)
        self._name.setMinimumWidth(self._name_width)
        self._experiment = ElidedLabel(experiment, "secondary")
        self.stop_button = button("Stop", self.ask_to_stop, icon_name="circle-stop", kind="danger")
        self._trackers = {
            kind: button(f"Open in {name}", self._opener(kind), icon_name=_TRACKER_ICONS[kind])
            for kind, name in TRACKERS.items()
        }
        self._open_folder = button("Open folder", self.open_folder, icon_name="folder-open")
        self._edit = button("Edit as new", self.edit_as_new, icon_name="square-pen")
        self._again = button("Run again", self.run_again, icon_name="rotate-cw", kind="primary")
        self._more = icon_button("ellipsis", self.tr("More"))
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self._more)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._more.setMenu(self._menu)
        self._facts = QHBoxLayout()
        self._facts.setSpacing(16)
        self._reason = label("", "secondary", selectable=True)
        self._reason.setWordWrap(True)
        self._lay_out()
        self.refresh()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._badge)
        row.addSpacing(4)
        row.addWidget(self._name)
        row.addWidget(icon_button("copy", self.tr("Copy the run's id"), self.copy_id))
        row.addWidget(self._experiment)
        row.addStretch(1)
        #: What gives way first where there is no room stands last.
        self._shrinking: list[QPushButton] = [
            self._open_folder,
            self._edit,
            self._trackers["mlflow"],
            self._trackers["tensorboard"],
            self._again,
        ]
        row.addWidget(self.stop_button)
        for shown in (*self._trackers.values(), self._open_folder, self._edit, self._again):
            row.addWidget(shown)
        row.addWidget(self._more)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 8)
        column.setSpacing(6)
        column.addLayout(row)
        column.addLayout(self._facts)
        column.addWidget(self._reason)

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
        self._arrange()

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
        self._experiment.setVisible(not texts)
        while (item := self._facts.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for sign, text, tip in texts:
            self._facts.addWidget(_Fact(sign, text, tip))
        if texts:
            self._facts.addStretch(1)

    def _wanted(self) -> list[QPushButton]:
        """Return the buttons that this run has, in their order."""
        model = self._model
        wanted = [] if model.is_over or model.is_gone or model.status is None else [self.stop_button]
        if model.is_gone:
            return wanted
        wanted += [shown for kind, shown in self._trackers.items() if kind in self._mirrors]
        wanted.append(self._open_folder)
        if model.is_over:
            wanted += [self._edit, self._again]
        return wanted

    def _arrange(self) -> None:
        """Show as many buttons as there is room for; the others are in the menu."""
        wanted = self._wanted()
        room = self.width() - self._name_width - self._badge.sizeHint().width() - _OTHER_WIDTH
        needed = sum(shown.sizeHint().width() + 8 for shown in wanted)
        for shown in self._shrinking:
            if needed <= room:
                break
            if shown in wanted:
                wanted.remove(shown)
                needed -= shown.sizeHint().width() + 8
        for shown in (self.stop_button, *self._shrinking):
            shown.setVisible(shown in wanted)

    def minimumSizeHint(self) -> QSize:
        """Return less than all buttons need: what does not fit is in the menu."""
        return QSize(360, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move buttons into the menu and out of it."""
        super().resizeEvent(event)
        self._arrange()

    def _fill_menu(self) -> None:
        self._menu.clear()
        for shown in self._wanted():
            if not shown.isVisibleTo(self):
                self._menu.addAction(shown.icon(), shown.text(), shown.click)
        if self._menu.actions():
            self._menu.addSeparator()
        for text, clicked in self._copies():
            self._menu.addAction(icon("copy"), text, clicked)

    def _copies(self) -> list[tuple[str, Callable[[], None]]]:
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

    def menu_actions(self) -> list[QAction]:
        """Return what the button "More" offers now."""
        self._fill_menu()
        return self._menu.actions()


class _Fact(QFrame):
    """An icon and a few words."""

    def __init__(self, icon_name: str, text: str, tip: str) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(Sign(icon(icon_name, "text3")))
        row.addWidget(ElidedLabel(text, "secondary"))
        self.setToolTip(tip)


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
