"""The worker as its keeper sees it: a process, a connection, and how it ended."""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from app.channel import Channel, Door, connect
from app.config.models import SessionConfig
from app.jobs.launch import start_process
from app.jobs.sessions import interpreter_of
from app.messages import Message
from app.records.processes import Identity
from app.start import command


@dataclass(frozen=True, slots=True)
class Gone:
    """The connection to the worker has ended."""


Incoming = queue.SimpleQueue[Message | Gone]


class WorkerProcess:
    """A worker that this keeper started, or that it found running.

    Attributes:
        incoming: everything the worker says, then one :class:`Gone`.
        identity: who it is.
    """

    def __init__(self, identity: Identity, process: subprocess.Popen[bytes] | None, incoming: Incoming) -> None:
        self.identity = identity
        self.incoming = incoming
        self._process = process
        self._channel: Channel | None = None
        self._door: Door | None = None

    @classmethod
    def start(
        cls, cwd: Path, output: IO[bytes], *, warming: bool = False, session: SessionConfig | None = None
    ) -> WorkerProcess:
        """Start a worker; its output goes to a file.

        Args:
            cwd: its working directory.
            output: the log, or where a spare's output goes before it has a run.
            warming: whether it imports at low priority, because nobody waits for it yet.
            session: the session of its run, if it has one already; it may name another Python than ours.

        Raises:
            OSError: it could not be started.
        """
        door = Door()
        session = session or SessionConfig()
        arguments = command(
            "app.engine.worker",
            session.model_dump_json(),
            *(["--warming"] if warming else []),
            python=str(interpreter_of(session)),
        )
        process = start_process(arguments, cwd=cwd, output=output)
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(door.invitation.encode() + b"\n")
        worker = cls(Identity.of(process.pid), process, queue.SimpleQueue())
        worker._door = door

        def admit() -> None:
            with contextlib.suppress(OSError):  # it died before it came, and the door was closed
                worker.connect(door.admit())

        # Not waited for: a worker that dies before it connects is seen by its exit.
        threading.Thread(target=admit, name="door", daemon=True).start()
        return worker

    @classmethod
    def find(cls, identity: Identity, invitation: str) -> WorkerProcess:
        """Connect to a worker that runs already.

        Raises:
            OSError: it is gone.
        """
        worker = cls(identity, None, queue.SimpleQueue())
        worker.connect(connect(invitation))
        return worker

    def connect(self, connection: Any) -> None:
        """Take the connection to the worker."""
        self._channel = Channel(connection, self.incoming.put, lambda: self.incoming.put(Gone()))

    @property
    def is_connected(self) -> bool:
        """Whether it has connected yet."""
        return self._channel is not None

    def send(self, message: Message) -> None:
        """Tell the worker."""
        if self._channel is not None:
            self._channel.send(message)

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        ended = not self.identity.is_alive() if self._process is None else self._process.poll() is not None
        if ended and self._door is not None:
            self._door.close()
        return ended

    def wait(self, timeout: float) -> bool:
        """Wait for the end of the process, at most ``timeout`` seconds; return whether it has ended."""
        try:
            if self._process is not None:
                self._process.wait(timeout)
            elif self.identity.is_alive():
                psutil.Process(self.identity.pid).wait(timeout)
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            return False
        except psutil.NoSuchProcess:
            pass
        return True

    def abandon(self) -> None:
        """End it now and let nobody in any more."""
        self.kill()
        if self._door is not None:
            self._door.close()

    def terminate(self) -> None:
        """Ask the operating system to end it: it closes its record and saves nothing more."""
        self._signal(getattr(signal, "SIGTERM", 15))

    def kill(self) -> None:
        """End it now."""
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    @property
    def killed_by(self) -> int | None:
        """The number of the signal that ended it, or None; None too for a worker that another keeper started."""
        code = self._process.returncode if self._process is not None else None
        return -code if code is not None and code < 0 else None

    def describe_end(self) -> str:
        """Return in words how the process ended."""
        code = self._process.returncode if self._process is not None else None
        if code is None:
            return "the worker is gone"
        if code >= 0:
            return f"the worker ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        return f"the worker was ended by signal {-code} ({name})"

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
        elif self.identity.is_alive():
            psutil.Process(self.identity.pid).send_signal(number)
