"""Trackers that fail, secrets in a config, disks that refuse: what a run does about them."""

from __future__ import annotations

import os

import pytest

from app.config.loading import from_document
from app.config.secrets import REDACTED
from app.jobs.scheduling import submit
from app.records.files import read_json
from app.records.layout import Workspace
from app.records.runs import read_runs
from tests.running import (
    Spares,
    endless,
    example,
    files_below,
    log_of,
    mlflow_client,
    start,
    wait_for_end,
    wait_for_epoch,
    wait_for_mirrors,
)

SECRET = "k3y-that-nobody-must-see-0123456789"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_tracker_that_hangs_costs_the_run_nothing_but_a_warning(spares: Spares, workspace: Workspace) -> None:
    trackings = workspace.trainings / "boston_housing" / "trackings"
    (trackings / "mlruns" / "0").mkdir(parents=True)
    os.mkfifo(trackings / "mlruns" / "0" / "meta.yaml")  # whoever opens it to read waits for ever
    run = start(example(training__epochs=3), workspace, spares.take())
    wait_for_end(run)
    assert (run.status.state, run.epoch) == ("finished", 3)
    assert read_json(run.folder.metrics)["elapsed"]["fit_model"] < 60
    wait_for_mirrors(run, seconds=90)
    assert "mlflow did not close in time" in log_of(run.folder)
    assert (run.folder.trackings / "tensorboard" / run.folder.execution_id).exists()


def test_a_tracker_that_raises_costs_the_run_nothing_but_a_warning(spares: Spares, workspace: Workspace) -> None:
    trackings = workspace.trainings / "boston_housing" / "trackings"
    trackings.mkdir(parents=True)
    (trackings / "tensorboard").write_text("a file where a folder should be")
    run = wait_for_mirrors(start(example(training__epochs=3), workspace, spares.take()))
    assert (run.status.state, run.epoch) == ("finished", 3)
    assert "WARNING - Trackers - tensorboard" in log_of(run.folder)
    (mirror,) = mlflow_client(run).search_runs(["0"])
    assert mirror.info.status == "FINISHED"


def test_a_comet_key_in_a_config_is_nowhere_in_the_record(spares: Spares, workspace: Workspace) -> None:
    document = example(training__epochs=1, tracking__trackers=[{"type": "comet_ml", "api_key": SECRET}])
    loaded = from_document(document, {"overrides": [f"tracking.trackers.0.api_key={SECRET}"]})
    command = ["trackside", "train", "--set", f"tracking.trackers.0.api_key={SECRET}"]
    folder = submit(loaded, workspace, command=command, spare=spares.take())
    from app.records.live import LiveRun

    wait_for_mirrors(LiveRun(folder))
    assert read_json(folder.document)["tracking"]["trackers"][0]["api_key"] == REDACTED
    for path in files_below(workspace.root):
        assert SECRET.encode() not in path.read_bytes(), path


def test_a_workspace_that_cannot_be_written_is_left_as_it_was(workspace: Workspace) -> None:
    workspace.root.mkdir()
    (workspace.root / "trainings").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="trainings"):
        submit(from_document(example()), workspace)
    assert [path.name for path in workspace.root.iterdir()] == ["trainings"]


def test_metrics_that_are_not_finite_are_recorded(spares: Spares, workspace: Workspace) -> None:
    document = example(training__epochs=2, training__callbacks=[], tracking__trackers=[{"type": "mlflow"}])
    document["model"]["compilation"]["optimizer"] = {"type": "sgd", "learning_rate": 1e30}
    run = wait_for_mirrors(start(document, workspace, spares.take()))
    assert run.status.state == "finished"
    metrics = read_json(run.folder.metrics)["metrics"]
    assert metrics["loss"][-1] in ("NaN", "Infinity")
    assert "not finite" in log_of(run.folder)
    (listed,) = read_runs(workspace)
    assert listed.problems == ()


def test_foreign_and_broken_folders_do_not_keep_runs_from_being_listed(workspace: Workspace) -> None:
    executions = workspace.trainings / "other" / "executions"
    (executions / "empty").mkdir(parents=True)
    (executions / "foreign").mkdir()
    (executions / "foreign" / "notes.txt").write_text("not a run")
    broken = executions / "broken"
    broken.mkdir()
    (broken / "status.json").write_text("{")
    old = executions / "06-16-31__08-04-2019"
    old.mkdir()
    (old / "metrics.json").write_text('{"elapsed": {}, "metrics": {"loss": [3.0, 2.0]}}')
    runs = {run.execution_id: run for run in read_runs(workspace)}
    assert set(runs) == {"broken", "06-16-31__08-04-2019"}
    assert "status.json" in runs["broken"].problems[0]
    assert runs["06-16-31__08-04-2019"].state == "finished"
    assert runs["06-16-31__08-04-2019"].metrics["loss"].last == 2.0


def test_a_full_disk_is_said_and_what_was_written_stays_readable(spares: Spares, workspace: Workspace) -> None:
    from app.jobs.scheduling import stop
    from app.records.series import read_series

    run = start(endless(tracking__trackers=[]), workspace, spares.take())
    wait_for_epoch(run, 3)
    # /dev/full takes nothing, as a disk without space does; the events are put there while the run goes on.
    events = run.folder.events.read_bytes()
    run.folder.events.unlink()
    run.folder.events.symlink_to("/dev/full")
    from tests.running import wait_until

    wait_until(lambda: "No space left on device" in log_of(run.folder), "the warning")
    run.folder.events.unlink()
    run.folder.events.write_bytes(events)
    wait_until(lambda: "can be written again" in log_of(run.folder), "the recovery")
    stop(workspace, run.folder)
    wait_for_end(run)
    assert run.status.state == "stopped"
    steps = read_series(run.folder.series / "loss.npy")["step"].tolist()
    assert steps == list(range(1, len(steps) + 1))
    assert run.epoch == len(steps)
