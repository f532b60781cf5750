"""One training, with Trackside and without: each from its start to its end, with nothing else going on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import psutil

from app.config.loading import LoadedConfig, load
from app.jobs.scheduling import stop, submit
from app.jobs.spare import Spare
from app.messages import BATCH_PREFIX
from app.records.events import Event, read_events
from app.records.layout import ExecutionFolder, Workspace
from app.records.log import read_tail
from app.records.metrics import read_elapsed, read_metrics
from app.records.series import read_series, series_files
from app.records.status import read_status
from app.resources import resource

TRACKERS = ("tensorboard", "mlflow", "comet_ml")

_BARE = Path(__file__).with_name("bare.py")
_WARM_SECONDS = 180.0
_REST_SECONDS = 60.0
#: Looked at often until it runs, for the figure of that; then seldom, to take nothing from the training.
_LOOK_SECONDS = 0.02
_SELDOM_SECONDS = 0.5


def example(*overrides: str) -> LoadedConfig:
    """Return the example config with a seed, all trackers and no callbacks, changed further by ``path=value``."""
    trackers = json.dumps([{"type": name} for name in TRACKERS])
    ours = ["dataset.seed=0", "training.callbacks=[]", f"tracking.trackers={trackers}"]
    return load(resource("experiments", "boston_housing.json"), [*ours, *overrides])


@dataclass(frozen=True)
class BareRun:
    """What bare Keras did: ``seconds`` of ``model.fit``; ``started`` and the times after it are UTC seconds."""

    started: float
    set_out: float
    first_step: float | None
    seconds: float
    steps: int
    losses: list[float]


def train_bare(mode: str, config: LoadedConfig) -> BareRun:
    """Train with bare Keras in a fresh process; ``mode`` is ``fit`` or ``start``, see ``bare.py``."""
    parameters = config.document["dataset"].get("parameters", {})
    data = parameters.get("path") or str(resource("datasets", "boston_housing.csv"))
    started = time.time()
    process = subprocess.run(
        [sys.executable, "-P", str(_BARE), mode, data],
        input=json.dumps(config.document),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise RuntimeError(f"bare Keras failed:\n{process.stderr[-4000:]}")
    return BareRun(started, **json.loads(process.stdout.splitlines()[-1]))


@dataclass
class OurRun:
    """A run of ours that is over and closed; times are UTC seconds.

    ``running`` is when status.json said so, ``gone`` when the keeper had left, all mirrors closed. ``cpu`` holds the
    CPU seconds that the keeper had used at some moments.
    """

    folder: ExecutionFolder
    submitted: float
    running: float = 0.0
    gone: float = 0.0
    cpu: list[tuple[float, float]] = field(default_factory=list)

    @cached_property
    def events(self) -> list[Event]:
        return read_events(self.folder.events)

    def when(self, kind: str, stage: str | None = None) -> float:
        return next(event["time"] for event in self.events if event["kind"] == kind and event.get("stage") == stage)

    @property
    def seconds(self) -> float:
        """How long ``model.fit`` took."""
        return read_elapsed(self.folder.metrics)["fit_model"]

    @property
    def losses(self) -> list[float | None]:
        return read_metrics(self.folder.metrics)["loss"]

    @cached_property
    def step_times(self) -> list[float]:
        """When each step was done, as the per-batch series says."""
        points = read_series(series_files(self.folder.series)[BATCH_PREFIX + "loss"])
        return [float(when) for when in points["time"]]


@contextmanager
def warm_spare() -> Iterator[Spare]:
    """Yield a spare that is warm and idle, and let it go."""
    spare = Spare()
    try:
        if not spare.wait(_WARM_SECONDS):
            raise RuntimeError(f"the spare did not get warm: {spare.problem or 'it takes too long'}")
        _rest()
        yield spare
    finally:
        spare.close()


def train(config: LoadedConfig, workspace: Workspace, spare: Spare | None = None) -> OurRun:
    """Train with Trackside and wait until it is over and its mirrors are closed."""
    submitted = time.time()
    run = OurRun(submit(config, workspace, spare=spare), submitted)
    try:
        _wait(run)
    except BaseException:
        with suppress(Exception):
            stop(workspace, run.folder, at_once=True)
            _wait(run)
        raise
    status = read_status(run.folder.status)
    mirrors = {event.get("tracker") for event in run.events if event["kind"] == "tracker"}
    if status.state != "finished" or mirrors != set(TRACKERS) or not run.running:
        log = "\n".join(read_tail(run.folder.log, 20))
        raise RuntimeError(f"the run is {status.state}, mirrored by {sorted(map(str, mirrors))}:\n{log}")
    for event in run.events:
        if event["kind"] == "warning":
            print(f"NOTE: the run warns: {event.get('message')}", flush=True)
    return run


def _wait(run: OurRun) -> None:
    while True:
        status = read_status(run.folder.status)
        if status.state == "running" and not run.running:
            run.running = run.folder.status.stat().st_mtime
        if status.keeper is not None:
            with suppress(psutil.Error):
                times = psutil.Process(status.keeper.pid).cpu_times()
                run.cpu.append((time.time(), times.user + times.system))
            if status.is_over and not status.keeper.is_alive():
                run.gone = time.time()
                return
        elif status.is_over:
            return
        time.sleep(_SELDOM_SECONDS if status.state == "running" else _LOOK_SECONDS)


def _rest() -> None:
    """Wait until the processes below this one have nothing more to do."""
    deadline = time.monotonic() + _REST_SECONDS
    before = -1.0
    while (now := _cpu_seconds()) > before + 0.01:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the spare is still busy {_REST_SECONDS:g} s after it said that it is ready")
        before = now
        time.sleep(1.0)


def _cpu_seconds() -> float:
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total
