"""Whatever dies, the run is told truly and nothing of it is lost."""

from __future__ import annotations

import os
import random
import signal
import time

import numpy as np
import psutil
import pytest

from app.jobs.settling import settle_dead_runs
from app.records.events import read_events
from app.records.layout import Workspace
from app.records.live import LiveRun
from app.records.metrics import read_metrics
from app.records.runs import read_run
from app.records.series import read_series, series_files
from app.records.status import read_status
from tests.running import (
    Spares,
    endless,
    example,
    mlflow_client,
    start,
    wait_for_end,
    wait_for_epoch,
    wait_for_mirrors,
    wait_until,
)

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")

#: Moments to kill at, from the start to well into fitting: the first of a fixed row, all of it in ``make soak``.
_RANDOM = random.Random(20)
KILLS = int(os.environ.get("TRACKSIDE_TEST_KILLS", "4"))
MOMENTS = [round(_RANDOM.uniform(0.0, 4.0), 3) for _ in range(20)][:KILLS]


def mlflow_states(run: LiveRun) -> list[str]:
    try:
        mirrors = mlflow_client(run).search_runs(["0"])
    except Exception:  # the client meets files that are just being removed, to be written anew, and has no name for it
        return []
    assert all(mirror.info.run_name == run.folder.execution_id for mirror in mirrors)
    return [mirror.info.status for mirror in mirrors]


def mirrored_epochs(run: LiveRun, metric: str) -> list[int]:
    client = mlflow_client(run)
    (mirror,) = client.search_runs(["0"])
    return sorted(point.step for point in client.get_metric_history(mirror.info.run_id, metric))


def assert_steps_are_whole(run: LiveRun) -> None:
    """Every series is readable and has no gap and no double."""
    for name, path in series_files(run.folder.series).items():
        steps = read_series(path)["step"]
        if not name.startswith("test_"):
            assert steps.tolist() == list(range(1, len(steps) + 1)), name
        np.load(path, mmap_mode="r")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_that_is_killed_ends_the_run_as_crashed(spares: Spares, workspace: Workspace, moment: float) -> None:
    document = endless(tracking__trackers=[{"type": "mlflow"}])
    document["training"]["callbacks"] = [{"type": "model_checkpoint", "filepath": "w.{epoch}.h5", "period": 5}]
    run = start(document, workspace, spares.take())
    worker = wait_until(lambda: read_status(run.folder.status).worker, "the worker")
    time.sleep(moment)  # the moment is the point of this test
    epochs_seen = len(read_series(p)) if (p := run.folder.series / "loss.npy").exists() else 0
    os.kill(worker.pid, signal.SIGKILL)
    killed = time.time()
    wait_for_end(run)
    assert read_status(run.folder.status).state == "crashed"
    assert time.time() - killed < 2.0
    assert run.status.message is not None
    assert run.status.message.splitlines()[0] == "the worker was ended by signal 9 (SIGKILL)"
    assert " - INFO - " not in run.status.message
    assert read_events(run.folder.events)[-1]["state"] == "crashed"
    assert_steps_are_whole(run)
    if epochs_seen:
        assert len(read_series(run.folder.series / "loss.npy")) >= epochs_seen
        read_metrics(run.folder.metrics)
    wait_for_mirrors(run)
    assert mlflow_states(run) == ["FAILED"]
    if epochs_seen:
        recorded = read_series(run.folder.series / "loss.npy")["step"].tolist()
        assert mirrored_epochs(run, "loss") == recorded


def test_a_keeper_that_is_killed_stops_no_training_and_loses_nothing(spares: Spares, workspace: Workspace) -> None:
    document = example(training__epochs=150, training__callbacks=[])
    document["tracking"]["trackers"].append({"type": "comet_ml"})
    run = start(document, workspace, spares.take())
    wait_for_epoch(run, 10)
    first = run.status.keeper
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: read_status(run.folder.status).keeper != first, "another keeper")
    wait_for_mirrors(run)
    assert (run.status.state, run.epoch) == ("finished", 150)
    assert_steps_are_whole(run)
    assert mlflow_states(run) == ["FINISHED"]
    assert mirrored_epochs(run, "loss") == list(range(1, 151))
    assert len(list((run.folder.trackings / "tensorboard" / run.folder.execution_id).iterdir())) == 1
    assert len(list((run.folder.trackings / "comet").glob("*.zip"))) == 1


def test_a_run_can_still_be_stopped_after_its_keeper_was_killed(spares: Spares, workspace: Workspace) -> None:
    from app.jobs.scheduling import stop

    run = start(endless(tracking__trackers=[]), workspace, spares.take())
    wait_for_epoch(run, 3)
    assert run.status.keeper is not None
    os.kill(run.status.keeper.pid, signal.SIGKILL)
    assert stop(workspace, run.folder)
    wait_for_end(run)
    assert run.status.state == "stopped"
    assert run.folder.model.exists()


def test_a_run_whose_keeper_and_worker_are_killed_is_shown_as_crashed_and_closed(
    spares: Spares, workspace: Workspace
) -> None:
    run = start(endless(), workspace, spares.take())
    wait_for_epoch(run, 5)
    keeper, worker = run.status.keeper, run.status.worker
    assert keeper is not None
    assert worker is not None
    # Stopped first, so that the worker has no time to find another keeper.
    os.kill(worker.pid, signal.SIGSTOP)
    os.kill(keeper.pid, signal.SIGKILL)
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: not worker.is_alive() and not keeper.is_alive(), "both to be gone")
    assert read_status(run.folder.status).state == "running"
    shown = read_run(run.folder, workspace)
    assert shown.state == "crashed"
    settle_dead_runs([shown])
    wait_until(lambda: read_status(run.folder.status).state == "crashed", "the state to be written")
    # What the keeper had begun is removed first, so for a moment there is none.
    wait_until(lambda: mlflow_states(run) == ["FAILED"], "the mirror to be closed")
    assert_steps_are_whole(run)


def test_a_worker_that_hangs_is_terminated_when_it_is_stopped_at_once(spares: Spares, workspace: Workspace) -> None:
    from app.jobs.scheduling import stop

    run = start(endless(tracking__trackers=[]), workspace, spares.take())
    wait_for_epoch(run, 2)
    assert run.status.worker is not None
    psutil.Process(run.status.worker.pid).suspend()  # hears neither the wish nor SIGTERM
    assert stop(workspace, run.folder, at_once=True)
    wait_for_end(run)
    assert (run.status.state, run.status.reason) == ("stopped", "user")
    assert "SIGKILL" in str(run.status.message) or "SIGTERM" in str(run.status.message)
    assert_steps_are_whole(run)
