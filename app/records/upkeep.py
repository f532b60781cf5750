"""Keeping the index of a workspace up to date for as long as somebody looks at it.

What grows is looked at often, what is over seldom; no look takes more than a small share of the time.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass

from app.records.index import Indexer, Progress
from app.records.library import Library, SourcePlace

#: The shortest time between two looks at one source, and between two searches for sources (seconds).
_LOOK_SECONDS, _SEARCH_SECONDS = 0.5, 30.0
#: Between two looks there is so many times the time that a look takes, up to a limit (seconds).
_REST, _MOST_SECONDS = 10.0, 60.0
#: An end that is wanted is heard after so long at the latest while sizes are found out (seconds).
_MEASURE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources that there are now, and what the search for them could not use."""

    places: tuple[SourcePlace, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Complete:
    """Every source was looked at once: what is in the index is all that there is."""


News = Sources | Progress | Complete
#: What can be asked for: all sources to be looked at now, sources to be searched for now, an end.
LOOK, SEARCH, END = "look", "search", "end"


def keep_up(library: Library, wanted: queue.SimpleQueue[str]) -> Iterator[News]:
    """Bring an index up to date and keep it so, telling what happens, until ``END`` is wanted.

    Progress is told where something has changed, and where what could not be looked at is not what it was.

    Args:
        library: nobody else may use it meanwhile.
        wanted: what somebody asks for, ``LOOK``, ``SEARCH`` or ``END``.

    Raises:
        OSError: the index cannot be written.
    """
    due: dict[str, float] = {}
    told: dict[str, tuple[str, ...]] = {}
    search_due = 0.0
    is_complete = False
    asked: set[str] = set()
    while True:
        if time.monotonic() >= search_due or SEARCH in asked:
            begun = time.monotonic()
            library.search()
            library.forget_lost()
            search_due = _next(begun, _SEARCH_SECONDS)
            yield Sources(tuple(library.places.values()), library.problems)
        due = {name: 0.0 if asked else due.get(name, 0.0) for name in library.places}
        asked.clear()
        for name in [name for name, when in due.items() if when <= time.monotonic()]:
            begun = time.monotonic()
            for place, progress in enumerate(library.update_source(name)):
                has_changed = place == 0 and progress.problems != told.get(name, ())
                if place == 0:
                    told[name] = progress.problems
                if progress.total or has_changed:
                    yield progress
                if END in _listen(wanted, asked):
                    return
            due[name] = _next(begun, _LOOK_SECONDS)
        if not is_complete:
            is_complete = True
            yield Complete()
            # Nobody waits for sizes, and they take long.
            for _ in Indexer(library.index).measure(_MEASURE_SECONDS):
                if _listen(wanted, asked):
                    break
        if END in _listen(wanted, asked, min(search_due, *due.values()) - time.monotonic()):
            return


def _listen(wanted: queue.SimpleQueue[str], asked: set[str], seconds: float = 0.0) -> set[str]:
    """Add what is wanted by now to what was asked for, waiting for a while where that is nothing; return all of it."""
    try:
        if not asked and seconds > 0:
            asked.add(wanted.get(timeout=seconds))
        while True:
            asked.add(wanted.get_nowait())
    except queue.Empty:
        return asked


def _next(begun: float, least: float) -> float:
    """Return when to look again after a look that began at some time and ends now."""
    now = time.monotonic()
    return now + min(_MOST_SECONDS, max(least, _REST * (now - begun)))
