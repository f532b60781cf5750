"""Follows open runs of other programs from a thread of its own: a store that answers slowly holds up nothing else."""

from __future__ import annotations

import logging
import threading

from PySide6.QtCore import QObject, Qt, Signal

from app.records.layout import Workspace
from app.records.record_watch import RecordWatch, in_portions
from app.records.sources.base import RecordUpdate, RunAddress, Source

_log = logging.getLogger(__name__)

#: How often each run is looked at (seconds).
_LOOK_SECONDS = 0.5
#: How long the window waits for the thread to end; one that hangs in a dead network drive is left to itself (seconds).
_END_SECONDS = 1.0


class RecordFeed(QObject):
    """What is new of one run; the first updates hold everything. Delete it (``deleteLater``) to stop following."""

    updated = Signal(RecordUpdate)


class RecordFollower(QObject):
    """The thread that looks, and its voice in the window's thread.

    What was found comes in portions, each when the window has done with the one before.
    """

    _told = Signal(object, object)

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._state = threading.Condition()
        self._feeds: dict[RecordFeed, RecordWatch] = {}
        self._is_taken = True
        self._is_closed = False
        self._told.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._work, name="record follower", daemon=True)

    def close(self) -> None:
        """End the thread; nothing is told any more."""
        with self._state:
            self._is_closed = True
            self._state.notify()
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)

    def follow(self, address: RunAddress, parent: QObject) -> RecordFeed:
        """Return what tells of one run from now on, until it is deleted; ``parent`` owns it."""
        feed = RecordFeed(parent)
        watch = RecordWatch(lambda: self._open_source(address), address.key)
        with self._state:
            self._feeds[feed] = watch
            self._state.notify()
        feed.destroyed.connect(lambda: self._forget(feed))
        if self._thread.ident is None:
            self._thread.start()
        return feed

    def _open_source(self, address: RunAddress) -> Source:
        # Imported by the thread: the readers of all programs take long, and a window starts without them.
        from app.records.library import open_source

        return open_source(address.source, self._workspace)

    def _forget(self, feed: RecordFeed) -> None:
        with self._state:
            self._feeds.pop(feed, None)

    def _work(self) -> None:
        while True:
            with self._state:
                feeds = list(self._feeds.items())
            for feed, watch in feeds:
                try:
                    update = watch.look()
                except Exception:  # a look that fails must not end all further ones
                    _log.exception("A look at a run failed")
                    continue
                if update:
                    for portion in in_portions(update):
                        self._tell(feed, portion)
                if self._is_closed:
                    return
            with self._state:
                if not self._is_closed and self._feeds.keys() <= {feed for feed, _ in feeds}:
                    self._state.wait(_LOOK_SECONDS if self._feeds else None)
                if self._is_closed:
                    return

    def _tell(self, feed: RecordFeed, update: RecordUpdate) -> None:
        """Hand something over and wait until it is taken."""
        with self._state:
            if self._is_closed or feed not in self._feeds:
                return
            self._is_taken = False
            self._told.emit(feed, update)
            self._state.wait_for(lambda: self._is_taken or self._is_closed)

    def _deliver(self, feed: RecordFeed, update: RecordUpdate) -> None:
        with self._state:
            is_wanted = feed in self._feeds and not self._is_closed
        try:
            if is_wanted:
                feed.updated.emit(update)
        finally:
            with self._state:
                self._is_taken = True
                self._state.notify()
