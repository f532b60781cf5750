"""Feeds the trackers of one run from its folder: the mirrors say what the record says, whoever wrote it and when."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Mapping
from typing import Any

from app.config.components import is_users_own
from app.config.params import params
from app.records.events import read_events
from app.records.files import RecordError, read_json
from app.records.layout import ExecutionFolder
from app.records.status import Status
from app.records.tail import SeriesTail
from app.trackers.base import Tracker
from app.trackers.mirrors import MirroredRun, Mirrors
from app.trackers.registry import make_own_tracker, make_tracker

#: How often new points go to the trackers (seconds), and how long closing them may take in all.
FEED_SECONDS = 1.0
END_SECONDS = 30.0

Report = Callable[[str, str, dict[str, Any]], None]


class Mirroring:
    """The trackers of one run. Nothing here raises, and nothing waits for a tracker but :meth:`end`, which has a limit.

    Args:
        folder: the execution; its config.resolved.json names the trackers.
        status: its id and start.
        report: called from trackers' threads: type, "started" or a warning, data.
        secrets: options that no config holds, by ``<tracker type>.<option>``.
        anew: an earlier keeper began these mirrors; what it wrote is removed and written again from the record.
    """

    def __init__(
        self,
        folder: ExecutionFolder,
        status: Status,
        report: Report,
        *,
        secrets: Mapping[str, str] | None = None,
        anew: bool = False,
    ) -> None:
        self._folder = folder
        try:
            config = read_json(folder.resolved)
            tracking, self._params = config["tracking"], params(config)
            entries, tags = tracking["trackers"], config["experiment"]["tags"] | tracking["tags"]
        except (RecordError, KeyError, TypeError, AttributeError) as error:
            report("trackers", f"no mirrors are written: {error}", {})
            tracking, entries, tags, self._params = {}, [], {}, {}
        self._batch_every = tracking.get("batch_every")
        self._with_params = tracking.get("log_model_params", True)
        self._with_metrics = tracking.get("log_model_metrics", True)
        self._tags = [f"{name}={text}" if text else name for name, text in tags.items()]
        self._entries = entries
        self._discard = _earlier_mirrors(folder, entries) if anew else None
        self._tail = SeriesTail(folder, batches=bool(self._batch_every))
        run = MirroredRun(
            execution_id=folder.execution_id,
            uuid=status.id,
            experiment=folder.experiment,
            logdir=folder.trackings,
            scratch=folder.scratch,
            source_name="trackside",
            started=status.started or status.submitted or 0.0,
        )
        root = folder.experiment_folder.parent.parent

        def make(entry: Mapping[str, Any]) -> Tracker:
            return make_own_tracker(entry, run, root) if is_users_own(entry["type"]) else make_tracker(entry)

        self._mirrors = Mirrors(entries, run, report=report, batch_every=self._batch_every, secrets=secrets, make=make)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._feed_regularly, name="mirroring", daemon=True)

    def start(self) -> None:
        """Start the trackers and feed them from now on."""
        if self._entries:
            # It is there as long as the mirrors are not closed, which tells whoever comes after a keeper's death.
            with contextlib.suppress(OSError):
                self._folder.scratch.mkdir(exist_ok=True)
        self._mirrors.start(self._discard)
        if self._with_params:
            self._mirrors.log_params(self._params)
        self._mirrors.log_tags(self._tags)
        self._thread.start()

    def end(self, state: str, ended: float | None) -> list[str]:
        """Feed what is left, close the mirrors as the run ended; return the trackers that did not end in time."""
        self._stopping.set()
        self._thread.join(END_SECONDS)
        late = self._mirrors.end(state, END_SECONDS, ended)
        shutil.rmtree(self._folder.scratch, ignore_errors=True)
        return late

    def _feed_regularly(self) -> None:
        while not self._stopping.wait(FEED_SECONDS):
            self._feed()
        self._feed()

    def _feed(self) -> None:
        if self._with_metrics:
            for metric, points in self._tail.new_points():
                self._mirrors.log_points(metric, points)


def _earlier_mirrors(folder: ExecutionFolder, entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what was noted of earlier mirrors of this run, by tracker type; {} for one that nothing was noted of."""
    found: dict[str, dict[str, Any]] = {entry["type"]: {} for entry in entries}
    for event in read_events(folder.events):
        if event["kind"] == "tracker" and event.get("tracker") in found and isinstance(event.get("reference"), dict):
            found[event["tracker"]] = event["reference"]
    return found
