"""What the recorder hears of a training, beside what Keras computes when it is asked directly."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from app.engine.building import build_model
from app.engine.callbacks import Recording
from app.engine.configured_callbacks import make_callbacks
from app.engine.ending import StopRequested, StopSwitch, TrainingError
from tests.engine.conftest import Record, entry, model_config

SAMPLES, BATCH = 50, 16  # the last of four batches has two samples
DENSE = {"type": "dense", "units": 1, "activation": "sigmoid", "kernel_initializer": "ones"}


def data() -> tuple[Any, Any]:
    generator = np.random.default_rng(1)
    return generator.normal(size=(SAMPLES, 3)).astype(np.float32), generator.integers(0, 2, SAMPLES)


def fit(
    record: Record,
    *,
    epochs: int = 1,
    rate: float = 0.0,
    metrics: list[str | dict[str, Any]] | None = None,
    callbacks: list[dict[str, Any]] | None = None,
    stop: StopSwitch | None = None,
    y: Any = None,
    units: int = 1,
) -> tuple[keras.Model, keras.callbacks.History]:
    """Train a model of one layer; with a rate of 0 its weights stay, so that every batch can be computed again."""
    config = model_config(
        DENSE | {"units": units}, optimizer={"type": "sgd", "learning_rate": rate}, metrics=metrics or []
    )
    model = build_model(config, (3,))
    entries = [
        entry("callback", each["type"], **{k: v for k, v in each.items() if k != "type"}) for each in callbacks or []
    ]
    watch = Recording(record.recorder, stop or StopSwitch(), SAMPLES, BATCH)
    X, targets = data()
    targets = targets if y is None else y
    history = model.fit(
        X,
        targets,
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        validation_data=(X[:10], targets[:10]),
        callbacks=[watch, *make_callbacks(entries, record.folder.callbacks, record.recorder)],
        verbose=0,
    )
    return model, history


def batches() -> list[slice]:
    return [slice(begin, begin + BATCH) for begin in range(0, SAMPLES, BATCH)]


def test_a_batch_has_its_own_loss_and_metrics_also_the_last_smaller_one(record: Record) -> None:
    model, _ = fit(record, epochs=2, metrics=["mae"])
    X, y = data()
    own = [model.evaluate(X[part], y[part], batch_size=BATCH, verbose=0) for part in batches()] * 2
    for name, expected in zip(("loss", "mean_absolute_error"), np.transpose(own), strict=True):
        series = record.series(f".batch/{name}")
        assert series["step"].tolist() == list(range(1, 9))
        np.testing.assert_allclose(series["value"], expected, rtol=1e-5)
        assert not record.is_running(f".batch/{name}")


@pytest.mark.parametrize("metric", ["auc", "root_mean_squared_error", "precision"])
def test_a_metric_that_is_no_mean_keeps_its_running_value_and_is_marked(record: Record, metric: str) -> None:
    model, history = fit(record, metrics=[metric, "mae"])
    X, y = data()
    running = [
        model.evaluate(X[: part.stop], y[: part.stop], batch_size=BATCH, verbose=0, return_dict=True)[metric]
        for part in batches()
    ]
    np.testing.assert_allclose(record.series(f".batch/{metric}")["value"], running, rtol=1e-5)
    assert record.is_running(f".batch/{metric}")
    assert not record.is_running(".batch/mean_absolute_error")
    assert not record.is_running(metric)
    assert record.metrics[metric] == history.history[metric]


def test_a_metric_with_a_value_for_every_class_is_a_series_for_each(record: Record) -> None:
    y = np.eye(2, dtype=np.float32)[data()[1]]
    _, history = fit(record, metrics=["f1_score"], y=y, units=2)
    for index in range(2):
        assert record.metrics[f"f1_score/{index}"] == [pytest.approx(float(history.history["f1_score"][0][index]))]
        assert len(record.series(f".batch/f1_score/{index}")) == 4
        assert record.is_running(f".batch/f1_score/{index}")
    assert {"val_f1_score/0", "val_f1_score/1"} <= record.metrics.keys()


def test_epochs_are_recorded_as_keras_reports_them_with_the_step_they_ended_at(record: Record) -> None:
    _, history = fit(record, epochs=3, rate=0.1, metrics=["mae"])
    assert record.metrics == history.history
    assert record.series("val_loss")["step"].tolist() == [1, 2, 3]
    assert [(event["epoch"], event["step"]) for event in record.events("epoch_end")] == [(1, 4), (2, 8), (3, 12)]


def test_a_number_that_is_none_goes_through_and_is_warned_of(record: Record) -> None:
    y = np.full(SAMPLES, 0.5)
    y[BATCH] = np.nan  # the second batch
    fit(record, y=y)
    values = record.series(".batch/loss")["value"]
    assert np.isfinite(values[0])
    assert np.isnan(values[1:]).all()
    assert np.isnan(record.series("loss")["value"]).all()
    assert "Epoch 1: not finite: loss" in record.log


def test_a_new_learning_rate_is_an_event_and_a_line_of_the_log(record: Record) -> None:
    reduce = {"type": "reduce_learning", "monitor": "loss", "factor": 0.1, "patience": 1, "min_delta": 1e9}
    model, _ = fit(record, epochs=4, rate=0.01, callbacks=[reduce])
    events = [(event["epoch"], event["step"], event["value"]) for event in record.events("learning_rate")]
    rate = pytest.approx
    assert events == [(1, 0, rate(1e-2)), (3, 8, rate(1e-3)), (4, 12, rate(1e-4))]
    assert float(model.optimizer.learning_rate) == rate(1e-5)
    assert "Learning rate is now 0.001 (it was 0.01)" in record.log


def test_early_stopping_says_why(record: Record) -> None:
    stop = {"type": "early_stopping", "monitor": "val_loss", "patience": 2}
    _, history = fit(record, epochs=50, callbacks=[stop])
    assert len(history.history["loss"]) == 3  # nothing changes at a rate of 0
    best = history.history["val_loss"][0]
    why = f"Early stopping after epoch 3: val_loss has not improved (best {best:.6g} in epoch 1)"
    assert f"- INFO - Trainer - {why}\n" in record.log
    assert [(event["message"], event["epoch"]) for event in record.events("note")] == [(why, 3)]


def test_checkpoints_come_every_period_with_their_names_and_open_compiled(record: Record) -> None:
    checkpoint = {"type": "model_checkpoint", "filepath": "w.{epoch:02d}-{val_loss:.2f}.h5", "period": 2}
    model, history = fit(record, epochs=5, rate=0.1, callbacks=[checkpoint])
    losses = history.history["val_loss"]
    names = [f"model_checkpoint/w.{epoch:02d}-{losses[epoch - 1]:.2f}.h5" for epoch in (2, 4)]
    assert [(event["path"], event["epoch"]) for event in record.events("checkpoint")] == [(names[0], 2), (names[1], 4)]
    assert (
        sorted(str(path.relative_to(record.folder.callbacks)) for path in record.folder.callbacks.rglob("*.h5"))
        == names
    )
    assert f"- INFO - Trainer - Saved checkpoint {names[1]}" in record.log
    opened = keras.models.load_model(record.folder.callbacks / names[1])
    assert opened.compiled
    assert not np.array_equal(opened.layers[0].kernel, model.layers[0].kernel)  # epoch 5 came after it


@pytest.mark.parametrize("filepath", ["best.h5", "sub/best.keras", "best.weights.h5"])
def test_only_the_best_is_kept_where_that_is_asked_for(record: Record, filepath: str) -> None:
    checkpoint = {
        "type": "model_checkpoint", "filepath": filepath, "save_best_only": True, "monitor": "loss",
        "save_weights_only": filepath.endswith(".weights.h5"),
    }  # fmt: skip
    fit(record, epochs=3, callbacks=[checkpoint])
    assert [event["epoch"] for event in record.events("checkpoint")] == [1]
    files = [path for path in record.folder.callbacks.rglob("*") if path.is_file()]
    assert files == [record.folder.callbacks / "model_checkpoint" / filepath]


def test_a_checkpoint_that_cannot_be_saved_is_a_warning_and_leaves_nothing_half_written(record: Record) -> None:
    folder = record.folder.callbacks / "model_checkpoint"
    (folder / "w.1.h5").mkdir(parents=True)
    _, history = fit(record, epochs=2, callbacks=[{"type": "model_checkpoint", "filepath": "w.{epoch}.h5"}])
    assert len(history.history["loss"]) == 2
    assert "WARNING - Trainer - Checkpoint of epoch 1 could not be saved: " in record.log
    assert len(record.events("warning")) == 1
    assert [event["epoch"] for event in record.events("checkpoint")] == [2]
    assert sorted(path.name for path in folder.iterdir()) == ["w.1.h5", "w.2.h5"]


def test_a_folder_may_have_braces_in_its_name(records: Any) -> None:
    record = records("{epoch} and {me}")
    fit(record, callbacks=[{"type": "model_checkpoint", "filepath": "w.{epoch}.h5"}])
    assert (record.folder.callbacks / "model_checkpoint" / "w.1.h5").is_file()


def test_a_checkpoint_outside_its_folder_is_refused_by_its_path(record: Record, tmp_path: Path) -> None:
    for filepath in ("../../w.h5", str(tmp_path / "w.h5")):
        entries = [entry("callback", "early_stopping"), entry("callback", "model_checkpoint", filepath=filepath)]
        with pytest.raises(TrainingError, match=r"^training\.callbacks\.1 \(model_checkpoint\): .*leads out"):
            make_callbacks(entries, record.folder.callbacks, record.recorder)


def test_a_wish_from_another_thread_ends_the_training_at_the_next_batch(record: Record) -> None:
    stop = StopSwitch()
    granted: list[int] = []
    stop.on_granted = granted.append
    begun = threading.Event()

    class Begun(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            begun.set()

    def ask() -> None:
        begun.wait()
        stop.request("c1", "a test")

    thread = threading.Thread(target=ask)
    thread.start()
    X, y = data()
    model = build_model(model_config(DENSE), (3,))
    watch = Recording(record.recorder, stop, SAMPLES, BATCH)
    with pytest.raises(StopRequested):
        model.fit(X, y, batch_size=BATCH, epochs=100_000, callbacks=[watch, Begun()], verbose=0)
    thread.join()
    assert granted == [watch.step]
    assert record.series(".batch/loss")["step"].tolist() == list(range(1, watch.step + 1))
