"""Who a process is: a pid alone is given to another process sooner or later."""

from __future__ import annotations

import functools
import os
import platform
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

#: Two looks at one process can differ by a second when the clock was set in between.
_CLOCK_SLACK_SECONDS = 2.0
_NICE = 10


@dataclass(frozen=True, slots=True)
class Identity:
    """A process of this host and boot: its pid and when it was created (UTC seconds since the epoch)."""

    pid: int
    create_time: float

    @classmethod
    def of(cls, pid: int | None = None) -> Identity:
        """Return the identity of a process, of this one when no pid is given.

        Raises:
            ProcessLookupError: there is no such process.
        """
        try:
            process = psutil.Process(pid if pid is not None else os.getpid())
            return cls(process.pid, process.create_time())
        except psutil.Error as error:
            raise ProcessLookupError(str(error)) from error

    @classmethod
    def from_json(cls, value: Any) -> Identity | None:
        """Return what :meth:`to_json` wrote, or None."""
        if not isinstance(value, dict):
            return None
        pid, created = value.get("pid"), value.get("create_time")
        if isinstance(pid, int) and pid > 0 and isinstance(created, int | float):
            return cls(pid, float(created))
        return None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object of the two fields."""
        return {"pid": self.pid, "create_time": self.create_time}

    def is_alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.create_time) <= _CLOCK_SLACK_SECONDS
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True


def host_name() -> str:
    """Return the name of this computer."""
    return platform.node() or "localhost"


@functools.cache
def boot_id() -> str:
    """Return what tells this start of this computer from every other."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(round(psutil.boot_time()))


def lower_priority_of_this_thread() -> None:
    """Let every other thread of the computer go first. Linux knows priorities of threads; elsewhere nothing happens."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
