"""How numbers, durations and times are written on the screen."""

from __future__ import annotations

import math
import re
from datetime import date, datetime

#: What stands where there is no value.
NOTHING = "—"
_MINUS = "\N{MINUS SIGN}"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EXECUTION = re.compile(r"(\d\d)-(\d\d)-(\d\d)__(\d\d)-(\d\d)-(\d{4})(.*)")


def number(value: float | None, decimals: int = 2) -> str:
    """Return a metric's value: ``decimals`` from 1 up, 4 significant digits below, thousands commas, a true minus."""
    if value is None:
        return NOTHING
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    size = abs(value)
    if size == 0:
        text = "0"
    elif size >= 1e9:
        text = f"{size:.4g}"
    elif size >= 1:
        text = f"{size:,.{decimals}f}"
    elif size < 1e-4:
        text = f"{size:.3e}"
    else:
        text = f"{size:.{3 - math.floor(math.log10(size))}f}"
    return (_MINUS if value < 0 else "") + text


def count(value: int) -> str:
    """Return a whole number with thousands commas."""
    return f"{value:,}".replace("-", _MINUS)


def duration(seconds: float | None) -> str:
    """Return a span as ``2.7 s``, ``2:41`` or ``1:02:41``."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    seconds = max(0.0, seconds)
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(when: float | None, now: datetime | None = None) -> str:
    """Return a local time as ``Today 15:02``, ``Thu 11:20`` within the last week, else ``8 Apr 2019``."""
    if when is None:
        return NOTHING
    local = datetime.fromtimestamp(when)
    days = ((now or datetime.now()).date() - local.date()).days
    # Not with strftime, which imports a module at each call: beside PySide that takes longer than drawing the text.
    if days == 0:
        return f"Today {local.hour:02}:{local.minute:02}"
    if 0 < days < 7:
        return f"{_DAYS[local.weekday()]} {local.hour:02}:{local.minute:02}"
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def short_execution(execution_id: str, today: date | None = None) -> str:
    """Return what tells an execution from others first: ``15:08:42``, with the day after it unless that is today."""
    match = _EXECUTION.fullmatch(execution_id)
    if match is None:
        return execution_id
    hour, minute, second, day, month, year = match.groups()[:6]
    try:
        when = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))
    except ValueError:
        return execution_id
    text = f"{hour}:{minute}:{second}{match[7]}"
    return text if when.date() == (today or date.today()) else f"{text}, {when.day} {_MONTHS[when.month - 1]} {year}"


def full_moment(when: float | None) -> str:
    """Return a local time in ISO 8601 with its offset, for tooltips."""
    return "" if when is None else datetime.fromtimestamp(when).astimezone().isoformat(sep=" ", timespec="seconds")


def size(bytes_: float) -> str:
    """Return a file's size as ``889 KB`` or ``4.4 MB``."""
    for unit in ("B", "KB", "MB", "GB"):
        if bytes_ < 999.5:
            return f"{bytes_:.0f} {unit}" if unit in ("B", "KB") or bytes_ >= 99.95 else f"{bytes_:.1f} {unit}"
        bytes_ /= 1024
    return f"{bytes_:.1f} TB"


def plural(amount: int, noun: str) -> str:
    """Return ``1 run``, ``2 runs``, ``1,024 runs``."""
    return f"{count(amount)} {noun}{'' if amount == 1 else 's'}"
