"""A run to mirror, what its mirrors report, and a way to mirror it from start to end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.trackers.base import Tracker
from app.trackers.mirrors import MirroredRun, Mirrors

STARTED = 1_554_700_591.0


class Reports:
    """Collects what mirrors report, from whatever thread."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, dict[str, Any]]] = []
        self._changed = threading.Condition()

    def __call__(self, type_id: str, message: str, data: dict[str, Any]) -> None:
        with self._changed:
            self.all.append((type_id, message, data))
            self._changed.notify_all()

    def wait_for(self, type_id: str, text: str) -> str:
        """Return the first message of a tracker that contains a text, once there is one."""

        def found() -> list[str]:
            return [message for reporter, message, _ in self.all if reporter == type_id and text in message]

        with self._changed:
            assert self._changed.wait_for(found, timeout=60), f"no {text!r} of {type_id} among {self.all}"
            return found()[0]

    @property
    def warnings(self) -> list[str]:
        return [message for _, message, _ in self.all if message != "started"]

    def reference(self, type_id: str) -> dict[str, Any]:
        """Return what a tracker said that its mirror is found by."""
        found = [data for reporter, message, data in self.all if reporter == type_id and message == "started"]
        assert found, self.all
        return found[-1]


@dataclass
class Mirroring:
    """Mirrors a run as the host does."""

    run: MirroredRun
    reports: Reports

    def __call__(
        self,
        entry: Mapping[str, Any],
        *,
        state: str = "finished",
        params: Mapping[str, Any] | None = None,
        tags: Iterable[str] = (),
        metrics: Mapping[str, Sequence[float]] | None = None,
        assets: Mapping[str, Path] | None = None,
        images: Mapping[str, Path] | None = None,
        discard: dict[str, Any] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Mirror a run to its end; its epoch n ends n seconds after its start. Return the reference."""
        mirrors = Mirrors([entry], self.run, report=self.reports, **options)
        mirrors.start(None if discard is None else {entry["type"]: discard})
        mirrors.log_params(params or {})
        mirrors.log_tags(tags)
        for name, values in (metrics or {}).items():
            mirrors.log_points(name, [(step, STARTED + step, value) for step, value in enumerate(values, 1)])
        for name, path in (assets or {}).items():
            mirrors.log_asset(name, path)
        for name, path in (images or {}).items():
            mirrors.log_image(name, path)
        assert mirrors.end(state, 120, STARTED + 100) == []
        return self.reports.reference(entry["type"])


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def run(tmp_path: Path) -> MirroredRun:
    return MirroredRun(
        execution_id="06-16-31__08-04-2019",
        uuid="5d1c4cb6-2a3c-4b1e-9a5e-0c35b7a1f1aa",
        experiment="Boston Housing",
        logdir=tmp_path / "trackings",
        scratch=tmp_path / "run" / ".keeper",
        source_name="boston.json",
        started=STARTED,
    )


@pytest.fixture
def mirror(run: MirroredRun, reports: Reports) -> Mirroring:
    return Mirroring(run, reports)


@pytest.fixture
def attach(run: MirroredRun) -> Callable[[Tracker], Tracker]:
    """Give a tracker what its host gives it, for tests that call it directly."""

    def attached(tracker: Tracker) -> Tracker:
        tracker.run, tracker.time, tracker.reference = run, STARTED, {}
        return tracker

    return attached


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    from PIL import Image

    path = tmp_path / "picture.png"
    Image.new("RGB", (4, 3), "teal").save(path)
    return path
