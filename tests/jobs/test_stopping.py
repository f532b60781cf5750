"""Stopping, in every stage of a run and before it begins."""

from __future__ import annotations

import json
import uuid

from app.jobs.queue import Queue
from app.jobs.scheduling import stop
from app.records.events import read_events
from app.records.files import read_json, replace_file
from app.records.layout import Workspace
from app.records.runs import read_run
from app.records.status import read_status
from tests.running import (
    Spares,
    endless,
    example,
    log_of,
    mlflow_client,
    start,
    wait_for_end,
    wait_for_epoch,
    wait_for_mirrors,
)


def test_a_run_that_is_stopped_while_fitting_is_saved(spares: Spares, workspace: Workspace) -> None:
    run = start(endless(), workspace, spares.take())
    wait_for_epoch(run, 3)
    assert stop(workspace, run.folder)
    wait_for_mirrors(run)
    assert (run.status.state, run.status.reason) == ("stopped", "user")
    import keras

    assert keras.models.load_model(run.folder.model).optimizer is not None
    metrics = read_json(run.folder.metrics)["metrics"]
    assert len(metrics["loss"]) >= 3
    assert "test_loss" not in metrics
    events = {event["kind"]: event for event in read_events(run.folder.events)}
    assert events["answer"]["command"] == events["command"]["id"]
    assert events["answer"]["step"] > 0
    assert list(run.folder.commands.iterdir()) == []
    (mirror,) = mlflow_client(run).search_runs(["0"])
    assert mirror.info.status == "KILLED"
    assert not stop(workspace, run.folder)


def test_a_run_that_is_stopped_before_its_worker_is_ready_ends_at_once(workspace: Workspace) -> None:
    run = start(example(tracking__trackers=[]), workspace)
    stop(workspace, run.folder)
    wait_for_end(run)
    assert run.status.state == "stopped"
    assert "signal" not in str(run.status.message)
    assert not run.folder.model.exists()
    assert read_events(run.folder.events)[-1]["state"] == "stopped"


def test_queued_runs_start_in_order_when_nobody_looks_and_can_be_cancelled(
    spares: Spares, workspace: Workspace
) -> None:
    first = start(endless(tracking__trackers=[]), workspace, spares.take())
    second = start(example(training__epochs=1, tracking__trackers=[]), workspace)
    third = start(example(training__epochs=2, tracking__trackers=[]), workspace)
    assert [folder.path for folder in Queue(workspace).waiting()] == [second.folder.path, third.folder.path]
    assert read_status(second.folder.status).state == "queued"
    assert stop(workspace, second.folder)
    assert read_run(second.folder, workspace).state == "stopped"
    assert Queue(workspace).waiting() == [third.folder]
    wait_for_epoch(first, 2)
    assert read_status(third.folder.status).state == "queued"
    stop(workspace, first.folder)
    wait_for_end(first)
    wait_for_end(third)
    assert (third.status.state, third.epoch) == ("finished", 2)
    assert not second.folder.model.exists()


def test_a_command_that_is_not_understood_is_answered_with_a_warning(spares: Spares, workspace: Workspace) -> None:
    run = start(endless(tracking__trackers=[]), workspace, spares.take())
    wait_for_epoch(run, 1)
    replace_file(run.folder.commands / f"{uuid.uuid4()}.json", json.dumps({"command": "fly"}).encode())
    replace_file(run.folder.commands / f"{uuid.uuid4()}.json", b"{ no json")
    stop(workspace, run.folder)
    wait_for_end(run)
    assert "unknown command 'fly'; valid is 'stop'" in log_of(run.folder)
    assert "not valid JSON" in log_of(run.folder)
    assert run.status.state == "stopped"
