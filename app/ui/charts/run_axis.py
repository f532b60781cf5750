"""Where the points of one run stand on the x axis: by step, by epoch or by time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from app.records.events import Event
from app.ui import formats
from app.ui.charts.buffer import Floats

XAxis = Literal["step", "epoch", "relative", "wall"]

#: Returns the x of points, given their steps (or epochs, as the axis counts) and times; NaN where it is not known yet.
Place = Callable[[npt.ArrayLike, npt.ArrayLike], Floats]


class RunAxis:
    """The x axis of one run. Epochs and steps stand in the relation that its ``epoch_end`` events tell.

    Args:
        counts: what the points of a run count that are not per batch: our own epochs, those of other programs steps.

    Attributes:
        counts: as given.
        kind: what x is.
        version: changes when points that have been placed belong elsewhere now.
    """

    def __init__(self, counts: XAxis = "epoch") -> None:
        self.counts = counts
        self.version = 0
        self._kind: XAxis = counts
        self._origin = math.nan
        # Epoch e ended with step s; epoch 0 with step 0.
        self._epochs, self._steps = np.zeros(1), np.zeros(1)

    @property
    def kind(self) -> XAxis:
        """What x is."""
        return self._kind

    @kind.setter
    def kind(self, kind: XAxis) -> None:
        if kind != self._kind:
            self._kind = kind
            self.version += 1

    @property
    def knows_epochs(self) -> bool:
        """Whether an epoch has ended, so that steps and epochs can be told from each other."""
        return len(self._epochs) > 1

    def note(self, event: Event) -> None:
        """Learn from an event; all but ``epoch_end`` teach nothing."""
        match event:
            case {"kind": "epoch_end", "epoch": int(epoch), "step": int(step)}:
                if epoch > self._epochs[-1] and step > self._steps[-1]:
                    if self.knows_epochs and _along(self._epochs, self._steps, epoch) != step:
                        self.version += 1
                    self._epochs, self._steps = np.append(self._epochs, epoch), np.append(self._steps, step)

    def note_time(self, time: float) -> None:
        """Learn when something was logged: the earliest time is where relative time begins."""
        if not math.isnan(time) and not time >= self._origin:
            self._origin = time
            if self._kind == "relative":
                self.version += 1

    def placer(self, *, is_batch: bool) -> Place:
        """Return what places points as things are now; it may be called in a thread."""
        kind, origin, epochs, steps = self._kind, self._origin, self._epochs, self._steps
        if kind == "wall":
            return lambda number, time: np.asarray(time, np.float64)
        if kind == "relative":
            return lambda number, time: np.asarray(time, np.float64) - origin
        if kind == ("step" if is_batch else self.counts):
            return lambda number, time: np.asarray(number, np.float64)
        known, wanted = (steps, epochs) if is_batch else (epochs, steps)
        return lambda number, time: _along(known, wanted, number)

    def place_event(self, event: Event) -> float:
        """Return the x of an event that has a step or an epoch; NaN where it is not known."""
        if self._kind in ("relative", "wall"):
            return float(self.placer(is_batch=False)(0, event["time"]))
        for key, is_batch in (("step", True), ("epoch", False)):
            if isinstance(event.get(key), int):
                return float(self.placer(is_batch=is_batch)(event[key], math.nan))
        return math.nan

    def describe(self, x: float) -> str:
        """Return the epoch of a step, or the step of an epoch, in words; "" on other axes."""
        if not self.knows_epochs:
            return ""
        if self._kind == "step":
            return f"epoch {formats.count(max(1, math.ceil(float(_along(self._steps, self._epochs, x)) - 1e-9)))}"
        if self._kind == "epoch":
            return f"step {formats.count(round(float(_along(self._epochs, self._steps, x))))}"
        return ""


def _along(known: Floats, wanted: Floats, at: npt.ArrayLike) -> Floats:
    """Return the line through (known, wanted) at some places, drawn on beyond its end; NaN without two points."""
    at = np.asarray(at, np.float64)
    if len(known) < 2:
        return np.full(at.shape, np.nan)
    slope = (wanted[-1] - wanted[-2]) / (known[-1] - known[-2])
    found: Floats = np.where(at > known[-1], wanted[-1] + (at - known[-1]) * slope, np.interp(at, known, wanted))
    return found
