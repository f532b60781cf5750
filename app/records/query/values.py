"""What the values of a query and of a run mean: a number, a duration, a time, or the text itself."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?[smhdw])+")
_DURATION_PART = re.compile(r"([0-9.]+)([smhdw])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?P<minute>[T ][0-9]{2}:[0-9]{2}(?P<second>:[0-9]{2}(?P<part>\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def number_of(text: str) -> float | None:
    """Return the number that a text is, ``16``, ``1e-3``, ``-inf`` or ``nan``, or None."""
    return float(text) if _NUMBER.fullmatch(text) else None


def seconds_of(text: str) -> float | None:
    """Return the seconds of a duration such as ``30s``, ``15m``, ``3h``, ``2d``, ``1w`` or ``1h30m``, or None."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(count) * _SECONDS[unit] for count, unit in _DURATION_PART.findall(text))


def time_of(text: str) -> tuple[float, float] | None:
    """Return the span of time that a text names, or None: a date is the whole day, 15:02 the whole minute.

    ``2026-11-18``, ``2026-11-18T15:02``, with seconds and parts of them, ``Z`` or an offset behind; local time without.

    Returns:
        its begin and its end, the latter not in it; seconds since the epoch.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    if match["part"]:
        length = timedelta(microseconds=1)
    elif match["second"]:
        length = timedelta(seconds=1)
    else:
        length = timedelta(minutes=1) if match["minute"] else timedelta(days=1)
    try:
        begin = datetime.fromisoformat(text)
        return begin.timestamp(), (begin + length).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def reading(text: str) -> float | str:
    """Return what the text of a param or a tag is compared as.

    Other programs keep every param as text, so one that is a number is a number, and True is true.
    """
    number = number_of(text)
    if number is not None:
        return number
    lower = text.lower() if len(text) <= len("false") else text
    return lower if lower in ("true", "false") else text
