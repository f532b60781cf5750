"""Each callback that a config can name, by what it does to a training or leaves behind."""

from __future__ import annotations

import csv
import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import keras
import numpy as np
import pytest

from app.engine.building import build_model
from app.engine.callbacks import Recording
from app.engine.configured_callbacks import make_callbacks
from app.engine.ending import StopSwitch, TrainingError
from tests.engine.conftest import Record, entry, model_config

ROWS, BATCH = 20, 5


def fit(
    record: Record, *callbacks: dict[str, Any], epochs: int = 3, y: Any = None, optimizer: Any = "sgd"
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train a layer of one value; return the model and what Keras remembers of every epoch."""
    model = build_model(model_config({"type": "dense", "units": 1}, optimizer=optimizer), (2,))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 2)).astype(np.float32)
    targets = X.sum(axis=1) if y is None else y
    entries = [entry("callback", **each) for each in callbacks]
    made = make_callbacks(entries, record.folder.callbacks, record.recorder)
    watch = Recording(record.recorder, StopSwitch(), ROWS, BATCH)
    history = model.fit(
        X, targets, batch_size=BATCH, epochs=epochs, validation_data=(X, targets), callbacks=[watch, *made], verbose=0
    )
    return model, history.history


def test_csv_logger_writes_a_row_an_epoch_into_its_folder(record: Record) -> None:
    _, history = fit(record, {"type": "csv_logger", "separator": ";"})
    with open(record.folder.callbacks / "csv_logger" / "training.csv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert [float(row["loss"]) for row in rows] == pytest.approx(history["loss"])


def test_terminate_on_nan_ends_the_training(record: Record) -> None:
    _, history = fit(record, {"type": "terminate_on_nan"}, y=np.full(ROWS, np.nan, np.float32))
    assert len(history["loss"]) == 1


def test_early_stopping_ends_the_training_and_says_why(record: Record) -> None:
    still = {"type": "sgd", "learning_rate": 0.0}
    _, history = fit(record, {"type": "early_stopping", "patience": 1}, epochs=9, optimizer=still)
    assert len(history["loss"]) == 2
    assert "Early stopping after epoch 2" in record.log


def test_reduce_learning_makes_the_rate_smaller_once_nothing_improves(record: Record) -> None:
    stuck = {"type": "reduce_learning", "patience": 1, "factor": 0.5, "min_delta": 1000.0}
    model, _ = fit(record, stuck, epochs=4, optimizer={"type": "sgd", "learning_rate": 0.01})
    assert float(model.optimizer.learning_rate) < 0.01


def test_model_checkpoint_keeps_a_file_for_every_epoch(record: Record) -> None:
    fit(record, {"type": "model_checkpoint", "filepath": "{epoch}.weights.h5", "save_weights_only": True})
    folder = record.folder.callbacks / "model_checkpoint"
    assert sorted(path.name for path in folder.iterdir()) == [f"{epoch}.weights.h5" for epoch in (1, 2, 3)]


def test_learning_rate_scheduler_takes_a_named_schedule_by_epoch(record: Record) -> None:
    schedule = {"type": "exponential_decay", "initial_learning_rate": 0.1, "decay_steps": 1, "decay_rate": 0.5}
    _, history = fit(record, {"type": "learning_rate_scheduler", "schedule": schedule})
    assert history["learning_rate"] == pytest.approx([0.1, 0.05, 0.025])


def test_swap_ema_weights_leaves_the_averaged_weights_in_the_model(record: Record) -> None:
    averaging = {"type": "sgd", "learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.9}
    plain, _ = fit(record, optimizer=averaging)
    swapped, _ = fit(record, {"type": "swap_ema_weights", "swap_on_epoch": True}, optimizer=averaging)
    assert not np.allclose(plain.get_weights()[0], swapped.get_weights()[0])


def test_backup_and_restore_keeps_its_backup_in_its_folder(record: Record) -> None:
    fit(record, {"type": "backup_and_restore", "delete_checkpoint": False})
    assert list((record.folder.callbacks / "backup_and_restore").rglob("*.weights.h5"))
    assert "no other run goes on from this one's own folder" in record.log


def test_a_second_run_goes_on_from_the_backup_of_the_first(records: Callable[[str], Record], tmp_path: Path) -> None:
    backup = {"type": "backup_and_restore", "backup_dir": str(tmp_path / "backups")}
    fit(records("first"), {**backup, "delete_checkpoint": False}, epochs=1)
    second = records("second")
    _, history = fit(second, backup, epochs=3)
    assert len(history["loss"]) == 2
    assert second.series("loss")["step"].tolist() == [2, 3]
    assert "Going on after epoch 1, from the backup in " in second.log
    assert list((tmp_path / "backups").iterdir()) == []  # at the end it is deleted, and nothing beside it


def test_a_backup_that_is_damaged_is_named(record: Record, tmp_path: Path) -> None:
    (tmp_path / "backup_and_restore").mkdir()
    (tmp_path / "backup_and_restore" / "training_metadata.json").write_text("{")
    with pytest.raises(TrainingError, match=r"^training\.callbacks\.0\.backup_dir: the backup in .* cannot be gone on"):
        fit(record, {"type": "backup_and_restore", "backup_dir": str(tmp_path)})


@pytest.mark.parametrize("type_", ["base_logger", "history", "progbar_logger"])
def test_what_became_a_part_of_keras_or_of_us_is_accepted_and_said(record: Record, type_: str) -> None:
    fit(record, {"type": type_}, epochs=1)
    assert f"training.callbacks.0 ({type_}): there is nothing to do, " in record.log


class _Ear(BaseHTTPRequestHandler):
    heard: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_json = self.headers["Content-Type"].startswith("application/json")
        self.heard.append(json.loads(body if is_json else parse_qs(body)["data"][0]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def ear() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    handler = type("Ear", (_Ear,), {"heard": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler.heard
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("as_json", [True, False])
def test_remote_monitor_sends_every_epoch(record: Record, ear: tuple[str, list[dict[str, Any]]], as_json: bool) -> None:
    root, heard = ear
    _, history = fit(record, {"type": "remote_monitor", "root": root, "send_as_json": as_json})
    assert [each["epoch"] for each in heard] == [0, 1, 2]
    assert [each["loss"] for each in heard] == pytest.approx(history["loss"])


def test_a_remote_monitor_that_nobody_answers_is_said_once_and_costs_nothing(record: Record) -> None:
    _, history = fit(record, {"type": "remote_monitor", "root": "http://127.0.0.1:1"})
    assert len(history["loss"]) == 3
    assert record.log.count("cannot be reached") == 1


@pytest.mark.parametrize(("type_", "library"), [("remote_monitor", "requests"), ("tensorboard", "tensorflow")])
def test_a_callback_whose_library_is_missing_is_named_before_the_first_epoch(
    record: Record, monkeypatch: pytest.MonkeyPatch, type_: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(TrainingError, match=rf"(?i)^training\.callbacks\.0 \({type_}\): .*{library}"):
        make_callbacks([entry("callback", type_)], record.folder.callbacks, record.recorder)


@pytest.mark.parametrize("type_", ["csv_logger", "tensorboard"])
def test_no_callback_writes_out_of_the_runs_folder(record: Record, tmp_path: Path, type_: str) -> None:
    name = {"csv_logger": "filename", "tensorboard": "log_dir"}[type_]
    with pytest.raises(TrainingError, match=rf"^training\.callbacks\.0 \({type_}\): {name} .* leads out of"):
        fit(record, {"type": type_, name: str(tmp_path / "elsewhere")})
