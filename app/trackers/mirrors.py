"""All mirrors of one run: fed live, in batches, each in a thread of its own, none able to harm the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from app.config.secrets import REDACTED
from app.messages import BATCH_PREFIX, POINT
from app.trackers.base import MirroredRun, Tracker
from app.trackers.feed import Feed, Report
from app.trackers.registry import make_tracker

__all__ = ["MirroredRun", "Mirrors"]


class Mirrors:
    """The trackers of a run. Its methods append to queues and return; the trackers work in their own threads.

    ``report(tracker type, message, data)`` is called from these threads: once with the message ``started`` and what the
    run is found by there, and with warnings, whose data are ``method`` and ``reason``. It must not raise.

    Per-batch metrics go to the trackers at every ``batch_every``-th step, as ``batch/<metric>``, and not at all without
    it. ``secrets`` are options that no config holds, by ``<tracker type>.<option>``. ``make`` makes the tracker of an
    entry, in that tracker's thread. A call that lasts longer than ``stalled_after`` seconds is reported as hanging.
    """

    def __init__(
        self,
        entries: Sequence[Mapping[str, Any]],
        run: MirroredRun,
        *,
        report: Report,
        batch_every: int | None = None,
        secrets: Mapping[str, str] | None = None,
        make: Callable[[Mapping[str, Any]], Tracker] = make_tracker,
        stalled_after: float = 30.0,
    ) -> None:
        self._entries = [_with_secrets(entry, secrets or {}) for entry in entries]
        self._run = run
        self._report = report
        self._batch_every = batch_every
        self._make = make
        self._stalled_after = stalled_after
        self._feeds: list[Feed] = []
        self._ended = threading.Event()

    def start(self, discard: Mapping[str, dict[str, Any]] | None = None) -> None:
        """Start the trackers and return at once.

        ``discard`` holds, by tracker type, the reference of an earlier mirror of this run that is to be removed first;
        an empty one where there may be a mirror that nothing is known of.
        """
        for entry in self._entries:
            type_id = entry["type"]
            earlier = (discard or {}).get(type_id)
            self._feeds.append(Feed(type_id, partial(self._make, entry), self._run, earlier, self._report))
        for feed in self._feeds:
            feed.start()
        if self._feeds:
            threading.Thread(target=self._watch, name="tracker watch", daemon=True).start()

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log params by name."""
        for name, value in params.items():
            self._put("log_param", name, value)

    def log_tags(self, tags: Iterable[str]) -> None:
        """Tag the run."""
        for tag in tags:
            self._put("log_tag", tag)

    def log_points(self, metric: str, points: Iterable[tuple[int, float, float]]) -> None:
        """Log points of a metric: step, time (UTC seconds), value."""
        if metric.startswith(BATCH_PREFIX):
            every = self._batch_every
            if not every:
                return
            metric = f"batch/{metric.removeprefix(BATCH_PREFIX)}"
            points = (point for point in points if point[0] % every == 0)
        rows = b"".join(POINT.pack(*point) for point in points)
        if rows:
            for feed in self._feeds:
                feed.put_points(metric, rows)

    def log_asset(self, name: str, file_path: str | Path) -> None:
        """Copy a file into the mirrors, as it is when their turn comes."""
        self._put("log_asset", name, file_path)

    def log_image(self, name: str, file_path: str | Path) -> None:
        """Copy an image into the mirrors, as it is when their turn comes."""
        self._put("log_image", name, file_path)

    def end(self, state: str, timeout: float, ended: float | None = None) -> list[str]:
        """Close all mirrors at once and return the types of those that did not end within ``timeout`` seconds.

        ``state`` is finished, stopped, failed or crashed; ``ended`` is when, in UTC seconds: now, if it is not given.
        A tracker that has not ended is left behind in its thread, which does not keep the process alive.
        """
        deadline = time.monotonic() + timeout
        for feed in self._feeds:
            feed.close(state, time.time() if ended is None else ended)
        late = [feed.type_id for feed in self._feeds if not feed.join(max(0.0, deadline - time.monotonic()))]
        self._ended.set()
        for feed in self._feeds:
            feed.inspect(self._stalled_after)
        return late

    def _put(self, method: str, *args: Any) -> None:
        for feed in self._feeds:
            feed.put_fact(method, *args)

    def _watch(self) -> None:
        while not self._ended.wait(min(1.0, self._stalled_after / 2)):
            for feed in self._feeds:
                feed.inspect(self._stalled_after)


def _with_secrets(entry: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    options = {name: value for name, value in entry.items() if value != REDACTED}
    prefix = f"{entry['type']}."
    return options | {name.removeprefix(prefix): text for name, text in secrets.items() if name.startswith(prefix)}
