"""Points of metrics as arrays that grow, and the same made small enough to be drawn at any zoom."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.records.series import Points

Floats = npt.NDArray[np.float64]

#: How many blocks of one level of a pyramid make a block of the next.
_FACTOR = 4


class _Growing:
    """An array that is added to at its end; the room for it grows by half, so that each value is moved seldom."""

    def __init__(self, dtype: npt.DTypeLike = np.float64) -> None:
        self._room: npt.NDArray[np.generic] = np.empty(32, dtype)
        self.size = 0

    def extend(self, values: npt.ArrayLike) -> None:
        values = np.asarray(values)
        size = self.size + len(values)
        if size > len(self._room):
            room = np.empty(max(size, len(self._room) * 3 // 2), self._room.dtype)
            room[: self.size] = self.view
            self._room = room
        self._room[self.size : size] = values
        self.size = size

    @property
    def view(self) -> npt.NDArray[np.generic]:
        return self._room[: self.size]


class SeriesBuffer:
    """The points of one metric in the order in which they came; the properties are views, good until the next append.

    Attributes:
        steps: (n,) int64. The epoch of per-epoch points, the optimizer step of per-batch ones.
        times: (n,) float64, UTC seconds since the epoch; NaN where nobody noted them.
        values: (n,) float64.
    """

    def __init__(self) -> None:
        self._steps, self._times, self._values = _Growing(np.int64), _Growing(), _Growing()

    def __len__(self) -> int:
        return self._steps.size

    def append(self, points: Points) -> None:
        """Add points, a structured array of the fields step, time and value."""
        self._steps.extend(points["step"])
        self._times.extend(points["time"])
        self._values.extend(points["value"])

    @property
    def steps(self) -> npt.NDArray[np.int64]:  # noqa: D102 - see the class
        return self._steps.view.view(np.int64)

    @property
    def times(self) -> Floats:  # noqa: D102
        return self._times.view.view(np.float64)

    @property
    def values(self) -> Floats:  # noqa: D102
        return self._values.view.view(np.float64)

    @property
    def last(self) -> float | None:
        """The newest value, None while there is none."""
        return float(self.values[-1]) if len(self) else None


class Pyramid:
    """A curve with the least and greatest value of every 4, 16, 64 ... points, kept up as points are added.

    Whatever part of it is looked at, a few thousand points are enough to draw what all of them would have drawn.

    Attributes:
        is_sorted: whether x never went back; else every part of the curve is looked at as a whole.
        not_positive: how many finite values are <= 0, which a logarithmic axis cannot show.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all points."""
        self._x, self._y, self._not_finite = _Growing(), _Growing(), _Growing()
        self._levels: list[tuple[_Growing, _Growing]] = []
        self.is_sorted = True
        self.not_positive = 0

    def __len__(self) -> int:
        return self._x.size

    @property
    def x(self) -> Floats:
        """All x, a view."""
        return self._x.view.view(np.float64)

    @property
    def y(self) -> Floats:
        """All values as they are, NaN and infinities among them, a view."""
        return self._y.view.view(np.float64)

    @property
    def not_finite(self) -> Floats:
        """The x of the values that are NaN or infinite."""
        return self._not_finite.view.view(np.float64)

    def extend(self, x: npt.ArrayLike, y: npt.ArrayLike) -> None:
        """Add points, given as (m,) x and (m,) values."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        if not len(x):
            return
        if self.is_sorted:
            follows = not len(self) or x[0] >= self.x[-1]
            self.is_sorted = bool(follows and np.all(x[1:] >= x[:-1]))
        self._x.extend(x)
        self._y.extend(y)
        finite = np.isfinite(y)
        self._not_finite.extend(x[~finite])
        self.not_positive += int(np.count_nonzero(y[finite] <= 0))
        self._raise()

    def _raise(self) -> None:
        """Take the blocks that have become whole into the levels above."""
        low = high = _finite(self.y[self._whole(0) :])
        level = 0
        while len(low) >= _FACTOR:
            if level == len(self._levels):
                self._levels.append((_Growing(), _Growing()))
            lows, highs = self._levels[level]
            lows.extend(_reduce(np.fmin, low))
            highs.extend(_reduce(np.fmax, high))
            level += 1
            done = self._whole(level)
            low, high = (each.view.view(np.float64)[done:] for each in (lows, highs))

    def _whole(self, level: int) -> int:
        """Return how many values of a level (0: the points) are already in the one above it."""
        return self._levels[level][0].size * _FACTOR if level < len(self._levels) else 0

    def visible(self, x_from: float, x_to: float, pixels: int, *, positive: bool = False) -> tuple[Floats, Floats]:
        """Return x and y of a line that looks like the curve between two x, with a point beyond either edge.

        Args:
            x_from: the left edge.
            x_to: the right edge.
            pixels: how wide the plot is. At most about 4 points a pixel come back.
            positive: for a logarithmic axis: values <= 0 are gaps too.

        A gap is NaN: a value that is NaN or infinite, or a block that holds nothing else.
        """
        first, last = self._span(x_from, x_to)
        level, block = -1, 1
        while level + 1 < len(self._levels) and (last - first) // (block * _FACTOR) >= max(1, pixels):
            level, block = level + 1, block * _FACTOR
        if level < 0:
            x, low = self.x[first:last], _finite(self.y[first:last])
            return x, np.where(low > 0, low, np.nan) if positive else low
        lows, highs = (each.view.view(np.float64) for each in self._levels[level])
        begin, end = first // block, last // block
        low, high = lows[begin:end], highs[begin:end]
        x = self.x[begin * block : last : block]
        if end * block < last:
            rest = _finite(self.y[end * block : last])
            low, high = np.append(low, np.fmin.reduce(rest)), np.append(high, np.fmax.reduce(rest))
        if (together := len(low) // max(1, pixels)) > 1:
            starts = np.arange(0, len(low), together)
            x, low, high = x[::together], np.fmin.reduceat(low, starts), np.fmax.reduceat(high, starts)
        if positive:
            high = np.where(high > 0, high, np.nan)
            low = np.where(low > 0, low, high)
        return np.repeat(x, 2), np.stack((low, high), axis=1).ravel()

    def nearest(self, x: float) -> int | None:
        """Return the index of the point that is nearest to an x, None where there is no point."""
        if not len(self):
            return None
        if not self.is_sorted:
            return int(np.argmin(np.abs(self.x - x)))
        right = int(np.searchsorted(self.x, x))
        left = max(0, right - 1)
        right = min(right, len(self) - 1)
        return left if x - self.x[left] <= self.x[right] - x else right

    def _span(self, x_from: float, x_to: float) -> tuple[int, int]:
        if not self.is_sorted:
            return 0, len(self)
        first = int(np.searchsorted(self.x, x_from, "left")) - 1
        last = int(np.searchsorted(self.x, x_to, "right")) + 1
        return max(0, first), min(len(self), last)


def _finite(values: Floats) -> Floats:
    """Return values with NaN for infinities; the same array where there are none."""
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values) if infinite.any() else values


def _reduce(ufunc: np.ufunc, values: Floats) -> Floats:
    """Return one value a whole block; fmin and fmax pass over NaN."""
    blocks = values[: len(values) // _FACTOR * _FACTOR].reshape(-1, _FACTOR)
    # By columns: a reduction along so short an axis takes ten times as long.
    found: Floats = ufunc(ufunc(blocks[:, 0], blocks[:, 1]), ufunc(blocks[:, 2], blocks[:, 3]))
    return found
