"""One tracker in a thread of its own: what is logged waits in a queue and reaches the tracker in batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from app.config.own_code import OwnCodeError
from app.messages import POINT
from app.records.processes import lower_priority_of_this_thread
from app.trackers.base import MirroredRun, Tracker

#: How a feed tells its host what happened: tracker type, message, data.
Report = Callable[[str, str, dict[str, Any]], None]

#: Seconds between two batches while the run goes on.
BATCH_INTERVAL = 1.0

#: Points that may wait for one tracker (24 bytes each). Beyond that the oldest are left out of its mirror.
MAX_WAITING_POINTS = 1_000_000

#: A tracker of which one method failed this often in a row is not called any more, but for ``end``.
MAX_FAILURES_IN_A_ROW = 3


class Feed:
    """Feeds one tracker. The ``put_`` methods may be called from any thread and only append to the queue.

    Whatever the tracker raises, ``SystemExit`` included, ends in a warning. The first failure of each kind (method and
    exception type) is reported, and so is the first hang of each method.
    """

    def __init__(
        self,
        type_id: str,
        make: Callable[[], Tracker],
        run: MirroredRun,
        discard: dict[str, Any] | None,
        report: Report,
        *,
        max_points: int = MAX_WAITING_POINTS,
    ) -> None:
        self.type_id = type_id
        self._make = make
        self._mirrored = run
        self._discard = discard
        self._report = report
        self._max_points = max_points
        self._tracker = Tracker()
        self._thread = threading.Thread(target=self._run, name=f"tracker {type_id}", daemon=True)
        self._on = True
        self._closing = threading.Event()
        self._end: tuple[str, float] = ("", 0.0)

        self._lock = threading.Lock()
        self._facts: deque[tuple[float, str, tuple[Any, ...]]] = deque()
        self._points: deque[tuple[str, bytes]] = deque()
        self._waiting = 0
        self._points_left_out = False

        self._call: tuple[str, float] | None = None
        self._in_a_row: dict[str, int] = {}
        self._told: set[tuple[str, str]] = set()

    def start(self) -> None:
        """Start the thread, and the tracker in it."""
        self._thread.start()

    def put_fact(self, method: str, *args: Any) -> None:
        """Queue a call of a method of the tracker."""
        with self._lock:
            if self._on:
                self._facts.append((time.time(), method, args))

    def put_points(self, metric: str, rows: bytes) -> None:
        """Queue points of a metric, packed with :data:`app.messages.POINT`."""
        with self._lock:
            if not self._on:
                return
            self._points.append((metric, rows))
            self._waiting += len(rows)
            while self._waiting > self._max_points * POINT.size and len(self._points) > 1:
                self._waiting -= len(self._points.popleft()[1])
                self._points_left_out = True

    def close(self, state: str, ended: float) -> None:
        """Let the tracker take what is queued and end, with this state and time (UTC seconds)."""
        self._end = (state, ended)
        self._closing.set()

    def join(self, timeout: float) -> bool:
        """Wait for the thread, at most this many seconds; return whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def inspect(self, stalled_after: float) -> None:
        """Report a call that has lasted longer than this many seconds, and points that were left out."""
        call = self._call
        if call is not None and time.monotonic() - call[1] > stalled_after:
            self._warn(call[0], "stalled", f"{call[0]}() has not returned for {stalled_after:g} s; the run goes on")
        if self._points_left_out:
            text = f"it is too slow: more than {self._max_points} points waited, the oldest are left out of this mirror"
            self._warn("log_metric", "left out", text)

    def _run(self) -> None:
        lower_priority_of_this_thread()
        if not self._open():
            self._switch_off()
            return
        closing = False
        while not closing:
            closing = self._closing.wait(BATCH_INTERVAL)
            self._feed()
        self._tracker.state, self._tracker.time = self._end
        self._try("end")

    def _open(self) -> bool:
        try:
            self._call = ("start", time.monotonic())
            tracker = self._make()
        except BaseException as error:
            self._warn("start", type(error).__name__, f"it cannot be used: {_reason(error)}")
            return False
        finally:
            self._call = None
        tracker.run, tracker.time, tracker.reference = self._mirrored, self._mirrored.started, {}
        self._tracker = tracker
        if self._discard is not None:
            self._try("discard", self._mirrored.execution_id, self._mirrored.logdir, self._discard)
        if not self._try("start", self._mirrored.execution_id, self._mirrored.logdir):
            return False
        self._report(self.type_id, "started", dict(tracker.reference))
        return True

    def _feed(self) -> None:
        with self._lock:
            facts, self._facts = self._facts, deque()
            batch, self._points, self._waiting = self._points, deque(), 0
        if not facts and not batch:
            return
        tracker = self._tracker
        for when, method, args in facts:
            tracker.time = when
            self._try(method, *args)
        for metric, rows in batch:
            for step, when, value in POINT.iter_unpack(rows):
                tracker.time = when
                self._try("log_metric", metric, value, step)
        self._try("flush")

    def _try(self, method: str, *args: Any) -> bool:
        """Call a method of the tracker; return whether it returned."""
        if not self._on and method != "end":
            return False
        self._call = (method, time.monotonic())
        try:
            getattr(self._tracker, method)(*args)
        except BaseException as error:  # a SystemExit of a tracker must not end the keeper, nor its thread
            self._failed(method, error)
            return False
        finally:
            self._call = None
        self._in_a_row.pop(method, None)
        return True

    def _failed(self, method: str, error: BaseException) -> None:
        failures = self._in_a_row.get(method, 0) + 1
        self._in_a_row[method] = failures
        self._warn(method, type(error).__name__, f"{method}() failed: {_reason(error)}")
        if failures == MAX_FAILURES_IN_A_ROW:
            self._warn(method, "off", f"it is switched off, {method}() failed {failures} times in a row")
            self._switch_off()

    def _switch_off(self) -> None:
        with self._lock:
            self._on = False
            self._facts.clear()
            self._points.clear()
            self._waiting = 0

    def _warn(self, method: str, kind: str, text: str) -> None:
        if (method, kind) not in self._told:
            self._told.add((method, kind))
            self._report(self.type_id, f"Tracker {self.type_id}: {text}", {"method": method, "reason": kind})


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, OwnCodeError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
