"""The cards beside the curves of a run that is over: stages, machine, code, trackers, files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.ui import formats
from app.ui.controls import ElidedLabel, Sign, button, frame, label
from app.ui.icons import icon
from app.ui.run.facts import FileFact
from app.ui.theme import code_font, height, theme, tokens

_TRACKER_NAMES = {"tensorboard": "TensorBoard", "mlflow": "MLflow", "comet": "Comet"}
#: So many files are named; the folder has them all.
_MOST_FILES = 12


class Card(QFrame):
    """A panel with a title, a word or button at its right, and a column for the content."""

    def __init__(self, title: str, right: QWidget | None = None) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        bar, column = frame("panel-header")
        bar.setMinimumHeight(height(32))
        row = QHBoxLayout()
        row.setContentsMargins(12, 3, 12, 3)
        row.addWidget(label(title, "heading"))
        row.addStretch(1)
        if right is not None:
            row.addWidget(right)
        column.addLayout(row)
        self.content = QVBoxLayout()
        self.content.setContentsMargins(12, 8, 12, 8)
        self.content.setSpacing(4)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addLayout(self.content)


def stages_card(elapsed: Mapping[str, float]) -> Card:
    """Return the card of how long each stage took (seconds)."""
    total = label(formats.duration(sum(elapsed.values())), "secondary")
    card = Card("Stages", total)
    card.content.addWidget(StageBars(elapsed))
    return card


def pairs_card(title: str, pairs: Sequence[tuple[str, str]]) -> Card:
    """Return a card of names and texts; the texts can be selected, long ones are broken."""
    card = Card(title)
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(6)
    grid.setColumnMinimumWidth(0, 76)
    grid.setColumnStretch(1, 1)
    for row, (name, text) in enumerate(pairs):
        value = label(text, "secondary" if name not in ("Commit", "Command") else "code", selectable=True)
        value.setWordWrap(True)
        value.setAccessibleName(name)
        value.setMinimumWidth(40)
        value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        grid.addWidget(label(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(value, row, 1)
    card.content.addLayout(grid)
    return card


def trackers_card(trackers: Sequence[str], mirrors: frozenset[str], open_in: Callable[[str], object]) -> Card:
    """Return the card of the trackers, with a link to the pages of those that have one."""
    card = Card("Trackers")
    for kind in dict.fromkeys([*trackers, *sorted(mirrors)]):
        row = QHBoxLayout()
        name = _TRACKER_NAMES.get(kind, kind)
        row.addWidget(label(name, "secondary"), 1)
        if kind in mirrors:
            link = button(f"Open in {name}", partial(open_in, kind), kind="link", icon_name="external-link")
            link.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
            row.addWidget(link)
        card.content.addLayout(row)
    return card


def files_card(files: Sequence[FileFact], open_folder: Callable[[], object]) -> Card:
    """Return the card of the run's files, biggest first."""
    card = Card("Files", button("Open folder", open_folder, kind="link", icon_name="folder-open"))
    for fact in files[:_MOST_FILES]:
        row = QHBoxLayout()
        row.setSpacing(8)
        sign_name = (
            "folder" if fact.count is not None else "file-braces" if fact.name.endswith(".json") else "file-text"
        )
        name = ElidedLabel(fact.name, "code", Qt.TextElideMode.ElideMiddle)
        size = formats.size(fact.size)
        row.addWidget(Sign(icon(sign_name, "text3")))
        row.addWidget(name, 1)
        row.addWidget(label(size if fact.count is None else f"{formats.plural(fact.count, 'file')}, {size}", "muted"))
        card.content.addLayout(row)
    if len(files) > _MOST_FILES:
        card.content.addWidget(label(f"and {formats.count(len(files) - _MOST_FILES)} more", "muted"))
    return card


class StageBars(QWidget):
    """A line for each stage: name, a bar as long as its part of the longest, seconds."""

    def __init__(self, elapsed: Mapping[str, float]) -> None:
        super().__init__()
        self._elapsed = dict(elapsed)
        self._row = QFontMetrics(code_font()).height() + 5
        self.setFixedHeight(self._row * len(self._elapsed))
        self.setAccessibleName("; ".join(f"{stage} {_seconds(taken)}" for stage, taken in self._elapsed.items()))
        theme().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        colours = tokens()
        painter = QPainter(self)
        painter.setFont(code_font())
        metrics = painter.fontMetrics()
        names = max(map(metrics.horizontalAdvance, self._elapsed), default=0) + 12
        numbers = max((metrics.horizontalAdvance(_seconds(taken)) for taken in self._elapsed.values()), default=0) + 10
        room = max(0, self.width() - names - numbers)
        longest = max(self._elapsed.values(), default=0.0) or 1.0
        for number, (stage, taken) in enumerate(self._elapsed.items()):
            line = QRectF(0, number * self._row, self.width(), self._row)
            painter.setPen(QColor(colours.text2))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, stage)
            painter.setPen(QColor(colours.text))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, _seconds(taken))
            bar = QRectF(names, line.center().y() - 4, max(1.0, room * taken / longest), 8)
            painter.fillRect(bar, QColor(colours.series[0]))


def _seconds(taken: float) -> str:
    return f"{taken:.3f} s" if taken < 60 else formats.duration(taken)
