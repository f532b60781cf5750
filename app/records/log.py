"""execution.log: one line an entry, "time - program - level - component - message".

The worker's own output (file descriptors 1 and 2) lands in the same file; a line without the prefix belongs to the
entry before it. Logs of older systems differ in the program's name alone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections import deque
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.records.files import errors_name

PROGRAM = "trackside"
#: Loggers below this one are our own components; their last part is the component.
LOGGER_PREFIX = f"{PROGRAM}."

_ENTRY = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d{3}) - (?P<program>\S.*?) - "
    r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) - (?P<component>.*?) - (?P<message>.*)",
    re.DOTALL,
)
_MAX_PENDING_LINES = 10_000


def format_entry(when: float, level: str, component: str, message: str) -> str:
    """Return one entry with its newline; ``when`` is UTC seconds since the epoch, written in local time."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
    return f"{stamp},{int(when % 1 * 1000):03d} - {PROGRAM} - {level} - {component} - {message}\n"


def append_entry(path: Path, level: str, component: str, message: str) -> None:
    """Add one entry at the end of a log.

    Raises:
        OSError: it could not be written.
    """
    with errors_name(path), open(path, "ab") as file:
        file.write(format_entry(time.time(), level, component, message).encode("utf-8", "replace"))


class LogFile(logging.Handler):
    """A logging handler that appends entries to execution.log, one write each.

    What cannot be written (a full disk) waits in memory, up to 10,000 entries, for the next entry or :meth:`retry`.

    Args:
        path: the log; it is made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(logging.DEBUG)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._pending: deque[bytes] = deque(maxlen=_MAX_PENDING_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one entry; never raises."""
        try:
            message = self.format(record)
        except Exception:  # a wrong format string of some library is its own fault, and must not end a training
            message = record.msg if isinstance(record.msg, str) else f"(a {type(record.msg).__name__} without a text)"
        ours = record.name.startswith(LOGGER_PREFIX)
        component = record.name.removeprefix(LOGGER_PREFIX)
        # TensorFlow and its like chatter: theirs stays readable at DEBUG, ours keeps its level.
        level = record.levelname if ours else "DEBUG"
        entry = format_entry(record.created, level, component, message.rstrip())
        self._pending.append(entry.encode("utf-8", "replace"))
        self.retry()

    def retry(self) -> bool:
        """Write what is waiting; return whether all of it is written."""
        # The handler's own lock: a thread may take it twice (a destructor that logs), and a forked child finds it open.
        self.acquire()
        try:
            while self._pending:
                entry = self._pending.popleft()
                try:
                    written = os.write(self._descriptor, entry)
                except OSError:
                    written = 0
                if written < len(entry):
                    self._pending.appendleft(entry[written:])
                    return False
            return True
        finally:
            self.release()

    def take_output(self) -> None:
        """Send the process's own standard output and error to this file: appended, with no pipe in between."""
        for descriptor in (1, 2):
            os.dup2(self._descriptor, descriptor)

    def sync(self) -> None:
        """Wait until the log is on the disk."""
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; entries that come later are dropped."""
        super().close()
        self.acquire()
        try:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
        finally:
            self.release()


def logger(component: str) -> logging.Logger:
    """Return the logger of one of our components, such as "Trainer"."""
    return logging.getLogger(LOGGER_PREFIX + component)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a log; ``time`` is local time as it was written, ``message`` may have several lines."""

    time: str
    program: str
    level: str
    component: str
    message: str


def parse_entries(lines: Iterable[str]) -> Iterator[LogEntry]:
    """Yield the entries of a log; lines before the first entry become one of level INFO with no time."""
    current: LogEntry | None = None
    more: list[str] = []

    def complete(entry: LogEntry) -> LogEntry:
        message = "\n".join([entry.message, *more]) if entry.time else "\n".join(more)
        return LogEntry(entry.time, entry.program, entry.level, entry.component, message)

    for raw in lines:
        line = raw.rstrip("\r\n")
        match = _ENTRY.fullmatch(line)
        if match is None:
            current = current or LogEntry("", "", "INFO", "", "")
            more.append(line)
            continue
        if current is not None:
            yield complete(current)
        more = []
        current = LogEntry(**match.groupdict())
    if current is not None:
        yield complete(current)


def read_tail(path: Path, lines: int, *, most_bytes: int = 1 << 20) -> list[str]:
    """Return the last lines of a log without reading more than ``most_bytes`` of it; [] when there is none."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most_bytes))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]


def read_last_words(path: Path, lines: int, others: Container[str] = ()) -> list[str]:
    """Return what was printed after the last entry of a log, at most its last ``lines`` lines that are not blank.

    Entries of the components ``others`` do not count: other processes write them, at any moment.

    That is what a process says that dies at once: a library that aborts, a signal's handler, an interpreter that cannot
    start.
    """
    words: list[str] = []
    for line in reversed(read_tail(path, lines)):
        entry = _ENTRY.fullmatch(line)
        if entry is not None and entry["component"] not in others:
            break
        if entry is None and line.strip():
            words.append(line)
    return words[::-1]
