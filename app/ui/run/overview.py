"""What a run is at a glance: curves and log while it goes on; numbers, curves and facts afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QScrollArea, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from app.records.layout import ExecutionFolder
from app.ui.run.cards import Card, files_card, pairs_card, stages_card, trackers_card
from app.ui.run.facts import Facts
from app.ui.run.header import Header
from app.ui.run.metric_table import Measured, MetricTable
from app.ui.run.model import RunModel
from app.ui.run.slot import Slot
from app.ui.session import Session

#: Below this width the cards stand under the curves; how wide they are beside them (px).
_ONE_COLUMN, _CARDS = 1100, 408
_CHARTS_HEIGHT, _MARGIN = 460, 12
#: Charts have room for one with its axis.
_LEAST_CHARTS, _LEAST_LOG = 300, 100


class Overview(QWidget):
    """The first tab of a run; charts and log are put into its slots."""

    def __init__(self, session: Session, folder: ExecutionFolder, model: RunModel, header: Header) -> None:
        super().__init__()
        self._session, self._folder, self._model = session, folder, model
        self._open_folder = header.open_folder
        self.charts, self.log = Slot(), Slot()
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self.charts)
        self._splitter.addWidget(self.log)
        self._splitter.setStretchFactor(0, 3)
        self._splitter.setStretchFactor(1, 2)
        self._splitter.setSizes([600, 400])
        self.charts.setMinimumHeight(_LEAST_CHARTS)
        self.log.setMinimumHeight(_LEAST_LOG)
        self._summary: Summary | None = None
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._splitter)

    @property
    def summary(self) -> Summary:
        """What is shown of a run that is over, made when it is first wanted: one that starts waits for nothing."""
        if self._summary is None:
            self._summary = Summary(self._model)
            self._stack.addWidget(self._summary)
        return self._summary

    def set_over(self, *, is_over: bool) -> None:
        """Show the page of a run that is over, or of one that goes on."""
        if is_over:
            self.summary.take_charts(self.charts)
        self._stack.setCurrentWidget(self.summary if is_over else self._splitter)

    def note_change(self) -> None:
        """Show what is new."""
        if self._model.is_over:
            self.summary.metrics.refresh()

    def show_facts(self, facts: Facts) -> None:
        """Show what the run's files tell."""
        cards: list[Card] = []
        noted = self._model.stage_seconds()
        # The file names the stages in an order of its own, and only those that came to their end.
        if elapsed := noted | facts.elapsed:
            order = list(noted)
            by_turn = sorted(elapsed, key=lambda name: order.index(name) if name in order else -1)
            cards.append(stages_card({name: elapsed[name] for name in by_turn}))
        if facts.hardware:
            cards.append(pairs_card(self.tr("Hardware"), facts.hardware))
        if facts.code:
            cards.append(pairs_card(self.tr("Code"), facts.code))
        if facts.trackers or facts.mirrors:
            cards.append(trackers_card(facts.trackers, facts.mirrors, self._open_in))
        if facts.files:
            cards.append(files_card(facts.files, self._open_folder))
        self.summary.show_cards(cards)

    def view_state(self) -> dict[str, Any]:
        """Return where the splitter stands."""
        return {"sizes": self._splitter.sizes()}

    def restore_view(self, state: dict[str, Any]) -> None:
        """Put the splitter where it stood."""
        match state.get("sizes"):
            case [int(charts), int(log)] if charts > 0 and log > 0:
                self._splitter.setSizes([charts, log])

    def _open_in(self, kind: str) -> None:
        self._session.tracker_requested.emit(self._folder.path, kind)


class Summary(QScrollArea):
    """Metrics and curves on the left, cards on the right, or all in one column where it is narrow.

    Args:
        model: the run.
        counts: what its points count, epochs or steps.
    """

    def __init__(self, model: Measured, counts: str = "epoch") -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.metrics = MetricTable(model, counts)
        inner = QWidget()
        inner.setProperty("kind", "content")
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, inner)
        # The charts come with a margin of their own, which is made use of on both sides.
        self._columns.setContentsMargins(4, 12, 16, 16)
        self._columns.setSpacing(0)
        self._left = QVBoxLayout()
        self._left.setSpacing(0)
        above = QVBoxLayout()
        above.setContentsMargins(_MARGIN, 0, _MARGIN, 0)
        above.addWidget(self.metrics)
        self._left.addLayout(above)
        self._columns.addLayout(self._left, 1)
        self._side = QWidget()
        self._cards = QVBoxLayout(self._side)
        self._cards.setSpacing(8)
        self._cards.addStretch(1)
        self._side.hide()
        self._columns.addWidget(self._side)
        self.setWidget(inner)

    def take_charts(self, charts: Slot) -> None:
        """Show the curves under the metrics."""
        charts.setMinimumHeight(_CHARTS_HEIGHT)
        self._left.addWidget(charts, 1)

    def show_cards(self, cards: Sequence[QWidget]) -> None:
        """Replace the cards."""
        while self._cards.count() > 1:
            item = self._cards.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        for place, card in enumerate(cards):
            self._cards.insertWidget(place, card)
        self._side.setVisible(bool(cards))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stand in two columns where there is room."""
        super().resizeEvent(event)
        is_wide = self.width() >= _ONE_COLUMN
        directions = QBoxLayout.Direction
        self._columns.setDirection(directions.LeftToRight if is_wide else directions.TopToBottom)
        self._cards.setContentsMargins(0 if is_wide else _MARGIN, 0, 0, 0)
        self._side.setMinimumWidth(_CARDS if is_wide else 0)
        self._side.setMaximumWidth(_CARDS if is_wide else 16_777_215)
