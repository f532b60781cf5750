"""Who a process is: a pid alone is given to another process sooner or later."""

from __future__ import annotations

import functools
import getpass
import os
import platform
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from app.records.files import number

#: Two looks at one process differ by less than this (seconds); another one with the same pid comes much later.
_SLACK_SECONDS = 0.5
_NICE = 10


@dataclass(frozen=True, slots=True)
class Identity:
    """A process of this host and boot.

    ``create_time`` tells it from another one that gets the same ``pid`` later: seconds since the computer was started
    on Linux, since the epoch elsewhere. Linux knows no other that stays when the clock is set.
    """

    pid: int
    create_time: float

    @classmethod
    def of(cls, pid: int | None = None) -> Identity:
        """Return the identity of a process, of this one when no pid is given.

        Raises:
            ProcessLookupError: there is no such process.
        """
        pid = os.getpid() if pid is None else pid
        seen = _look(pid)
        if seen is None:
            raise ProcessLookupError(f"no process has the pid {pid}")
        return cls(pid, seen[0])

    @classmethod
    def from_json(cls, value: Any) -> Identity | None:
        """Return what :meth:`to_json` wrote, or None."""
        if not isinstance(value, dict):
            return None
        pid, created = value.get("pid"), number(value.get("create_time"))
        if isinstance(pid, int) and not isinstance(pid, bool) and pid > 0 and created is not None:
            return cls(pid, created)
        return None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object of the two fields."""
        return {"pid": self.pid, "create_time": self.create_time}

    def is_alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        seen = _look(self.pid)
        if seen is None:
            return False
        created, is_zombie = seen
        return not is_zombie and abs(created - self.create_time) <= _SLACK_SECONDS


def _look(pid: int) -> tuple[float, bool] | None:
    """Return when a process was created and whether it is a zombie; None when there is none."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return None
        # proc(5): the name stands in parentheses and may contain some; state is field 3, starttime (ticks) field 22.
        fields = stat.rpartition(b")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK"), fields[0] in (b"Z", b"X")
    try:
        process = psutil.Process(pid)
        return process.create_time(), process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None


def user_name() -> str:
    """Return who is logged in; "unknown" where the system has no name for them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name; KeyError up to Python 3.12
        return "unknown"


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
