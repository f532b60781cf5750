"""Follows what happens on disk from a thread of its own, and tells the window once for all that came together.

Whoever writes a run, this window, another one or the command line, it is seen the same way: by its folder.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection

from PySide6.QtCore import QObject, Qt, Signal

from app.records.layout import ExecutionFolder, Workspace
from app.records.watch import Changes, RunUpdate, RunWatch, WorkspaceWatch

_log = logging.getLogger(__name__)

#: How often open runs are looked at, the workspace, and every folder of executions in it (seconds).
_RUN_SECONDS, _WORKSPACE_SECONDS, _THOROUGH_SECONDS = 0.1, 0.5, 60.0
#: After something was asked for, all is looked at this often for this long, so that its effect shows at once.
_HOT_SECONDS, _HOT_SPAN = 0.02, 3.0


class RunFeed(QObject):
    """What is new of one run; the first update holds everything. Delete it (``deleteLater``) to stop following."""

    updated = Signal(RunUpdate)

    def __init__(self, folder: ExecutionFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder


class Follower(QObject):
    """The thread that looks, and its voice in the window's thread.

    ``changed`` brings the runs under way that are new, have changed or are gone; ``listed`` is emitted once, when all
    of them have been read, with whether there are any runs, over or not.

    Args:
        workspace: the workspace.
        known: called once, from the thread: the folders of runs that are known to be over, see ``WorkspaceWatch``.
    """

    changed = Signal(Changes)
    listed = Signal(bool)
    _woken = Signal()

    def __init__(
        self, workspace: Workspace, known: Callable[[], Collection[str]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._known = known
        self._lock = threading.Condition()
        self._feeds: dict[RunFeed, RunWatch] = {}
        self._found: list[tuple[RunFeed | None, Changes | RunUpdate | bool]] = []
        self._is_pending = False
        self._hot_until = 0.0
        self._wants_thorough = False
        self._is_closed = False
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._work, name="follower", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; nothing is told any more."""
        with self._lock:
            self._is_closed = True
            self._lock.notify()
        if self._thread.is_alive():
            self._thread.join()

    def follow(self, folder: ExecutionFolder, parent: QObject) -> RunFeed:
        """Return what tells of one run from now on, until it is deleted; ``parent`` owns it."""
        feed = RunFeed(folder, parent)
        with self._lock:
            self._feeds[feed] = RunWatch(folder)
            self._lock.notify()
        feed.destroyed.connect(lambda: self._forget(feed))
        return feed

    def expect_change(self) -> None:
        """Look often for a while: something has just been asked for."""
        with self._lock:
            self._hot_until = time.monotonic() + _HOT_SPAN
            self._lock.notify()

    def rescan(self) -> None:
        """Look at everything again."""
        with self._lock:
            self._wants_thorough = True
            self._lock.notify()

    def _forget(self, feed: RunFeed) -> None:
        with self._lock:
            self._feeds.pop(feed, None)

    def _work(self) -> None:
        runs = WorkspaceWatch(self._workspace, self._known())
        workspace_due = thorough_due = time.monotonic()
        is_listed = False
        while True:
            now = time.monotonic()
            with self._lock:
                is_hot = now < self._hot_until
                thorough = self._wants_thorough or now >= thorough_due
                self._wants_thorough = False
                feeds = list(self._feeds.items())
            try:
                is_slow_look = is_hot or thorough or now >= workspace_due
                if is_slow_look:
                    changes = runs.look(thorough=thorough)
                    if changes != Changes():
                        self._tell(None, changes)
                    workspace_due = time.monotonic() + _WORKSPACE_SECONDS
                    if thorough:
                        thorough_due = time.monotonic() + _THOROUGH_SECONDS
                    if not is_listed:
                        is_listed = True
                        self._tell(None, runs.has_found_any)
                for feed, watch in feeds:
                    if self._is_closed:
                        return
                    if watch.is_over and not is_slow_look:
                        continue
                    if (update := watch.look()) is not None:
                        self._tell(feed, update)
            except Exception:  # a look that fails must not end all further ones
                _log.exception("A look at the workspace failed")
            with self._lock:
                if self._is_closed:
                    return
                if not self._wants_thorough and self._feeds.keys() <= {feed for feed, _ in feeds}:
                    hot = time.monotonic() < self._hot_until
                    self._lock.wait(_HOT_SECONDS if hot else _RUN_SECONDS if self._feeds else _WORKSPACE_SECONDS)
                if self._is_closed:
                    return

    def _tell(self, feed: RunFeed | None, found: Changes | RunUpdate | bool) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._found.append((feed, found))
            wake, self._is_pending = not self._is_pending, True
        if wake:
            self._woken.emit()

    def _deliver(self) -> None:
        with self._lock:
            found, self._found, self._is_pending = self._found, [], False
            feeds = set(self._feeds)
        for feed, news in found:
            if isinstance(news, Changes):
                self.changed.emit(news)
            elif isinstance(news, bool):
                self.listed.emit(news)
            elif feed in feeds:
                feed.updated.emit(news)
