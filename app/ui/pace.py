"""How soon what changes all the time is read again, so that reading takes a small share of the time."""

from __future__ import annotations

import time

#: Between two readings there is so many times the time that one takes, up to a limit (seconds).
_REST, _MOST_SECONDS = 15.0, 5.0


class Pace:
    """Tells when the next reading may begin.

    Args:
        least: the shortest time between two readings (seconds).
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._begun = self._due = 0.0
        self._is_first = True

    def begin(self) -> None:
        """A reading begins."""
        self._begun = time.monotonic()

    def end(self) -> None:
        """It has ended."""
        now = time.monotonic()
        # The first one imports what it needs, which says nothing of the others.
        took, self._is_first = 0.0 if self._is_first else now - self._begun, False
        self._due = now + min(max(self._least, _REST * took), _MOST_SECONDS)

    @property
    def wait(self) -> int:
        """How long to wait before the next one (ms)."""
        return max(0, round((self._due - time.monotonic()) * 1000))
