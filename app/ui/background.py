"""The one way to do slow work beside the window: a function in a thread, its result back on the window's own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal

Result = TypeVar("Result")


class Cancelled(Exception):
    """Raised within a work that was cancelled, when it reports its progress."""


class Work(Generic[Result]):
    """A piece of slow work: ask it how far it is, or tell it to end.

    The function runs with this object as its only argument when it takes one, so that it can report and notice.
    """

    def __init__(self, carrier: _Carrier) -> None:
        self._carrier = carrier
        self._cancelled = threading.Event()

    def report(self, done: int, total: int) -> None:
        """Tell how far it is (from the work's thread). Raises Cancelled when it is not wanted any more."""
        if self._cancelled.is_set():
            raise Cancelled
        self._carrier.progress.emit(done, total)

    def cancel(self) -> None:
        """Ask it to end; neither its result nor its error is delivered any more."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was told to end."""
        return self._cancelled.is_set()


class _Carrier(QObject):
    """Brings what a thread has to say to the window's thread: a queued signal to a method of a QObject."""

    finished = Signal(object)
    failed = Signal(object)
    progress = Signal(int, int)

    def __init__(
        self,
        owner: QObject,
        done: Callable[[Any], None] | None,
        failed: Callable[[Exception], None] | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        super().__init__()
        self._owner, self._done, self._failed, self._progress = owner, done, failed, progress
        self.work: Work[Any] = Work(self)
        self.finished.connect(self._on_finished, Qt.ConnectionType.QueuedConnection)
        self.failed.connect(self._on_failed, Qt.ConnectionType.QueuedConnection)
        self.progress.connect(self._on_progress, Qt.ConnectionType.QueuedConnection)

    def _is_wanted(self) -> bool:
        return not self.work.is_cancelled and shiboken6.isValid(self._owner)

    def _on_finished(self, result: object) -> None:
        _carriers.discard(self)
        if self._is_wanted() and self._done is not None:
            self._done(result)

    def _on_failed(self, error: Exception) -> None:
        _carriers.discard(self)
        if not self._is_wanted():
            return
        if self._failed is None:
            raise error
        self._failed(error)

    def _on_progress(self, done: int, total: int) -> None:
        if self._is_wanted() and self._progress is not None:
            self._progress(done, total)


#: Alive until their word has been delivered.
_carriers: set[_Carrier] = set()
_pool: ThreadPoolExecutor | None = None


def run_in_background(
    owner: QObject,
    function: Callable[[Work[Any]], Result],
    done: Callable[[Result], None] | None = None,
    *,
    failed: Callable[[Exception], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Work[Result]:
    """Run a function in a thread and hand what it returns to ``done`` on the window's thread.

    Args:
        owner: whose work it is; once it is deleted nothing is delivered any more.
        function: gets the work itself, to report progress and to notice that it was cancelled.
        done: called with the result.
        failed: called with the exception; without it the exception is raised in the event loop, where the window
            reports it.
        progress: called with (done, total) as the work reports it.
    """
    global _pool  # noqa: PLW0603 - one pool for the program, made when it is first needed
    if _pool is None:
        _pool = ThreadPoolExecutor(4, thread_name_prefix="background")
    carrier = _Carrier(owner, done, failed, progress)
    _carriers.add(carrier)

    def work() -> None:
        try:
            result = function(carrier.work)
        except Exception as error:
            carrier.failed.emit(error)
        else:
            carrier.finished.emit(result)

    _pool.submit(work)
    return carrier.work


def finish_background_work() -> None:
    """Wait for the threads to end all they were given, such as a run to submit. Called once, when the program ends."""
    global _pool  # noqa: PLW0603
    if _pool is not None:
        _pool.shutdown(wait=True, cancel_futures=False)
        _pool = None
    _carriers.clear()
