"""What trackers may do to a run: nothing. The trackers here are small and real; they fail as trackers fail."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.messages import POINT
from app.trackers.base import MirroredRun, Tracker
from app.trackers.feed import Feed
from app.trackers.mirrors import Mirrors


class Remembering(Tracker):
    """Keeps every call, as (method, arguments), and when what it logged happened."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: list[tuple[Any, ...]] = []
        self.times: list[float | None] = []

    def start(self, run_id: str, logdir: Path) -> None:
        self.calls.append(("start", run_id, logdir))
        self.reference["place"] = run_id

    def discard(self, run_id: str, logdir: Path, reference: dict[str, Any]) -> None:
        self.calls.append(("discard", run_id, reference))

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        self.calls.append(("metric", name, value, step))
        self.times.append(self.time)

    def log_param(self, name: str, value: Any, step: int | None = None) -> None:
        self.calls.append(("param", name, value))

    def log_tag(self, tag: str) -> None:
        self.calls.append(("tag", tag))

    def flush(self) -> None:
        self.calls.append(("flush",))

    def end(self) -> None:
        self.calls.append(("end", self.state, self.time))

    @property
    def metrics(self) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == "metric"]


class Blocking(Remembering):
    """Does not return from a method until it is let."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.entered, self.released = threading.Event(), threading.Event()
        setattr(self, method, self._block)

    def _block(self, *args: Any) -> None:
        self.entered.set()
        self.released.wait()


class Raising(Remembering):
    """Raises from one method, every time or only the first times."""

    def __init__(self, method: str, error: BaseException, times: int = 1_000_000) -> None:
        super().__init__()
        self._works, self._error, self._times = getattr(self, method), error, times
        setattr(self, method, self._raise)

    def _raise(self, *args: Any) -> None:
        if self._times:
            self._times -= 1
            raise self._error
        self._works(*args)


def mirrors_of(trackers: Mapping[str, Tracker], run: MirroredRun, reports: Any, **options: Any) -> Mirrors:
    entries = [{"type": type_id} for type_id in trackers]
    return Mirrors(entries, run, report=reports, make=lambda entry: trackers[entry["type"]], **options)


def test_a_run_is_mirrored_from_start_to_end_with_the_time_of_each_fact(run: MirroredRun, reports: Any) -> None:
    tracker = Remembering()
    mirrors = mirrors_of({"mine": tracker}, run, reports)
    mirrors.start()
    mirrors.log_params({"units": 64})
    mirrors.log_tags(["first"])
    mirrors.log_points("loss", [(1, 10.5, 0.9), (2, 11.5, 0.8)])
    assert mirrors.end("stopped", 60, 12.0) == []
    assert tracker.calls == [
        ("start", run.execution_id, run.logdir),
        ("param", "units", 64),
        ("tag", "first"),
        ("metric", "loss", 0.9, 1),
        ("metric", "loss", 0.8, 2),
        ("flush",),
        ("end", "stopped", 12.0),
    ]
    assert tracker.times == [10.5, 11.5]
    assert reports.all == [("mine", "started", {"place": run.execution_id})]


def test_metrics_reach_a_tracker_while_the_run_goes_on(run: MirroredRun, reports: Any) -> None:
    tracker = Blocking("flush")
    mirrors = mirrors_of({"mine": tracker}, run, reports)
    mirrors.start()
    mirrors.log_points("loss", [(1, 10.5, 0.9)])
    assert tracker.entered.wait(60)
    assert tracker.metrics == [("loss", 0.9, 1)]
    tracker.released.set()
    assert mirrors.end("finished", 60) == []


def test_an_earlier_mirror_is_discarded_before_the_new_one_starts(run: MirroredRun, reports: Any) -> None:
    tracker = Remembering()
    mirrors = mirrors_of({"mine": tracker}, run, reports)
    mirrors.start(discard={"mine": {"place": "old"}})
    mirrors.end("finished", 60)
    assert [call[0] for call in tracker.calls] == ["discard", "start", "end"]
    assert tracker.calls[0] == ("discard", run.execution_id, {"place": "old"})


@pytest.mark.parametrize(("batch_every", "steps"), [(None, []), (1, [1, 2, 3, 4, 5]), (2, [2, 4])])
def test_per_batch_metrics_are_mirrored_only_as_often_as_asked_for(
    run: MirroredRun, reports: Any, batch_every: int | None, steps: list[int]
) -> None:
    tracker = Remembering()
    mirrors = mirrors_of({"mine": tracker}, run, reports, batch_every=batch_every)
    mirrors.start()
    mirrors.log_points(".batch/loss", [(step, 0.0, 1.0) for step in range(1, 6)])
    mirrors.end("finished", 60)
    assert tracker.metrics == [("batch/loss", 1.0, step) for step in steps]


def test_a_secret_reaches_its_tracker_and_its_placeholder_does_not(run: MirroredRun, reports: Any) -> None:
    seen: list[Mapping[str, Any]] = []

    def make(entry: Mapping[str, Any]) -> Tracker:
        seen.append(entry)
        return Tracker()

    entries = [{"type": "mine", "api_key": "<secret>", "token": "<secret>"}, {"type": "other"}]
    mirrors = Mirrors(entries, run, report=reports, make=make, secrets={"mine.api_key": "sesame"})
    mirrors.start()
    mirrors.end("finished", 60)
    assert sorted(seen, key=str) == [{"type": "mine", "api_key": "sesame"}, {"type": "other"}]


@pytest.mark.parametrize("error", [RuntimeError("disk is\nfull"), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_a_tracker_that_always_raises_is_told_of_once_and_switched_off(
    run: MirroredRun, reports: Any, error: BaseException
) -> None:
    broken, sound = Raising("log_metric", error), Remembering()
    mirrors = mirrors_of({"broken": broken, "sound": sound}, run, reports)
    mirrors.start()
    mirrors.log_points("loss", [(step, 0.0, 1.0) for step in range(1, 101)])
    assert mirrors.end("finished", 60) == []
    assert [message.split(":")[0] for message in reports.warnings] == ["Tracker broken"] * 2
    assert f"log_metric() failed: {type(error).__name__}" in reports.warnings[0]
    assert "switched off, log_metric() failed 3 times in a row" in reports.warnings[1]
    assert broken.calls[-1][0] == "end"
    assert len(sound.metrics) == 100


def test_a_tracker_that_fails_now_and_then_goes_on(run: MirroredRun, reports: Any) -> None:
    tracker = Raising("log_metric", OSError("busy"), times=2)
    mirrors = mirrors_of({"mine": tracker}, run, reports)
    mirrors.start()
    mirrors.log_points("loss", [(step, 0.0, 1.0) for step in range(1, 6)])
    mirrors.end("finished", 60)
    assert reports.warnings == ["Tracker mine: log_metric() failed: OSError: busy"]
    assert [step for _, _, step in tracker.metrics] == [3, 4, 5]


def test_a_tracker_that_cannot_start_is_told_of_and_not_called_again(run: MirroredRun, reports: Any) -> None:
    tracker = Raising("start", PermissionError("read-only"))
    mirrors = mirrors_of({"mine": tracker}, run, reports)
    mirrors.start()
    mirrors.log_points("loss", [(1, 0.0, 1.0)])
    assert mirrors.end("finished", 60) == []
    assert reports.warnings == ["Tracker mine: start() failed: PermissionError: read-only"]
    assert tracker.calls == []


def test_a_tracker_that_cannot_be_made_is_told_of(run: MirroredRun, reports: Any) -> None:
    mirrors = Mirrors([{"type": "mlflow", "store": "postgres"}], run, report=reports)
    mirrors.start()
    assert mirrors.end("finished", 60) == []
    assert reports.warnings == [
        "Tracker mlflow: it cannot be used: ValueError: store is 'postgres', but must be 'files' or 'sqlite'"
    ]


def test_a_tracker_that_hangs_is_told_of_and_left_behind_while_the_others_end(run: MirroredRun, reports: Any) -> None:
    hanging, sound = Blocking("log_metric"), Remembering()
    mirrors = mirrors_of({"hanging": hanging, "sound": sound}, run, reports, stalled_after=0.01)
    mirrors.start()
    mirrors.log_points("loss", [(1, 0.0, 1.0), (2, 0.0, 0.5)])
    reports.wait_for("hanging", "log_metric() has not returned for 0.01 s")
    assert mirrors.end("finished", 2) == ["hanging"]
    assert sound.calls[-1][:2] == ("end", "finished")
    hanging.released.set()
    assert mirrors.end("finished", 60) == []
    assert hanging.calls[-1][:2] == ("end", "finished")


def test_a_slow_tracker_gets_everything_in_the_end(run: MirroredRun, reports: Any) -> None:
    slow = Blocking("start")
    mirrors = mirrors_of({"slow": slow}, run, reports)
    mirrors.start()
    assert slow.entered.wait(60)
    for step in range(1, 1001):
        mirrors.log_points("loss", [(step, 0.0, 1 / step)])
    slow.released.set()
    assert mirrors.end("finished", 60) == []
    assert [step for _, _, step in slow.metrics] == list(range(1, 1001))
    assert reports.warnings == []


def test_a_queue_that_is_full_leaves_out_the_oldest_points_and_says_so(run: MirroredRun, reports: Any) -> None:
    slow = Blocking("start")
    feed = Feed("slow", lambda: slow, run, None, reports, max_points=10)
    feed.start()
    assert slow.entered.wait(60)
    for step in range(1, 101):
        feed.put_points("loss", POINT.pack(step, 0.0, 1.0))
    feed.inspect(stalled_after=3600)
    slow.released.set()
    feed.close("finished", 0.0)
    assert feed.join(60)
    assert [step for _, _, step in slow.metrics] == list(range(91, 101))
    assert reports.warnings == [
        "Tracker slow: it is too slow: more than 10 points waited, the oldest are left out of this mirror"
    ]


class OldStyle(Tracker):
    """As trackers were written for the systems before: no super().__init__(), add_tag, strings for paths, no flush."""

    def __init__(self, **params: Any) -> None:
        self.params = params
        self.seen: list[tuple[Any, ...]] = []

    def start(self, run_name: str, logdir: str) -> None:  # type: ignore[override]
        self.seen.append(("start", run_name, str(logdir)))

    def add_tag(self, tag: str) -> None:
        self.seen.append(("tag", tag))

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        self.seen.append(("metric", name, value, step))

    def end(self) -> None:
        self.seen.append(("end",))


def test_a_tracker_written_for_the_older_systems_works(run: MirroredRun, reports: Any) -> None:
    tracker = OldStyle(server="here")
    mirrors = mirrors_of({"old": tracker}, run, reports)
    mirrors.start(discard={"old": {}})
    mirrors.log_params({"units": 64})
    mirrors.log_tags(["first"])
    mirrors.log_points("loss", [(1, 0.0, 0.5)])
    assert mirrors.end("finished", 60) == []
    assert reports.warnings == []
    assert tracker.seen == [
        ("start", run.execution_id, str(run.logdir)),
        ("tag", "first"),
        ("metric", "loss", 0.5, 1),
        ("end",),
    ]


def test_a_run_without_trackers_ends_at_once(run: MirroredRun, reports: Any) -> None:
    mirrors = Mirrors([], run, report=reports)
    mirrors.start()
    mirrors.log_points("loss", [(1, 0.0, 0.5)])
    assert mirrors.end("finished", 60) == []
