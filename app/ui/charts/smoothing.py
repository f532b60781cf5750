"""Smoothing of curves: the exponential moving average of TensorBoard, without its bias towards zero.

The formula is that of tensorboard/webapp/widgets/line_chart_v2 (data_transformer.ts):
last = last * w + (1 - w) * y, shown = last / (1 - w ** n), where n counts the finite values.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from app.ui.charts.buffer import Floats

MAX_WEIGHT = 0.999
#: A series with fewer points is shown as it is.
FEWEST_POINTS = 3
#: Older values whose weight is below this change no digit of a float64.
_NEGLIGIBLE = 1e-18


class MovingAverage:
    """The average of a series that grows; the weight of what came before is 0 (no smoothing) to 0.999."""

    def __init__(self, weight: float) -> None:
        self.weight = min(max(weight, 0.0), MAX_WEIGHT)
        self._last = 0.0
        self._count = 0
        self._constant: float | None = None

    def extend(self, values: npt.ArrayLike) -> Floats:
        """Return the averages at some further values; what is not finite passes through and counts for nothing."""
        values = np.asarray(values, np.float64)
        finite = np.isfinite(values)
        known = values[finite]
        if not self.weight or not known.size:
            return values
        averages = known * (1 - self.weight)
        averages[0] += self.weight * self._last
        # The sum of w^k * y[n-k] by doubling: after each turn every value holds twice as many terms.
        shift, factor = 1, self.weight
        while shift < len(averages) and factor > _NEGLIGIBLE:
            averages[shift:] += factor * averages[:-shift]
            shift, factor = shift * 2, factor * factor
        self._last = float(averages[-1])
        # Later on the divisor is 1.
        biased = min(len(averages), max(0, math.ceil(math.log(_NEGLIGIBLE, self.weight)) - self._count))
        averages[:biased] /= 1 - self.weight ** np.arange(self._count + 1.0, self._count + 1.0 + biased)
        self._count += len(known)
        shown = values.copy()
        shown[finite] = known if self._is_constant(known) else averages
        return shown

    def _is_constant(self, known: Floats) -> bool:
        """Whether all values so far are the same: then rounding shall not make them look different."""
        if self._count == len(known):
            self._constant = float(known[0])
        if self._constant is not None and not np.all(known == self._constant):
            self._constant = None
        return self._constant is not None


def smooth(values: npt.ArrayLike, weight: float) -> Floats:
    """Return a series smoothed at full resolution; one that is constant or has fewer than 3 points as it is.

    Args:
        values: (n,) in their order, NaN and infinities allowed.
        weight: 0 to 0.999.
    """
    values = np.asarray(values, np.float64)
    return values if len(values) < FEWEST_POINTS else MovingAverage(weight).extend(values)
