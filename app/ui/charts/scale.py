"""From values to pixels and back, and the ticks of an axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from app.ui import formats
from app.ui.charts.buffer import Floats

#: What an axis counts: plain numbers, seconds since the start of a run, or UTC seconds since the epoch.
Unit = Literal["number", "seconds", "moment"]

_GREATEST = 8e307
_MINUS = "\N{MINUS SIGN}"
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis: ``low`` and ``high`` are values, ``start`` and ``end`` where they are, in px."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def pixels(self, values: Floats) -> Floats:
        """Return where values are, in px; NaN for what a logarithmic axis cannot show."""
        low, high = self._ends()
        values = np.clip(values, -_GREATEST, _GREATEST)
        if self.is_log:
            with np.errstate(invalid="ignore", divide="ignore"):
                values = np.log10(np.where(values > 0, values, np.nan))
        return self.start + (values - low) * ((self.end - self.start) / (high - low))

    def pixel(self, value: float) -> float:
        """Return where one value is, in px; much cheaper than an array of one."""
        if self.is_log and not value > 0:
            return math.nan
        low, high = self._ends()
        value = math.log10(value) if self.is_log else min(max(value, -_GREATEST), _GREATEST)
        return self.start + (value - low) * ((self.end - self.start) / (high - low))

    def value(self, pixel: float) -> float:
        """Return the value at a px."""
        low, high = self._ends()
        found = low + (pixel - self.start) / (self.end - self.start) * (high - low)
        return 10.0 ** min(found, 308.0) if self.is_log else found

    def zoomed(self, factor: float, pixel: float) -> tuple[float, float]:
        """Return the ends of a part, ``factor`` times as long, that shows the same value at a px."""
        ends = (pixel + (edge - pixel) * factor for edge in (self.start, self.end))
        low, high = (self.value(end) for end in ends)
        return low, high

    def moved(self, pixels: float) -> tuple[float, float]:
        """Return the ends after the content has been dragged by some px."""
        return self.value(self.start - pixels), self.value(self.end - pixels)

    def _ends(self) -> tuple[float, float]:
        return (math.log10(self.low), math.log10(self.high)) if self.is_log else (self.low, self.high)


def with_room(low: float, high: float, *, is_log: bool = False, share: float = 0.05) -> tuple[float, float]:
    """Return the ends of an axis that shows values with some room around them, also where they are all the same."""
    if is_log:
        low, high = math.log10(low), math.log10(high)
        room = (high - low) * share or 0.2
        return 10 ** max(low - room, -307.0), 10 ** min(high + room, 308.0)
    # Beyond that the distance of two ends is no number any more.
    low, high = max(low, -_GREATEST), min(high, _GREATEST)
    room = (high - low) * share or abs(high) * share or 0.5
    return low - room, high + room


def ticks(scale: Scale, spacing: float, unit: Unit = "number") -> list[tuple[float, str]]:
    """Return the values to mark with their text, about ``spacing`` px apart."""
    count = max(1.0, abs(scale.end - scale.start) / spacing)
    if scale.is_log and math.log10(scale.high) - math.log10(scale.low) > 0.5:
        return [(value, plain(value)) for value in _log_ticks(scale.low, scale.high, count)]
    step = _step((scale.high - scale.low) / count, unit)
    shift = _utc_offset(scale.low) if unit == "moment" else 0.0
    first, last = math.ceil((scale.low + shift) / step - 1e-9), math.floor((scale.high + shift) / step + 1e-9)
    if last - first > 1000:  # the numbers have no more digits
        return []
    values = [number * step - shift for number in range(first, last + 1)]
    if unit == "moment":
        return [(value, _clock(value, step)) for value in values]
    if unit == "seconds":
        return [(value, _span(value, step)) for value in values]
    return [(value, plain(value, step)) for value in values]


def plain(value: float, step: float = 0.0) -> str:
    """Return a number on an axis: ``2k``, ``0.05``; with a ``step`` as many decimals as the step needs."""
    size = abs(value)
    if step and size < step * 1e-6:
        value = size = 0.0
    if not size and step < 1e-4:
        return "0"
    if size >= 1e9 or (0 < size < 1e-4 and (not step or step < 1e-4)):
        text = f"{size:.3g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    elif size >= 1e6 and not step % 1e4:
        text = f"{size / 1e6:g}M"
    elif size >= 1e3 and not step % 10:
        text = f"{size / 1e3:g}k"
    elif step:
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        text = f"{size:,.{decimals}f}"
    else:
        text = f"{size:g}"
    return _MINUS + text if value < 0 else text


def _step(least: float, unit: Unit) -> float:
    if unit != "number" and least <= _SECONDS[-1]:
        found = next((seconds for seconds in _SECONDS if seconds >= least), None)
        if found is not None and least > 0.5:
            return float(found)
    decade = 10.0 ** math.floor(math.log10(max(least, 1e-300)))
    return next((factor * decade for factor in (1, 2, 5) if factor * decade >= least * 0.999), 10 * decade)


def _log_ticks(low: float, high: float, count: float) -> Iterator[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    per_decade = count / (math.log10(high) - math.log10(low))
    factors = (1, 2, 5) if per_decade >= 2.5 else (1,)
    every = max(1, math.ceil(1 / per_decade))
    for decade in decades:
        for factor in factors if decade % every == 0 else ():
            if low * (1 - 1e-9) <= (value := factor * 10.0**decade) <= high * (1 + 1e-9):
                yield value


def _span(value: float, step: float) -> str:
    if value == 0:
        return "0"
    if step < 1:
        return f"{plain(value, step)} s"
    return f"{value:.0f} s" if abs(value) < 60 and step < 60 else formats.duration(max(value, 60.0))


def _clock(value: float, step: float) -> str:
    local = datetime.fromtimestamp(value)
    if step >= _SECONDS[-1]:
        return f"{local.day} {local:%b}"
    return f"{local:%H:%M}" if step >= 60 else f"{local:%H:%M:%S}"


def _utc_offset(when: float) -> float:
    offset = datetime.fromtimestamp(when).astimezone().utcoffset()
    return offset.total_seconds() if offset is not None else 0.0
