"""One config of one's own table through the command line: what the older systems' users have in theirs, all at once."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import skops.io

from app.config.params import params
from app.records.events import read_events
from app.records.files import read_json
from app.records.layout import ExecutionFolder
from app.records.log import parse_entries
from app.records.metrics import ELAPSED_KEYS, read_metrics
from app.records.sources.tensorboard import TensorBoardSource
from app.records.status import read_status
from tests.cli.test_commands import trackside
from tests.running import log_of

ROWS = 90
CONFIG = """
{
  // everything that a config of 2019 may have, and some of what came later
  "experiment": {"name": "Three kinds", "description": "where // is text", "tags": ["table", "first"]},
  "model": {
    "description": "two layers",
    "network": [
      {"type": "Dense", "units": 6, "activation": "relu", "kernel_regularizer": {"type": "l2", "l2": 0.001}},
      {"type": "dense", "activation": "softmax"} // as many as there are classes
    ],
    "compilation": {"optimizer": {"type": "adam", "learning_rate": 0.05}, "loss": "sparse_categorical_crossentropy",
                    "metrics": ["acc"], "class_names": ["blue", "green", "red"]}
  },
  "dataset": {"name": "csv", "parameters": {"path": "kinds.csv", "target": "kind"}, "seed": 7,
              "transformers": [{"type": "standard_scaler"}, {"type": "standard_scaler", "with_mean": false}]},
  "training": {
    "samples": {"fit": 60, "test": 0.3}, // a count and a fraction
    "validation_split": 0.25, "batch_size": 8, "epochs": 6, "initial_epoch": 2,
    "class_weight": {"red": 2.0, "0": 0.5},
    "callbacks": [
      {"type": "base_logger"}, {"type": "history"}, {"type": "progbar_logger"}, {"type": "terminate_on_nan"},
      {"type": "csv_logger"}, {"type": "tensorboard"}, {"type": "backup_and_restore", "delete_checkpoint": false},
      {"type": "early_stopping", "monitor": "val_loss", "patience": 50},
      {"type": "reduce_learning", "monitor": "val_loss", "factor": 0.5, "patience": 1, "min_delta": 1000},
      {"type": "model_checkpoint", "filepath": "weights.{epoch:02d}-{val_loss:.2f}.h5", "period": 2}
    ]
  },
  "session": {"device": "cpu", "options": {"num_cores": 2}},
  "tracking": {"params": {"rig": "third"}, "trackers": [{"type": "tensorboard"}]}
}
"""


def write_table(path: Path) -> None:
    """Write a table whose three kinds lie apart."""
    rng = np.random.default_rng(0)
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["width", "height", "kind"])
        for number in range(ROWS):
            kind = number % 3
            rows.writerow([*np.round(rng.normal(3 * kind, 0.5, 2), 4), ("red", "green", "blue")[kind]])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checklist")
    write_table(folder / "kinds.csv")
    (folder / "kinds.json").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def network(workspace: Path) -> ExecutionFolder:
    return trained(workspace)


@pytest.fixture(scope="module")
def forest(workspace: Path) -> ExecutionFolder:
    """The same config with another line or two."""
    return trained(
        workspace,
        "model.name=random_forest_classifier",
        'model.hyperparameters={"n_estimators": 12}',
        'training.cross_validation={"cv": 3}',
    )


def trained(workspace: Path, *overrides: str) -> ExecutionFolder:
    given = [each for override in overrides for each in ("--set", override)]
    done = trackside("train", workspace / "kinds.json", "--workspace", workspace, *given)
    assert done.returncode == 0, done.stderr
    return ExecutionFolder(Path(done.stdout.splitlines()[-1]))


def entries_of(folder: ExecutionFolder) -> list[tuple[str, str]]:
    return [(entry.component, entry.message) for entry in parse_entries(log_of(folder).splitlines())]


def test_it_is_finished_and_learnt_and_its_metrics_are_lists_by_epoch(network: ExecutionFolder) -> None:
    assert read_status(network.status).state == "finished"
    metrics = read_metrics(network.metrics)
    assert set(metrics) == {f"{part}{name}" for part in ("", "val_", "test_") for name in ("loss", "accuracy")}
    assert metrics["loss"][:2] == [None, None]  # the epochs that count as done
    assert len(metrics["val_loss"]) == 6
    assert len(metrics["test_loss"]) == 1
    assert metrics["test_accuracy"][0] > 0.9  # type: ignore[operator]
    elapsed = read_json(network.metrics)["elapsed"]
    assert set(ELAPSED_KEYS) < set(elapsed)
    assert set(read_json(network.metrics)["platform"]) > {"cpu", "gpu", "python_version", "node"}


def test_rows_are_split_by_count_by_fraction_and_for_validation(network: ExecutionFolder) -> None:
    log = entries_of(network)
    assert ("Trainer", "Fitting model with 45 samples ...") in log
    assert ("Trainer", "Evaluating model with 27 samples") in log
    begun = next(each for each in read_events(network.events) if each.get("stage") == "fit_model")
    assert (begun["epochs"], begun["steps_per_epoch"]) == (6, 6)


def test_every_callback_left_its_mark_in_its_own_folder(network: ExecutionFolder) -> None:
    metrics = read_metrics(network.metrics)
    folder = network.callbacks
    saved = sorted(path.name for path in (folder / "model_checkpoint").iterdir())
    assert saved == [f"weights.{epoch:02d}-{metrics['val_loss'][epoch - 1]:.2f}.h5" for epoch in (4, 6)]
    with open(folder / "csv_logger" / "training.csv", newline="") as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == pytest.approx(metrics["loss"][2:])
    points = TensorBoardSource(folder / "tensorboard" / "logs").series("train", "epoch_loss")
    assert points["value"].tolist() == pytest.approx(metrics["loss"][2:], rel=1e-6)
    assert list((folder / "backup_and_restore").rglob("*.weights.h5"))
    rates = [each["value"] for each in read_events(network.events) if each["kind"] == "learning_rate"]
    assert rates[-1] < rates[0]
    assert sum("there is nothing to do" in message for _, message in entries_of(network)) == 3


def test_model_and_pipeline_open_again_and_classify_as_they_did(network: ExecutionFolder, workspace: Path) -> None:
    model = keras.models.load_model(network.model)
    assert model.compiled
    steps = sorted((network.path / "pipeline").glob("*.skops"))
    assert [path.name for path in steps] == ["0-standard_scaler.skops", "1-standard_scaler.skops"]
    rows: Any = np.loadtxt(workspace / "kinds.csv", delimiter=",", skiprows=1, usecols=(0, 1))
    for path in steps:
        rows = skops.io.load(path, trusted=[]).transform(rows)
    found = model.predict(rows.astype(np.float32), verbose=0).argmax(axis=1)
    assert (found == np.array([2, 1, 0] * (ROWS // 3))).mean() > 0.9


def test_the_config_is_kept_with_its_params_and_no_comments(network: ExecutionFolder) -> None:
    kept = json.loads(network.document.read_text())
    assert kept["experiment"]["description"] == "where // is text"
    found = params(read_json(network.resolved))
    assert found["rig"] == "third"
    assert found["model.description"] == "two layers"
    assert found["training.class_weight.red"] == 2.0
    assert found["session.options.num_cores"] == 2
    assert found["model.compilation.optimizer"] == "adam"


def test_show_sums_up_every_metric(network: ExecutionFolder, workspace: Path) -> None:
    shown = json.loads(trackside("show", network.path, "--json", "--workspace", workspace).stdout)
    losses = [value for value in read_metrics(network.metrics)["loss"] if value is not None]
    summary = shown["metrics"]["loss"]
    assert (summary["min"], summary["max"], summary["last"]) == (min(losses), max(losses), losses[-1])


def test_a_forest_is_the_same_config_with_one_line(forest: ExecutionFolder) -> None:
    metrics = read_metrics(forest.metrics)
    assert len(metrics["cv_accuracy"]) == 3
    assert min(metrics["cv_accuracy"]) > 0.9  # type: ignore[type-var]
    assert metrics["test_accuracy"][0] > 0.9  # type: ignore[operator]
    assert params(read_json(forest.resolved))["model.hyperparameters.n_estimators"] == 12
    log = [message for _, message in entries_of(forest)]
    unused = "model.network, model.compilation, training.initial_epoch, training.callbacks"
    assert f"random_forest_classifier makes no use of {unused}" in log
    path = forest.path / "model.skops"
    assert len(skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path)).estimators_) == 12
