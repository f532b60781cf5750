"""How far a run is: a segment for every epoch, counters, and the stages with the time that each took."""

from __future__ import annotations

import time

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHideEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.ui import formats
from app.ui.controls import label, line
from app.ui.icons import pixmap
from app.ui.run.model import FIT, RunModel, Stage
from app.ui.theme import code_font, theme, tokens, ui_font

#: Counters change at most four times a second.
_EVERY = 250
#: With more epochs than these a bar without gaps says it better; height and gap of the segments (px).
_MOST_SEGMENTS, _BAR, _GAP = 100, 8, 2


class Progress(QFrame):
    """The progress of one run; hidden where the run has noted no stage.

    ``refreshed`` lets others show the same numbers at the same moment.
    """

    refreshed = Signal()

    def __init__(self, model: RunModel) -> None:
        super().__init__()
        self.setProperty("kind", "content")
        self._model = model
        self._bar = EpochBar(model)
        self._counters = Counters(model)
        self._stages = StagesRow(model)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        fit = QVBoxLayout()
        fit.setContentsMargins(16, 2, 16, 12)
        fit.setSpacing(6)
        fit.addWidget(self._bar)
        fit.addWidget(self._counters)
        self._fit = QWidget()
        self._fit.setLayout(fit)
        column.addWidget(self._fit)
        column.addWidget(line())
        column.addWidget(self._stages)
        column.addWidget(line())
        self._timer = QTimer(self, interval=_EVERY)
        self._timer.timeout.connect(self.refresh)
        theme().changed.connect(self.update)
        self.refresh()

    def note_change(self) -> None:
        """Show what is new, at once or with the next turn."""
        if self._model.is_over or self._model.is_gone or not self._timer.isActive():
            self.refresh()

    def refresh(self) -> None:
        """Show what the model knows."""
        model = self._model
        self.setVisible(bool(model.stages) and not model.is_over)
        self._fit.setVisible(bool(model.epochs))
        self._bar.update()
        self._bar.setAccessibleName(self.tr("Epoch {0} of {1}").format(model.epoch, model.epochs))
        self._counters.refresh()
        self._stages.refresh()
        if model.is_over or model.is_gone:
            self._timer.stop()
        self.refreshed.emit()

    def showEvent(self, event: QShowEvent) -> None:
        """Count while somebody looks."""
        super().showEvent(event)
        if not self._model.is_over and not self._model.is_gone:
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Rest while nobody does."""
        super().hideEvent(event)
        self._timer.stop()


class EpochBar(QWidget):
    """One segment an epoch, the one under way filled as far as it is; above 100 epochs a bar without gaps."""

    def __init__(self, model: RunModel) -> None:
        super().__init__()
        self._model = model
        self.setFixedHeight(_BAR)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return what it needs."""
        return QSize(200, _BAR)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        model = self._model
        if not model.epochs:
            return
        part = min(1.0, model.step_in_epoch / model.steps_per_epoch) if model.steps_per_epoch else 0.0
        done = min(float(model.epochs), model.epoch + part)
        painter = QPainter(self)
        empty, full = QColor(tokens().line2), QColor(tokens().state(model.state).ink)
        segments = model.epochs if model.epochs <= _MOST_SEGMENTS else 1
        done *= segments / model.epochs
        wide = (self.width() + _GAP) / segments
        for number in range(segments):
            left, right = round(number * wide), round((number + 1) * wide) - _GAP
            filled = min(1.0, max(0.0, done - number))
            painter.fillRect(QRectF(left, 0, right - left, _BAR), empty)
            if filled:
                painter.fillRect(QRectF(left, 0, (right - left) * filled, _BAR), full)


class Counters(QWidget):
    """Epoch, step and speed on the left, elapsed and what is to come on the right; the least needed go first."""

    def __init__(self, model: RunModel) -> None:
        super().__init__()
        self._model = model
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(20)
        self._counters: dict[str, _Counter] = {}
        for name in ("Epoch", "Step", "In epoch", "Speed", "", "Elapsed", "ETA", "ends about"):
            if not name:
                row.addStretch(1)
                continue
            counter = _Counter(name)
            row.addWidget(counter)
            self._counters[name] = counter
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show what there is room for."""
        super().resizeEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Show what the model knows."""
        model = self._model
        now = time.time()
        eta = model.eta(now) or None
        values = {
            "Epoch": f"{model.epoch} / {model.epochs}" if model.epochs else "",
            "Step": _of(model.step, model.steps),
            "In epoch": _of(model.step_in_epoch, model.steps_per_epoch) if model.steps_per_epoch else "",
            "Speed": f"{formats.number(model.speed, 1)} steps/s" if model.speed else "",
            "Elapsed": formats.duration(model.elapsed(now)) if model.status and model.status.started else "",
            "ETA": formats.duration(eta) if eta is not None else "",
            "ends about": time.strftime("%H:%M:%S", time.localtime(now + eta)) if eta is not None else "",
        }
        # What says least goes first where there is no room for all.
        for name in ("In epoch", "ends about", "Speed", "Step"):
            if sum(_Counter.width_of(key, value) for key, value in values.items() if value) <= self.width():
                break
            values[name] = ""
        for name, counter in self._counters.items():
            counter.show_value(values[name])


class _Counter(QWidget):
    """A word and its value."""

    def __init__(self, name: str) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(5)
        row.addWidget(label(name, "muted"))
        self._value = label("", "secondary", selectable=True)
        self._value.setFont(ui_font(12, 600))
        self._value.setAccessibleName(name)
        row.addWidget(self._value)

    def show_value(self, text: str) -> None:
        if self._value.text() != text:
            self._value.setText(text)
        self.setVisible(bool(text))

    @staticmethod
    def width_of(name: str, value: str) -> int:
        metrics = QFontMetrics(ui_font(12, 600))
        return metrics.horizontalAdvance(name) + metrics.horizontalAdvance(value) + 27


class StagesRow(QWidget):
    """The stages side by side, each with its sign, name, time and a bar."""

    def __init__(self, model: RunModel) -> None:
        super().__init__()
        self._model = model
        self.setFixedHeight(52)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def refresh(self) -> None:
        """Show what the model knows."""
        model = self._model
        self.setAccessibleName("; ".join(f"{stage.name} {_time_of(stage, model)}" for stage in model.stages))
        self.setToolTip("\n".join(f"{stage.name}  {_time_of(stage, model)}" for stage in model.stages))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw them; where there is no room, the short ones of long ago are left to the tooltip."""
        stages = self._model.stages
        metrics = QFontMetrics(code_font())
        room = self.width() - 32
        wide = [metrics.horizontalAdvance(f"{s.name} {_time_of(s, self._model)}") + 24 for s in stages]
        first = 0
        while first < len(stages) - 1 and sum(wide[first:]) + 8 * (len(stages) - first) > room:
            first += 1
        extra = max(0, room - sum(wide[first:]) - 8 * (len(stages) - first - 1))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left = 16.0
        fit = next((stage for stage in stages[first:] if stage.name == FIT), stages[-1] if stages else None)
        for stage, needed in list(zip(stages, wide, strict=True))[first:]:
            width = needed + (extra if stage is fit else 0)
            self._paint_stage(painter, stage, left, width)
            left += width + 8

    def _paint_stage(self, painter: QPainter, stage: Stage, left: float, width: float) -> None:
        colours = tokens()
        state = "finished" if stage.seconds is not None else self._model.state
        ink = QColor(colours.state(state).ink)
        painter.drawPixmap(round(left), 12, pixmap(state, ink.name(), 14, self.devicePixelRatioF()))
        text = QRectF(left + 20, 8, width - 20, 22)
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.setFont(code_font())
        painter.setPen(QColor(colours.text))
        painter.drawText(text, middle, stage.name)
        taken = QFontMetrics(code_font()).horizontalAdvance(f"{stage.name} ")
        painter.setFont(ui_font(12))
        painter.setPen(QColor(colours.text3))
        painter.drawText(text.adjusted(taken, 0, 0, 0), middle, _time_of(stage, self._model))
        bar = QRectF(left, 36, width, 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.line2))
        painter.drawRoundedRect(bar, 1.5, 1.5)
        painter.setBrush(ink)
        bar.setWidth(width * _share_of(stage, self._model))
        painter.drawRoundedRect(bar, 1.5, 1.5)


def _share_of(stage: Stage, model: RunModel) -> float:
    """Return how much of a stage is done, from 0 to 1; only fitting tells."""
    if stage.seconds is not None:
        return 1.0
    if stage.name == FIT and model.epochs:
        part = model.step_in_epoch / model.steps_per_epoch if model.steps_per_epoch else 0.0
        return min(1.0, (model.epoch + part) / model.epochs)
    return 0.0


def _time_of(stage: Stage, model: RunModel) -> str:
    if stage.seconds is not None:
        return f"{stage.seconds * 1000:.0f} ms" if stage.seconds < 1 else formats.duration(stage.seconds)
    return formats.NOTHING if model.is_over else formats.duration(time.time() - stage.begun)


def _of(done: int, total: int) -> str:
    if not done:
        return ""
    return f"{formats.count(done)} / {formats.count(total)}" if total else formats.count(done)
