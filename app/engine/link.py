"""The worker's end of the connection to its keeper, and the worker's own care that it always has one."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO

from app.channel import Channel, Door
from app.engine.ending import StopSwitch
from app.messages import Heard, Job, Message, Note, Stop
from app.records.log import logger

log = logger("Worker")

_ADMIT_SECONDS = 30.0
_RETRY_SECONDS = (0.0, 1.0, 5.0, 30.0)


class KeeperLink:
    """Sends facts to the keeper and hears its commands. A keeper that dies is replaced; a training never waits for one.

    Args:
        stop: set when the keeper says so.
        on_note: called with what the keeper wants recorded.
    """

    def __init__(self, stop: StopSwitch, on_note: Callable[[Note], None]) -> None:
        self._stop = stop
        self._on_note = on_note
        self._channel: Channel | None = None
        self._job: Job | None = None
        self._arrived = threading.Event()
        self._finder: threading.Thread | None = None
        self._closing = False

    def open(self, channel_of: Callable[[Callable[[Message], None], Callable[[], None]], Channel]) -> None:
        """Take the first connection."""
        self._channel = channel_of(self._hear, self._lost)

    def wait_for_job(self) -> Job | None:
        """Return the job when it comes, or None when the keeper is gone before it gave one."""
        self._arrived.wait()
        return self._job

    def send(self, message: Message) -> None:
        """Tell the keeper; without one it is told to nobody, for the folder has it all."""
        if self._channel is not None:
            self._channel.send(message)

    def close(self, timeout: float) -> None:
        """Send what waits, then let go; with nobody there, start the process that puts the run's affairs in order."""
        self._closing = True
        if self._finder is not None:  # a keeper that is on its way takes over, or is given up
            self._finder.join(_ADMIT_SECONDS)
        if self._channel is not None and self._channel.is_open:
            self._channel.close(timeout)
        elif self._job is not None:
            _start(self._job.settle).close()

    def _hear(self, message: Message) -> None:
        if isinstance(message, Job):
            self._job = message
            self._arrived.set()
        elif isinstance(message, Stop):
            log.info("Asked to stop by %s; stopping at the next batch", message.by)
            self._stop.request(message.command, message.by)
            self.send(Heard(message.command))
        elif isinstance(message, Note):
            self._on_note(message)

    def _lost(self) -> None:
        self._arrived.set()
        if self._job is not None and not self._closing:
            log.warning("The keeper of this run is gone; starting another one")
            self._finder = threading.Thread(target=self._find_keeper, args=(self._job,), name="finder", daemon=True)
            self._finder.start()

    def _find_keeper(self, job: Job) -> None:
        attempt = 0
        while not self._closing:
            time.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
            attempt += 1
            try:
                self._start_keeper(job)
                return
            except OSError as error:
                log.warning("No other keeper could be started: %s", error)

    def _start_keeper(self, job: Job) -> None:
        door = Door()
        with _start(job.respawn) as pipe:
            pipe.write(door.invitation.encode() + b"\n")
        admitted = threading.Event()

        def admit() -> None:
            with contextlib.suppress(OSError):  # nobody came, and the door was closed
                self._channel = Channel(door.admit(), self._hear, self._lost)
                admitted.set()

        threading.Thread(target=admit, name="keeper-door", daemon=True).start()
        deadline = time.monotonic() + _ADMIT_SECONDS
        while not admitted.wait(0.2):
            if time.monotonic() > deadline:
                door.close()
                raise ConnectionRefusedError("the new keeper did not connect")


def _start(command: list[str]) -> IO[bytes]:
    """Start a process that outlives this one; return its standard input."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=sys.platform != "win32",
    )
    assert process.stdin is not None
    return process.stdin
