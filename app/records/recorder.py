"""The recorder: takes every fact of a run and writes it down, off the training thread.

The training thread appends a tuple and goes on. The recorder's own thread empties the queue a few times a second,
writes to the folder first (it is the truth) and then tells the keeper of the events in it. A disk that
refuses keeps the facts waiting in memory, said once, and tried again until the end of the run.
"""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.messages import BATCH_PREFIX, POINT, Fact, Message
from app.records.events import Event, append_bytes, encode_event, make_event
from app.records.files import replace_file, sync_file
from app.records.layout import ExecutionFolder
from app.records.log import LogFile, logger
from app.records.metrics import Metrics
from app.records.series import SeriesFolder

#: How often the queue is emptied, and how often metrics.json and the counts in series headers are brought up to date.
_DRAIN_SECONDS = 0.25
_SUMMARY_SECONDS = 1.0
#: Writing metrics.json may take this share of the time at most, however long it has grown.
_SUMMARY_SHARE = 0.05

_Point = tuple[str, int, float, float]

log = logger("Recorder")


class RecordingError(Exception):
    """Part of the record could not be written before the run ended; the text says what and why."""


class Recorder:
    """Writes the record of one run. The training's thread logs, and others may; one thread writes, its own.

    Args:
        folder: the execution's folder; it exists.
        log_file: the handler of its log, which retries entries that could not be written.
        send: called from the recorder's thread with every message for the keeper; must not block.
    """

    def __init__(
        self, folder: ExecutionFolder, log_file: LogFile, send: Callable[[Message], None] = lambda message: None
    ) -> None:
        self.folder = folder
        self.metrics = Metrics()
        self._log_file = log_file
        self._send = send
        self._queue: deque[_Point | Event] = deque()
        self._running: frozenset[str] = frozenset()
        self._series = SeriesFolder(folder.series)
        self._unwritten_rows: dict[str, bytearray] = {}
        self._unwritten_events: list[bytes] = []
        self._refused: set[str] = set()
        self._trouble: str | None = None
        self._wake = threading.Event()
        self._closing = False
        self._sync = False
        self._summary_due = 0.0
        self._summary_changed = True
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def log(self, name: str, value: float, step: int) -> None:
        """Log one value of a metric. Costs the caller an append, nothing else.

        Args:
            name: the metric; "/" makes folders of it.
            value: the value; NaN and infinities are kept.
            step: the number of the epoch, from 1, or for a metric of batches the count of finished optimizer steps.
        """
        self._queue.append((name, step, time.time(), value))

    def log_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log what an epoch ended with, to the series and to metrics.json."""
        for name, value in values.items():
            self.metrics.set(name, epoch, float(value))
            self.log(name, value, epoch)
        self._summary_changed = True

    def log_test(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log what the evaluation gave after the last epoch: lists of one in metrics.json."""
        for name, value in values.items():
            self.metrics.set(name, 1, float(value))
            self.log(name, value, epoch)
        self._summary_changed = True

    def keep_running(self, names: frozenset[str]) -> None:
        """Name the metrics whose batch values are means since the epoch began, because they are no means of batches."""
        self._running = frozenset(BATCH_PREFIX + name for name in names)

    def event(self, kind: str, **data: Any) -> None:
        """Note that something happened now."""
        self._queue.append(make_event(kind, **data))

    def note(self, event: Event) -> None:
        """Note what another process has seen, with its time."""
        self._queue.append(event)

    @contextmanager
    def stage(self, name: str, **facts: Any) -> Iterator[None]:
        """Time a stage: its seconds go to ``elapsed`` of metrics.json, begin (with ``facts``) and end to the events."""
        self.event("stage_begin", stage=name, **facts)
        begin = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - begin
            self.metrics.elapsed[name] = self.metrics.elapsed.get(name, 0.0) + elapsed
            self._summary_changed = True
            self._sync = True
            self.event("stage_end", stage=name, elapsed=elapsed)

    def set_platform(self, platform: Mapping[str, Any]) -> None:
        """Tell metrics.json about the machine."""
        self.metrics.platform = dict(platform)
        self._summary_changed = True

    def close(self, state: str, reason: str | None, message: str | None, *, timeout: float = 60.0) -> None:
        """Write everything that is left, the end event last, and wait for the disk.

        Raises:
            RecordingError: something could not be written, or not within the timeout (seconds).
        """
        self.event("end", state=state, reason=reason, message=message)
        self._closing = True
        self._wake.set()
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise RecordingError(f"the record was not written within {timeout:.0f} s")
        if self._trouble:
            raise RecordingError(self._trouble)

    def _run(self) -> None:
        try:
            closing = False
            while not closing:
                self._wake.wait(_DRAIN_SECONDS)
                closing = self._closing
                messages = self._drain()
                messages += self._write(closing)
                for message in messages:
                    self._send(message)
        except Exception as error:
            self._trouble = f"the recorder failed: {error!r}"
            log.exception("The recorder failed; what comes after this is in the log alone")
        finally:
            with contextlib.suppress(OSError):
                self._series.close()

    def _drain(self) -> list[Message]:
        """Take what is queued into what is to be written; return the events of it as messages."""
        messages: list[Message] = []
        for _ in range(len(self._queue)):
            item = self._queue.popleft()
            if isinstance(item, dict):
                messages += self._take_event(item)
            else:
                self._take_point(*item)
        return messages

    def _take_event(self, event: Event) -> list[Message]:
        try:
            self._unwritten_events.append(encode_event(event))
        except TypeError as error:
            log.warning("No event of kind %s: %s", event["kind"], error)
            return []
        return [Fact(event)]

    def _take_point(self, name: str, step: int, when: float, value: float) -> None:
        try:
            row = POINT.pack(step, when, value)
        except (struct.error, TypeError, ValueError, OverflowError) as error:
            if name not in self._refused:
                self._refused.add(name)
                log.warning("No point of %s: value %r at step %r (%s); such are left out", name, value, step, error)
            return
        self._unwritten_rows.setdefault(name, bytearray()).extend(row)

    def _write(self, closing: bool) -> list[Message]:
        """Write whatever can be written; return what the keeper must know of the rest."""
        failure: OSError | None = None
        for write in (self._write_series, self._write_events, lambda: self._write_summary(closing)):
            try:
                write()
            except OSError as error:
                failure = failure or error
        if failure is not None:
            trouble = f"{failure.filename}: {failure.strerror or failure}"
        elif not self._log_file.retry():
            trouble = f"{self.folder.log}: entries are waiting to be written"
        else:
            if self._trouble is not None:
                self._trouble = None
                log.info("The record can be written again")
            return []
        first = self._trouble is None
        self._trouble = trouble
        if not first:
            return []
        log.warning(
            "Cannot write the record (%s); the run goes on and keeps trying. "
            "Free some space or make the folder writable",
            trouble,
        )
        return self._take_event(make_event("warning", message=f"Cannot write the record: {trouble}"))

    def _write_series(self) -> None:
        failure: OSError | None = None
        if self._unwritten_rows:
            self._series.declare(self._unwritten_rows, self._running)
        for name, rows in list(self._unwritten_rows.items()):
            try:
                self._series.append(name, bytes(rows))
            except OSError as error:  # the other series may lie where there is space, or have shorter names
                failure = failure or error
            else:
                del self._unwritten_rows[name]
        if failure is not None:
            raise failure

    def _write_events(self) -> None:
        if self._unwritten_events:
            append_bytes(self.folder.events, b"".join(self._unwritten_events))
            self._unwritten_events.clear()

    def _write_summary(self, closing: bool) -> None:
        """Bring what sums up the run up to date, at most once a second; after a stage wait for the disk too."""
        begin = time.monotonic()
        if not closing and begin < self._summary_due:
            return
        sync = self._sync or closing
        changed = self._summary_changed or closing
        # Taken back only when they were seen, before what they stand for is read: a change in between is not lost.
        if sync:
            self._sync = False
        if changed:
            self._summary_changed = False
        try:
            self._series.write_counts(sync=sync)
            if changed:
                replace_file(self.folder.metrics, self.metrics.encode(), sync=sync)
                changed = False
            if sync:
                sync_file(self.folder.events)
                self._log_file.sync()
        except OSError:
            self._sync = self._sync or sync
            self._summary_changed = self._summary_changed or changed
            raise
        finally:
            took = time.monotonic() - begin
            self._summary_due = begin + max(_SUMMARY_SECONDS, took / _SUMMARY_SHARE)
