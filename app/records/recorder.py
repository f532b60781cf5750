"""The recorder: takes every fact of a run and writes it down, off the training thread.

The training thread appends a tuple and goes on. The recorder's own thread empties the queue a few times a second,
writes to the folder first (it is the truth) and then tells the keeper of the events in it. A disk that
refuses keeps the facts waiting in memory, said once, and tried again until the end of the run.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.messages import BATCH_PREFIX, POINT, Fact, Message
from app.records.events import Event, append_bytes, encode_event, make_event
from app.records.files import replace_file
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
    """Writes the record of one run. One thread logs (the training's), one writes (its own).

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
            self.metrics.set(name, epoch, value)
            self.log(name, value, epoch)
        self._summary_changed = True

    def log_test(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log what the evaluation gave after the last epoch: lists of one in metrics.json."""
        for name, value in values.items():
            self.metrics.set(name, 1, value)
            self.log(name, value, epoch)
        self._summary_changed = True

    def keep_running(self, names: frozenset[str]) -> None:
        """Name the metrics whose batch values are means since the epoch began, because they are no means of batches."""
        self._running = names

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
            RecordingError: something could not be written within the timeout (seconds).
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
        while True:
            self._wake.wait(_DRAIN_SECONDS)
            closing = self._closing
            messages = self._drain()
            self._write(messages, closing)
            for message in messages:
                self._send(message)
            if closing:
                with contextlib.suppress(OSError):
                    self._series.close()
                self._log_file.sync()
                return

    def _drain(self) -> list[Message]:
        """Take what is queued into what is to be written; return the events of it as messages."""
        messages: list[Message] = []
        pack = POINT.pack
        for _ in range(len(self._queue)):
            item = self._queue.popleft()
            if isinstance(item, dict):
                self._unwritten_events.append(encode_event(item))
                messages.append(Fact(item))
            else:
                name, step, when, value = item
                self._unwritten_rows.setdefault(name, bytearray()).extend(pack(step, when, value))
        return messages

    def _write(self, messages: list[Message], closing: bool) -> None:
        try:
            self._write_series()
            self._write_events()
            self._write_summary(closing)
        except OSError as error:
            first = self._trouble is None
            self._trouble = f"{error.filename or self.folder.path}: {error.strerror or error}"
            if first:
                log.warning(
                    "Cannot write the record (%s); the run goes on and keeps trying. "
                    "Free some space or make the folder writable",
                    self._trouble,
                )
                messages.append(Fact(make_event("warning", message=f"Cannot write the record: {self._trouble}")))
        else:
            if self._log_file.retry() and self._trouble:
                self._trouble = None
                log.info("The record can be written again")

    def _write_series(self) -> None:
        for name in list(self._unwritten_rows):
            running = name.removeprefix(BATCH_PREFIX) in self._running and name.startswith(BATCH_PREFIX)
            self._series.append(name, bytes(self._unwritten_rows[name]), running=running)
            del self._unwritten_rows[name]

    def _write_events(self) -> None:
        if self._unwritten_events:
            append_bytes(self.folder.events, b"".join(self._unwritten_events))
            self._unwritten_events.clear()

    def _write_summary(self, closing: bool) -> None:
        now = time.monotonic()
        if not closing and now < self._summary_due:
            return
        sync = self._sync or closing
        self._series.write_counts(sync=sync)
        if self._summary_changed or closing:
            self._summary_changed = False
            replace_file(self.folder.metrics, self.metrics.encode(), sync=sync)
        if sync:
            self._sync = False
            self._log_file.sync()
            descriptor = os.open(self.folder.events, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        took = time.monotonic() - now
        self._summary_due = now + max(_SUMMARY_SECONDS, took / _SUMMARY_SHARE)
