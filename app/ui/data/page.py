"""Data in a tab: what is in a file or folder, what is learned from it, and a config for it at one click."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QIcon, QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.config.first_config import FirstConfig, file_name, first_config
from app.config.guessing import Choice, Guess, GuessError, Task, guess, with_kinds
from app.config.survey import ColumnKind, Survey
from app.ui.background import Work, run_in_background
from app.ui.controls import Banner, ElidedLabel, Sign, button, label
from app.ui.data.asking import Asking
from app.ui.data.plan import Plan
from app.ui.data.samples import Gallery, SampleTable
from app.ui.data.waiting import Waiting
from app.ui.icons import icon
from app.ui.pages import Page
from app.ui.session import Session
from app.ui.splitter import SideSplitter

if TYPE_CHECKING:
    from app.jobs.surveying import Surveying

_PLAN, _LEAST_PLAN = 320, 220


class DataPage(Page):
    """A file or folder that a config is wanted for; without a path it asks for one first."""

    def __init__(self, session: Session, path: Path | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.path = path
        self.choice = Choice()
        self.survey: Survey | None = None
        self.guess: Guess | None = None
        self.config: FirstConfig | None = None
        self._work: Work[Survey] | None = None
        self._surveying: Surveying | None = None
        self.setAcceptDrops(True)
        self._make_actions()
        self._lay_out()
        if path is None:
            self._show(self.waiting)
            self.waiting.invite()
            self.setFocusProxy(self.waiting)
            self._enable()
        else:
            self.read(path)

    @property
    def key(self) -> str:
        """The file or folder."""
        return f"data:{self.path or ''}"

    @property
    def title(self) -> str:
        """Its name."""
        return self.path.name if self.path else self.tr("New config from data")

    @property
    def icon(self) -> QIcon:
        """The icon of data."""
        return icon("database")

    @property
    def status(self) -> tuple[str, ...]:
        """What is learned, and where the data is."""
        place = (str(self.path),) if self.path else ()
        return (*((f"{self.guess.target or 'class'} · {self.guess.task}",) if self.guess else ()), *place)

    def read(self, path: Path) -> None:
        """Look at a file or folder, in place of the one before."""
        self.leave()
        self.path, self.survey, self.guess, self.config = path, None, None, None
        self.choice = Choice()
        self._name.setText(path.name)
        self._size.setText("")
        while (item := self._banners.takeAt(0)) is not None:
            if (banner := item.widget()) is not None:
                banner.hide()
                banner.deleteLater()
        self.waiting.begin(path.name)
        self._show(self.waiting)
        self._enable()

        def work(work: Work[Survey]) -> Survey:
            from app.jobs.surveying import Surveying

            surveying = self._surveying = Surveying(path)
            if work.is_cancelled:  # before there was a process to end
                surveying.end()
            return surveying.result(work.report)

        self._work = run_in_background(
            self, work, self._on_survey, failed=self._on_failed, progress=self.waiting.show_progress
        )
        self.changed.emit()

    def cancel(self) -> None:
        """Read no further."""
        self.leave()
        self.waiting.say(self.tr("{0} was not read to its end.").format(self.title), error=False)
        self._show(self.waiting)

    def leave(self) -> None:
        """End the process that reads, if there is one."""
        if self._work is not None:
            self._work.cancel()
            self._work = None
        if self._surveying is not None:
            self._surveying.end()
            self._surveying = None

    def choose_target(self, name: str) -> None:
        """Learn another column or array."""
        self._choose(dataclasses.replace(self.choice, target=name, task=None))

    def choose_task(self, task: Task) -> None:
        """Take the target for something else."""
        self._choose(dataclasses.replace(self.choice, task=task))

    def choose_kind(self, name: str, kind: ColumnKind) -> None:
        """Take a column for something else."""
        is_target = self.guess is not None and self.guess.target == name
        task = None if is_target else self.choice.task  # which the other kind may not allow
        self._choose(dataclasses.replace(self.choice, task=task, kinds={**self.choice.kinds, name: kind}))

    def choose_use(self, name: str, used: bool) -> None:
        """Learn from a column, or leave it out."""
        self._choose(dataclasses.replace(self.choice, used={**self.choice.used, name: used}))

    def open_config(self) -> None:
        """Open the config in the editor; it is not saved yet."""
        if self.config is not None and self.survey is not None:
            self._session.unsaved_requested.emit(dict(self.config.document), file_name(self.survey))

    def run(self) -> None:
        """Train the config as it is."""
        if self.config is not None and self.survey is not None:
            self._session.submit_document(dict(self.config.document), source=file_name(self.survey))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a file or folder while there is none."""
        if self.path is None and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Look at what was dropped here."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            self.read(paths[0])

    def _read_again(self) -> None:
        if self.path is not None:
            self.read(self.path)

    def _on_survey(self, survey: Survey) -> None:
        self._surveying = self._work = None
        self.survey = survey
        unit = self.tr("rows") if survey.kind == "table" else self.tr("samples")
        columns = self.tr(" · {0} columns").format(len(survey.columns)) if survey.kind == "table" else ""
        classes = self.tr(" · {0} classes").format(len(survey.classes)) if survey.classes else ""
        self._size.setText(f"{survey.rows:,} {unit}{columns}{classes}")
        for note in survey.notes:
            self._add_banner("info", note)
        if survey.kind == "images" or (survey.kind == "arrays" and survey.shape):
            self.gallery.show_images(survey.samples)
            self._samples.setCurrentWidget(self.gallery)
        elif survey.kind == "texts":
            texts = dataclasses.replace(survey, header=("class", "text"), samples=[row[:2] for row in survey.samples])
            self.table.show_survey(texts, last_grows=True)
            self._samples.setCurrentWidget(self.table)
        else:
            self.table.show_survey(survey)
            self._samples.setCurrentWidget(self.table)
        self._show(self._content)
        self._choose(self.choice)
        self.create_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_failed(self, error: Exception) -> None:
        from app.jobs.surveying import SurveyError

        self._surveying = self._work = None
        if not isinstance(error, SurveyError):
            raise error
        self.waiting.say(str(error), error=True)
        self._show(self.waiting)

    def _choose(self, choice: Choice) -> None:
        """Guess anew what is not said, and plan the config for it."""
        assert self.survey is not None
        self.choice = choice
        survey = with_kinds(self.survey, choice.kinds)
        self._problem.hide()
        self.guess = self.config = None
        try:
            self.guess = guess(self.survey, choice)
            self.config = first_config(self.survey, self.guess, choice)
        except GuessError as error:
            said = str(error)
            self._problem.say(said[0].upper() + said[1:] + ".")
            self._problem.show()
        target = self.guess.target if self.guess else choice.target or ""
        left_out = self.guess.left_out if self.guess else {}
        self.table.set_kinds(survey)
        self.table.show_choice(survey.columns, target, left_out)
        self.asking.show_guess(survey, self.guess, choice)
        self.plan.show_reasons(self.config.reasons if self.config else (), left_out)
        self._enable()
        self.changed.emit()

    def _enable(self) -> None:
        for part in (self.create_button, self.run_button, self.create_action, self.run_action):
            part.setEnabled(self.config is not None)
        for part in (self.create_button, self.run_button):
            part.setVisible(self.survey is not None)

    def _show(self, part: QWidget) -> None:
        self._stack.setCurrentWidget(part)

    def _add_banner(self, kind: str, text: str) -> None:
        self._banners.addWidget(Banner(kind, text))

    def _make_actions(self) -> None:
        self.create_action = QAction(icon("file-braces"), self.tr("&Create config"), self)
        self.create_action.setProperty("menu", "file")
        self.create_action.triggered.connect(lambda _checked=False: self.open_config())
        self.run_action = QAction(icon("play"), self.tr("&Run"), self)
        self.run_action.setProperty("menu", "run")
        self.run_action.setShortcuts([QKeySequence("Ctrl+Return"), QKeySequence("Ctrl+Enter")])
        self.run_action.triggered.connect(lambda _checked=False: self.run())
        self.addActions([self.create_action, self.run_action])

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._head())
        self._stack = QStackedWidget()
        column.addWidget(self._stack, 1)
        self.waiting = Waiting(self._session.workspace.root)
        self.waiting.cancelled.connect(self.cancel)
        self.waiting.chosen.connect(self.read)
        self.waiting.retried.connect(self._read_again)
        self._stack.addWidget(self.waiting)
        self._content = QWidget()
        self._content.setProperty("kind", "content")
        inner = QVBoxLayout(self._content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        self._banners = QVBoxLayout()
        self._problem = Banner("error", "", closable=False)
        self._problem.hide()
        self.asking = Asking()
        self.asking.target_chosen.connect(self.choose_target)
        self.asking.task_chosen.connect(self.choose_task)
        inner.addLayout(self._banners)
        inner.addWidget(self._problem)
        inner.addWidget(self.asking)
        splitter = SideSplitter(_PLAN)
        self._samples = QStackedWidget()
        self.table, self.gallery, self.plan = SampleTable(), Gallery(), Plan()
        self.table.kind_chosen.connect(self.choose_kind)
        self.table.target_chosen.connect(self.choose_target)
        self.table.use_chosen.connect(self.choose_use)
        self._samples.addWidget(self.table)
        self._samples.addWidget(self.gallery)
        splitter.addWidget(self._samples)
        splitter.addWidget(self.plan)
        self.plan.setMinimumWidth(_LEAST_PLAN)
        splitter.setStretchFactor(0, 1)
        inner.addWidget(splitter, 1)
        self._stack.addWidget(self._content)

    def _head(self) -> QFrame:
        head = QFrame()
        head.setProperty("kind", "toolbar")
        head.setFixedHeight(56)
        row = QHBoxLayout(head)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(6)
        self._name = ElidedLabel(self.title, "heading")
        self._size = label("", "secondary")
        self.create_button = button(
            self.tr("Create config"),
            self.open_config,
            icon_name="file-braces",
            kind="primary",
            tip=self.tr("Opens it in the editor"),
        )
        self.create_button.setAutoDefault(True)  # so that Return is a click
        self.run_button = button(self.tr("Run"), self.run, icon_name="play", tip="Ctrl+Enter")
        row.addWidget(Sign(self.icon, 16))
        row.addWidget(self._name)
        row.addWidget(self._size)
        row.addStretch(1)
        row.addWidget(self.run_button)
        row.addWidget(self.create_button)
        return head
