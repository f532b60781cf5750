"""The example, trained to its end by a real keeper and worker: its record, and the mirrors beside it."""

from __future__ import annotations

import json
import sys
import types
import zipfile

import numpy as np
import pytest

from app.config.params import params
from app.records.events import read_events
from app.records.files import read_json
from app.records.layout import Workspace
from app.records.live import LiveRun
from app.records.log import parse_entries
from app.records.metrics import ELAPSED_KEYS, read_metrics
from app.records.runs import find_run, read_runs
from app.records.series import read_series, series_files
from tests.running import log_of, mlflow_client

STAGES = [
    "build_model",
    "load_data",
    "split_data",
    "transform_preprocessors",
    "fit_transformers",
    "transform_transformers",
    "fit_model",
    "evaluate_model",
    "save_model",
]


@pytest.fixture(scope="module")
def metrics(finished: LiveRun) -> dict[str, list[float]]:
    return read_metrics(finished.folder.metrics)  # type: ignore[return-value]


def test_it_is_finished_and_says_why_when_it_ended_early(finished: LiveRun) -> None:
    status = finished.status
    assert status.state == "finished"
    assert status.started is not None
    assert status.ended is not None
    assert status.submitted <= status.started <= status.ended  # type: ignore[operator]
    stopped_early = finished.epoch < 25
    assert status.reason == ("early_stopping" if stopped_early else None)
    assert ("Early stopping" in log_of(finished.folder)) == stopped_early


def test_its_folder_has_the_files_of_the_format(finished: LiveRun) -> None:
    folder = finished.folder.path
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    names = {name for name in names if not name.startswith("callbacks/")}
    series = {
        f"series/{prefix}{name}.npy"
        for prefix in ("", ".batch/", "val_", "test_")
        for name in ("loss", "mean_absolute_error")
    }
    assert names == series | {
        "training_config.json",
        "config.resolved.json",
        "execution.log",
        "metrics.json",
        "model.h5",
        "pipeline/0-standard_scaler.skops",
        "series/names.json",
        "events.jsonl",
        "status.json",
        "heartbeat",
        "environment.json",
    }
    assert list(finished.folder.commands.iterdir()) == []


def test_checkpoints_are_saved_every_fifth_epoch(finished: LiveRun, metrics: dict[str, list[float]]) -> None:
    saved = sorted(path.name for path in (finished.folder.callbacks / "model_checkpoint").iterdir())
    expected = [
        f"weights.{epoch:02d}-{metrics['val_loss'][epoch - 1]:.2f}.h5" for epoch in range(5, finished.epoch + 1, 5)
    ]
    assert saved == expected


def test_the_stages_are_timed_and_in_order(finished: LiveRun) -> None:
    elapsed = read_json(finished.folder.metrics)["elapsed"]
    assert set(elapsed) == set(STAGES) >= set(ELAPSED_KEYS)
    assert all(seconds >= 0 for seconds in elapsed.values())
    assert elapsed["fit_model"] > 0.05
    events = read_events(finished.folder.events)
    assert [event["stage"] for event in events if event["kind"] == "stage_begin"] == STAGES
    assert events[-1]["kind"] == "end"
    assert [event["time"] for event in events if event["kind"] == "epoch_end"] == sorted(
        event["time"] for event in events if event["kind"] == "epoch_end"
    )


def test_the_log_tells_the_stages_in_order(finished: LiveRun) -> None:
    with open(finished.folder.log) as file:
        messages = [entry.message for entry in parse_entries(file) if entry.level == "INFO" and entry.program]
    wanted = [
        "Starting Trackside environment ...",
        "Building Keras model from network specification",
        "Compiling Keras model",
        f"Running experiment: {finished.folder.execution_id} ...",
        "Loading dataset: boston_housing ...",
        "Splitting dataset -> Fit: 0.6 | Test: 0.2 | Val: 0.2 ...",
        "Applying 0 preprocessors ...",
        "Applying 1 transformers ...",
        "Fitting model with 303 samples ...",
        "Logging train metrics",
        "Evaluating model with 101 samples",
        "Logging test metrics",
        "Saving model",
        f"Success! Execution saved ({finished.folder.path})",
    ]
    positions = [messages.index(message) for message in wanted]
    assert positions == sorted(positions)


def test_metrics_have_their_full_names_and_a_value_per_epoch(
    finished: LiveRun, metrics: dict[str, list[float]]
) -> None:
    assert set(metrics) == {
        f"{prefix}{name}" for prefix in ("", "val_", "test_") for name in ("loss", "mean_absolute_error")
    }
    for name, values in metrics.items():
        assert len(values) == (1 if name.startswith("test_") else finished.epoch), name


def test_every_series_opens_with_numpy_and_agrees_with_the_metrics(
    finished: LiveRun, metrics: dict[str, list[float]]
) -> None:
    files = series_files(finished.folder.series)
    for name, path in files.items():
        rows = np.load(path, mmap_mode="r")
        assert rows.dtype.names == ("step", "time", "value")
        assert len(rows) == len(read_series(path))
        if name in metrics:
            assert rows["value"].tolist() == metrics[name]
    assert np.load(files["loss"])["step"].tolist() == list(range(1, finished.epoch + 1))
    steps = np.load(files[".batch/loss"])["step"]
    assert steps.tolist() == list(range(1, finished.epoch * 10 + 1))


def test_the_mean_of_an_epochs_batches_is_the_epochs_own_value(
    finished: LiveRun, metrics: dict[str, list[float]]
) -> None:
    batches = np.load(finished.folder.series / ".batch/loss.npy")["value"].reshape(finished.epoch, 10)
    weights = [32] * 9 + [303 - 9 * 32]
    means = np.average(batches, axis=1, weights=weights)
    np.testing.assert_allclose(means, metrics["loss"], rtol=1e-5)


def test_mlflows_client_agrees_with_the_record(finished: LiveRun, metrics: dict[str, list[float]]) -> None:
    client = mlflow_client(finished)
    (run,) = client.search_runs(["0"])
    assert run.info.run_name == finished.folder.execution_id
    assert run.info.status == "FINISHED"
    assert abs(run.info.end_time / 1000 - finished.status.ended) < 1  # type: ignore[operator]
    assert set(run.data.metrics) == set(metrics)
    for name, values in metrics.items():
        history = sorted(client.get_metric_history(run.info.run_id, name), key=lambda point: point.step)
        assert [point.value for point in history] == values
        first = finished.epoch if name.startswith("test_") else 1
        assert [point.step for point in history] == list(range(first, first + len(values)))
    expected = {name: str(value) for name, value in params(read_json(finished.folder.resolved)).items()}
    assert run.data.params == expected
    assert expected["device"] == "cpu"
    assert run.data.tags["first"] == ""


def test_tensorboards_own_reader_agrees_with_the_record(
    finished: LiveRun, metrics: dict[str, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without it TensorBoard's reader imports TensorFlow, eight seconds for nothing.
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = finished.folder.trackings / "tensorboard" / finished.folder.execution_id
    assert len(list(folder.iterdir())) == 1
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    assert set(reader.Tags()["scalars"]) == set(metrics)
    for name, values in metrics.items():
        assert [point.value for point in reader.Scalars(name)] == values


def test_the_comet_archive_agrees_with_the_record(finished: LiveRun, metrics: dict[str, list[float]]) -> None:
    (archive,) = (finished.folder.trackings / "comet").glob("*.zip")
    assert archive.stem == finished.status.id.replace("-", "")
    with zipfile.ZipFile(archive) as file:
        messages = [json.loads(line) for line in file.read("messages.json").decode().splitlines()]
    found: dict[str, list[tuple[int, float]]] = {}
    for message in messages:
        if message["type"] == "metric_msg":
            metric = message["payload"]["metric"]
            found.setdefault(metric["metricName"], []).append((metric["step"], float(metric["metricValue"])))
    assert set(found) == set(metrics)
    for name, values in metrics.items():
        assert [value for _, value in sorted(found[name])] == pytest.approx(values, rel=1e-9)


def test_keras_opens_the_model_compiled(finished: LiveRun) -> None:
    import keras

    model = keras.models.load_model(finished.folder.model)
    assert model.input_shape == (None, 13)
    assert model.optimizer.name == "adam"
    values = model.evaluate(np.zeros((4, 13)), np.zeros(4), verbose=0, return_dict=True)
    assert set(values) == {"loss", "mean_absolute_error"}


def test_the_config_is_kept_as_submitted_and_with_every_default(finished: LiveRun) -> None:
    submitted = read_json(finished.folder.document)
    assert submitted["training"]["samples"] == {"fit": 0.6, "val": 0.2, "test": 0.2}
    assert "seed" not in submitted["dataset"]
    resolved = read_json(finished.folder.resolved)
    assert resolved["dataset"]["seed"] == 0
    assert resolved["model"]["compilation"]["optimizer"]["learning_rate"] == 0.001


def test_the_environment_names_python_packages_and_platform(finished: LiveRun) -> None:
    environment = read_json(finished.folder.environment)
    assert environment["python"].startswith("3.")
    assert environment["seed"] == 0
    assert {"keras", "tensorflow", "mlflow"} <= set(environment["packages"])
    assert environment["platform"]["cpu"]["cores"] >= 1


def test_it_is_found_by_id_name_prefix_and_path(finished: LiveRun) -> None:
    workspace = Workspace.around(finished.folder.path)
    folder = finished.folder
    for text in (finished.status.id, finished.status.id[:8], folder.execution_id, str(folder.path)):
        assert find_run(workspace, text).id == finished.status.id
    (run,) = read_runs(workspace)
    assert run.experiment == "Boston Housing"
    assert run.metrics["loss"].count == finished.epoch
    assert run.problems == ()
