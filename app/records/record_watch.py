"""Looking at one run of any source again and again: each look tells what is new since the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from app.records.files import RecordError
from app.records.series import Points
from app.records.sources.base import RecordUpdate, Source, Tail


class RecordWatch:
    """Follows one run, also through its absence: what comes back starts over.

    Args:
        open_source: returns the source of the run; called at the first look.
        key: the run's key there.
    """

    def __init__(self, open_source: Callable[[], Source], key: str) -> None:
        self._open_source, self._key = open_source, key
        self._tail: Tail | None = None
        self._was_read = False
        self._is_gone = False
        self._problem = ""

    def look(self) -> RecordUpdate:
        """Return what is new; an update that tells nothing when nothing is. Raises nothing."""
        try:
            begins = self._tail is None
            if self._tail is None:
                self._tail = self._open_source().follow(self._key)
            update = self._tail.look()
        except KeyError:
            self._tail = None
            was_gone, self._is_gone, self._problem = self._is_gone, True, ""
            return RecordUpdate(is_gone=not was_gone)
        except (RecordError, OSError) as error:
            problem, self._problem = self._problem, str(error)
            return RecordUpdate(problem=self._problem if self._problem != problem else "")
        self._is_gone, self._problem = False, ""
        if begins and self._was_read:
            update = replace(update, starts_over=True)
        self._was_read = True
        return update


def in_portions(update: RecordUpdate, *, points: int = 50_000, series: int = 100) -> Iterator[RecordUpdate]:
    """Yield an update in parts that are taken in a moment each; all but the points is in the first.

    Args:
        update: what was found.
        points: how many points a part has at most.
        series: how many series a part has at most.
    """
    first = update
    room, portion = points, list[tuple[str, Points]]()
    for metric, rows in update.points:
        begin = 0
        while begin < len(rows):
            if not room or len(portion) == series:
                yield replace(first, points=tuple(portion))
                first, room, portion = RecordUpdate(), points, []
            part = rows[begin : begin + room]
            portion.append((metric, part))
            begin, room = begin + len(part), room - len(part)
    yield replace(first, points=tuple(portion))
