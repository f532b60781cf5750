"""What is learned from the data, guessed and to be corrected: the target, and what kind of target it is."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QComboBox, QFrame, QHBoxLayout, QToolButton, QWidget

from app.config.guessing import Choice, Guess, Task, possible_targets, possible_tasks
from app.config.survey import Survey
from app.ui.controls import ElidedLabel, label

_TASKS: tuple[tuple[Task, str], ...] = (("regression", "Number"), ("binary", "Two classes"), ("classes", "Classes"))


class Asking(QFrame):
    """A row with the target, the task, and why they were guessed."""

    target_chosen = Signal(str)
    task_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "toolbar")
        self.setFixedHeight(44)
        self.target = QComboBox()
        self.target.setProperty("code", "true")
        self.target.setMinimumWidth(120)
        self.target.setMaximumWidth(220)
        self.target.setAccessibleName(self.tr("Target"))
        self.target.textActivated.connect(self.target_chosen)
        self.tasks: dict[Task, QToolButton] = {}
        group = QButtonGroup(self)
        self._learned = label(self.tr("Learn"), "secondary")
        self._as = label(self.tr("as"), "secondary")
        self._why = ElidedLabel("", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        for widget in (self._learned, self.target, self._as):
            row.addWidget(widget)
        segments = QHBoxLayout()
        segments.setSpacing(0)
        for task, title in _TASKS:
            segment = QToolButton()
            segment.setText(title)
            segment.setProperty("kind", "segment")
            segment.setCheckable(True)
            segment.clicked.connect(lambda _checked=False, task=task: self.task_chosen.emit(task))
            group.addButton(segment)
            segments.addWidget(segment)
            self.tasks[task] = segment
        self._group = group
        row.addLayout(segments)
        row.addSpacing(4)
        row.addWidget(self._why, 1)

    def show_guess(self, survey: Survey, guess: Guess | None, choice: Choice) -> None:
        """Show what is learned, and what else could be."""
        is_folder = survey.kind in ("images", "texts")
        parts: tuple[QWidget, ...] = (self.target, self._as, *self.tasks.values())
        for part in parts:
            part.setVisible(not is_folder)
        if is_folder:
            self._learned.setText(self.tr("Learn the class"))
            counts = [f"{name} {count:,}" for name, count in survey.classes.items()]
            self._why.setText(" · ".join(counts))
            return
        target = guess.target if guess is not None else choice.target
        names = possible_targets(survey)
        self.target.clear()
        self.target.addItems(names)
        self.target.setCurrentIndex(names.index(target) if target in names else -1)
        tasks = possible_tasks(survey.column(target))
        self._group.setExclusive(False)
        for task, segment in self.tasks.items():
            segment.setVisible(task in tasks or (guess is not None and guess.task == task))
            segment.setChecked(guess is not None and guess.task == task)
        self._group.setExclusive(True)
        self._as.setVisible(any(not segment.isHidden() for segment in self.tasks.values()))
        reasons = [guess.target_reason, guess.task_reason] if guess is not None else []
        self._why.setText("; ".join(dict.fromkeys(reason for reason in reasons if reason)))
