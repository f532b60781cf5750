"""Whole trainings in this process: their stages, their results, and the ways in which they end."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import skops.io

from app.engine.datasets import load_dataset
from app.engine.ending import StopRequested, StopSwitch, TrainingError
from app.engine.trainer import Outcome, Trainer
from app.records.events import read_events
from tests.engine.conftest import Record, config_of, document


def train(record: Record, stop: StopSwitch | None = None, **changes: Any) -> Outcome:
    """Train the small config of the diabetes data, with changes."""
    config = config_of(document(**changes))
    cache = record.folder.path.parent / "cache"
    return Trainer(config, record.folder, cache, record.recorder, stop or StopSwitch()).run()


@contextmanager
def at_log_entry(text: str, do: Callable[[], None]) -> Iterator[None]:
    """Do something on the training thread when it writes an entry that begins with a text."""

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith(text):
                do()

    ear = Ear()
    trainer = logging.getLogger("trackside.Trainer")
    trainer.addHandler(ear)
    try:
        yield
    finally:
        trainer.removeHandler(ear)


def test_a_training_leaves_model_pipeline_metrics_and_the_time_of_every_stage(record: Record) -> None:
    assert train(record) == Outcome("finished")
    names = ["loss", "val_loss", "mean_absolute_error", "val_mean_absolute_error"]
    assert sorted(record.metrics) == sorted([*names, "test_loss", "test_mean_absolute_error"])
    assert [len(record.metrics[name]) for name in names] == [2, 2, 2, 2]
    assert record.series("test_loss")["step"].tolist() == [2]  # after the second epoch
    stages = {
        "load_data", "split_data", "transform_preprocessors", "fit_transformers", "transform_transformers",
        "build_model", "fit_model", "evaluate_model", "save_model",
    }  # fmt: skip
    assert record.elapsed.keys() == stages
    assert all(seconds > 0 for seconds in record.elapsed.values())
    assert record.events("stage_begin")[0]["stage"] == "build_model"
    assert {event["stage"] for event in record.events("stage_end")} == stages

    model = keras.models.load_model(record.folder.model)
    scaler = skops.io.load(record.folder.pipeline / "0-standard_scaler.skops", trusted=[])
    samples = load_dataset("diabetes", {}, record.folder.path.parent / "cache")
    test = np.random.RandomState(0).permutation(442)[221 + 110 :][:110]
    values = model.evaluate(scaler.transform(samples.X[test]), samples.y[test], verbose=0, return_dict=True)
    assert [values["loss"]] == [pytest.approx(record.metrics["test_loss"][0], rel=1e-5)]
    assert sorted(path.name for path in record.folder.path.glob("*.h5")) == ["model.h5"]


def test_the_log_tells_the_stages_in_their_order(record: Record) -> None:
    train(record, training__samples={"fit": 0.6, "val": 0.2, "test": 0.2})
    messages = [line.split(" - ", 4)[4] for line in record.log.splitlines() if " - INFO - " in line]
    assert messages == [
        "Building Keras model from network specification",
        "Compiling Keras model",
        f"Running experiment: {record.folder.execution_id} ...",
        f"Saving training results to {record.folder.path}",
        "Loading dataset: diabetes ...",
        "Reading dataset ...",
        "Saving dataset to cache ...",
        "Splitting dataset -> Fit: 0.6 | Test: 0.2 | Val: 0.2 ...",
        "Applying 0 preprocessors ...",
        "Applying 1 transformers ...",
        "Fitting model with 265 samples ...",
        "Logging train metrics",
        "Evaluating model with 88 samples",
        "Logging test metrics",
        "Saving model",
    ]
    assert "DEBUG - Trainer - Loading data took 0." in record.log


#: Layers that draw random numbers, and an order of rows that does.
RANDOM = {
    "model__network": [
        {"type": "gaussian_noise", "stddev": 0.5},
        {"type": "dense", "units": 8, "activation": "relu"},
        {"type": "dropout", "rate": 0.5},
        {"type": "dense", "units": 1},
    ]
}


def test_the_same_seed_gives_the_same_metrics_and_another_seed_others(records: Callable[[str], Record]) -> None:
    made = []
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        record = records(name)
        train(record, dataset__seed=seed, **RANDOM)
        made.append((record.metrics, record.series(".batch/loss")["value"].tolist()))
    first, again, other = made
    assert again == first
    assert other[0]["loss"] != first[0]["loss"]


def test_another_process_with_the_same_seed_has_the_same_metrics(record: Record) -> None:
    """The process sets itself up as a worker does."""
    train(record, **RANDOM)
    script = """
import json, sys
from pathlib import Path
from app.config.models import SessionConfig
from app.engine.session import apply_session, choose_backend, import_backend
choose_backend(SessionConfig())
import_backend()
from app.config.models import SessionConfig
apply_session(SessionConfig(device="cpu"))
from tests.engine.conftest import Record
from tests.engine.test_trainer import RANDOM, train
record = Record(Path(sys.argv[1]))
train(record, **RANDOM)
record.close()
"""
    other = record.folder.path.parent / "other process"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", script, str(other)], check=True, cwd=root, env=environment)
    assert json.loads((other / "metrics.json").read_text())["metrics"] == record.metrics


def test_a_wrong_input_shape_fails_before_any_data_is_loaded(record: Record) -> None:
    layers = [{"type": "conv1d", "filters": 2, "kernel_size": 3}, {"type": "dense", "units": 1}]
    with pytest.raises(TrainingError, match=r"^model\.network\.0 \(conv1d\): does not fit"):
        train(record, model__network=layers)
    assert "Loading dataset" not in record.log
    assert record.elapsed["load_data"] == 0


def test_without_an_input_shape_the_model_is_built_for_the_transformed_samples(record: Record) -> None:
    assert train(record, model__input_shape=None) == Outcome("finished")
    stages = [event["stage"] for event in record.events("stage_begin")]
    assert stages.index("transform_transformers") < stages.index("build_model") < stages.index("fit_model")
    assert keras.models.load_model(record.folder.model).input_shape == (None, 10)


@pytest.mark.parametrize(
    ("dataset", "units", "activation", "loss", "least"),
    [
        ("iris", 3, "softmax", "sparse_categorical_crossentropy", 0.85),
        ("breast_cancer", 1, "sigmoid", "binary_crossentropy", 0.9),
        ("digits", 10, "softmax", "sparse_categorical_crossentropy", 0.9),
    ],
)
def test_classes_are_learnt(record: Record, dataset: str, units: int, activation: str, loss: str, least: float) -> None:
    train(
        record,
        dataset__name=dataset,
        model__input_shape=None,
        model__network=[
            {"type": "dense", "units": 32, "activation": "relu"},
            {"type": "dense", "units": units, "activation": activation},
        ],
        model__compilation={
            "optimizer": {"type": "adam", "learning_rate": 0.01},
            "loss": loss,
            "metrics": ["accuracy"],
        },
        training__samples={"fit": 0.6, "test": 0.4},
        training__batch_size=32,
        training__epochs=12,
    )
    (accuracy,) = record.metrics["test_accuracy"]
    assert accuracy is not None
    assert accuracy >= least


def test_early_stopping_is_the_reason_of_a_training_that_it_ended(record: Record) -> None:
    stop = {"type": "early_stopping", "monitor": "loss", "min_delta": 1e12, "patience": 1}
    outcome = train(record, training__callbacks=[stop], training__epochs=50)
    assert (outcome.state, outcome.reason) == ("finished", "early_stopping")
    assert outcome.message is not None
    assert outcome.message.startswith("Early stopping after epoch 2: loss has not improved")
    assert len(record.metrics["loss"]) == 2
    assert record.folder.model.exists()
    assert record.series("test_loss")["step"].tolist() == [2]


def test_a_loss_that_explodes_is_recorded_and_the_json_stays_valid(record: Record) -> None:
    optimizer = {"type": "sgd", "learning_rate": 1e30}
    assert train(record, model__compilation__optimizer=optimizer).state == "finished"
    record.close()
    metrics = json.loads(record.folder.metrics.read_text(), parse_constant=pytest.fail)["metrics"]
    assert metrics["test_loss"] == ["NaN"]
    assert "not finite: " in record.log


def test_targets_that_do_not_fit_are_refused_before_the_first_batch(record: Record) -> None:
    with pytest.raises(TrainingError, match=r"^model\.network\.0 \(dense\): gives a value for 2 classes"):
        train(
            record,
            dataset__name="iris",
            model__input_shape=[4],
            model__network=[{"type": "dense", "units": 2}],
            model__compilation={"optimizer": "adam", "loss": "sparse_categorical_crossentropy"},
        )
    assert record.elapsed["fit_model"] == 0


def test_what_only_tensorflow_notices_is_told_in_one_line_and_whole_in_the_log(record: Record) -> None:
    layers = [
        {"type": "embedding", "input_dim": 2, "output_dim": 1, "name": "words"},
        {"type": "flatten"},
        {"type": "dense", "units": 1},
    ]
    with pytest.raises(TrainingError, match=r"^fit_model: indices\[.* is not in \[0, 2\) \(at .*/words") as caught:
        train(record, dataset__name="iris", dataset__transformers=[], model__input_shape=[4], model__network=layers)
    assert "\n" not in str(caught.value)
    assert "DEBUG - Trainer - fit_model failed\nTraceback" in record.log


@pytest.mark.parametrize(
    ("stage", "training"),
    [
        ("evaluate_model", {"samples": {"fit": 0.75, "test": 0.25}, "batch_size": 5, "epochs": 1}),
        ("fit_model", {"samples": {"fit": 1.0}, "batch_size": 10, "steps_per_epoch": 1, "epochs": 2}),
    ],
)
def test_a_model_that_was_fitted_is_saved_also_when_what_follows_fails(
    record: Record, stage: str, training: dict[str, Any]
) -> None:
    """The last rows, which are tested on or come in the second epoch, have a class that there is no embedding for."""
    cache = record.folder.path.parent / "cache"
    cache.mkdir()
    X = np.zeros((20, 4), np.float32)
    X[15:] = 9
    with h5py.File(cache / "Iris.h5", "w") as file:
        file["X"], file["y"] = X, np.zeros(20, np.float32)
    with pytest.raises(TrainingError, match=rf"^{stage}: indices\["):
        train(
            record,
            dataset={"name": "iris"},
            model__input_shape=[4],
            model__network=[
                {"type": "embedding", "input_dim": 2, "output_dim": 1},
                {"type": "flatten"},
                {"type": "dense", "units": 1},
            ],
            training={**training, "shuffle": False},
        )
    assert keras.models.load_model(record.folder.model).compiled


def test_a_model_that_cannot_be_saved_says_where(record: Record) -> None:
    record.folder.model.mkdir()
    with pytest.raises(TrainingError, match=f"^the model could not be saved to {record.folder.model}: "):
        train(record)
    assert [path.name for path in record.folder.path.glob(".*")] == []


def test_a_stop_before_there_is_a_model_worth_saving_ends_at_once(record: Record) -> None:
    stop = StopSwitch()
    with at_log_entry("Loading dataset", lambda: stop.request("c", "a test")), pytest.raises(StopRequested):
        train(record, stop)
    assert record.elapsed["load_data"] > 0
    assert record.elapsed["fit_model"] == 0
    assert not record.folder.model.exists()


def test_a_stop_while_fitting_ends_in_a_saved_model(record: Record) -> None:
    stop = StopSwitch()
    granted: list[int] = []
    stop.on_granted = granted.append

    def ask_after_an_epoch() -> None:
        while not any(event["kind"] == "epoch_end" for event in read_events(record.folder.events)):
            time.sleep(0.01)
        stop.request("c", "somebody")

    asking = threading.Thread(target=ask_after_an_epoch)
    asking.start()
    outcome = train(record, stop, training__epochs=1_000_000)
    asking.join()
    assert outcome == Outcome("stopped", "user", "stopped by somebody")
    assert len(granted) == 1
    assert record.series(".batch/loss")["step"].tolist() == list(range(1, granted[0] + 1))
    assert "test_loss" not in record.metrics
    assert record.elapsed["fit_model"] > 0
    assert keras.models.load_model(record.folder.model).compiled


def test_a_stop_while_evaluating_ends_in_a_saved_model(record: Record) -> None:
    stop = StopSwitch()
    granted: list[int] = []
    stop.on_granted = granted.append
    with at_log_entry("Evaluating model", lambda: stop.request("c", "somebody")):
        outcome = train(record, stop)
    assert outcome == Outcome("stopped", "user", "stopped by somebody")
    assert granted == [8]  # two epochs of 221 samples in batches of 64
    assert "test_loss" not in record.metrics
    assert len(record.metrics["loss"]) == 2
    assert record.folder.model.exists()
