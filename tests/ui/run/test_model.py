"""What is known of a run: stages, epochs, speed, what is to come."""

from __future__ import annotations

import numpy as np
import pytest

from app.messages import BATCH_PREFIX
from app.records.series import POINT_DTYPE, Points
from app.records.status import Status
from app.records.watch import RunUpdate
from app.ui.run.model import RunModel

START = 1000.0
FIT = {"time": START, "kind": "stage_begin", "stage": "fit_model", "epochs": 10, "steps_per_epoch": 50}


def points(*rows: tuple[int, float, float]) -> Points:
    return np.array(list(rows), POINT_DTYPE)


def update(*events: dict[str, object], series: dict[str, Points] | None = None, state: str = "running") -> RunUpdate:
    return RunUpdate(Status(state=state, started=START), None, events, tuple((series or {}).items()))


def taken(*updates: RunUpdate) -> RunModel:
    model = RunModel()
    for each in updates:
        model.take(each)
    return model


def test_a_stage_goes_on_until_it_has_ended() -> None:
    model = taken(update(FIT))
    assert model.stage is model.stages[-1]
    model.take(update({"time": START + 5, "kind": "stage_end", "stage": "fit_model", "elapsed": 4.5}))
    assert (model.stage, model.stages[0].seconds) == (None, 4.5)


def test_a_stage_that_a_crash_cut_short_took_until_the_end() -> None:
    load = {"time": START - 2, "kind": "stage_begin", "stage": "load_data"}
    loaded = {"time": START, "kind": "stage_end", "stage": "load_data", "elapsed": 1.5}
    model = taken(update(load, loaded, FIT))
    assert model.stage_seconds() == {"load_data": 1.5}
    model.take(RunUpdate(Status(state="crashed", started=START, ended=START + 132), None, (), ()))
    assert model.stage_seconds() == {"load_data": 1.5, "fit_model": 132}


def test_steps_within_an_epoch_are_told_by_the_points_per_batch() -> None:
    batches = points((51, START + 5.1, 1.0), (60, START + 6.0, 1.0))
    epoch = {"time": START + 5, "kind": "epoch_end", "epoch": 1, "step": 50}
    model = taken(update(FIT, epoch), update(series={BATCH_PREFIX + "loss": batches}))
    assert (model.epoch, model.epochs, model.step, model.step_in_epoch, model.steps) == (1, 10, 60, 10, 500)
    assert model.speed == pytest.approx(10)
    assert model.eta(START + 6) == pytest.approx(44)
    assert model.eta(START + 8) == pytest.approx(42)


def test_without_steps_the_epochs_tell_what_is_to_come() -> None:
    fit = {"time": START, "kind": "stage_begin", "stage": "fit_model", "epochs": 10}
    epochs = [{"time": START + 3 * epoch, "kind": "epoch_end", "epoch": epoch} for epoch in (1, 2)]
    model = taken(update(fit, *epochs))
    assert model.eta(START + 6) == pytest.approx(24)
    assert model.eta(START + 7) == pytest.approx(23)


def test_nothing_is_to_come_of_a_run_that_is_over() -> None:
    assert taken(update(FIT, state="stopped")).eta() is None


def test_the_best_value_is_the_lowest_of_a_loss_and_the_highest_of_an_accuracy() -> None:
    rows = points((1, START, 0.5), (2, START, 0.25), (3, START, float("nan")))
    model = taken(update(series={"loss": rows, "accuracy": rows}))
    assert model.metrics["loss"].best == (0.25, 2)
    assert model.metrics["accuracy"].best == (0.5, 1)


def test_metrics_stand_with_the_loss_first_and_tests_beside_what_they_test() -> None:
    names = ["accuracy", "test_loss", "val_accuracy", "val_loss", "loss", "test_auc"]
    model = taken(update(series={name: points((1, START, 0.5)) for name in names}))
    shown = [metric.name for metric in model.shown_metrics()]
    assert shown == ["loss", "val_loss", "accuracy", "val_accuracy", "test_auc"]
    assert model.test_value("loss") == 0.5
    assert model.test_value("val_loss") is None


def test_a_second_attempt_begins_anew() -> None:
    model = taken(update(FIT, {"time": START, "kind": "attempt", "pid": 1}))
    assert (model.stages, model.epochs) == ([], 0)


def test_events_that_are_none_do_no_harm() -> None:
    odd = [
        {"time": START, "kind": "epoch_end", "epoch": "two"},
        {"time": START, "kind": "stage_end", "stage": "unknown"},
        {"time": START, "kind": "checkpoint"},
        {"time": START, "kind": "stage_begin", "stage": "fit_model", "epochs": -1, "steps_per_epoch": True},
    ]
    model = taken(update(*odd))
    assert (model.epoch, model.epochs, model.steps_per_epoch, model.checkpoints) == (0, 0, 0, [])
