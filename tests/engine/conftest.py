"""One TensorFlow for all tests of the engine, small configs, and a recorder whose folder can be read afterwards."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config.loading import from_document
from app.config.models import ComponentEntry, ModelConfig, TrainingConfig
from app.config.resolve import resolve, resolve_component
from app.records.events import read_events
from app.records.layout import ExecutionFolder
from app.records.log import LogFile
from app.records.metrics import read_metrics
from app.records.recorder import Recorder
from app.records.series import read_names, read_series, series_files

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pass what TensorFlow's own arrays make NumPy 2 say, whenever Keras saves or reads a weight."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"))


@pytest.fixture(scope="session", autouse=True)
def quiet_keras() -> None:
    import keras

    keras.config.disable_interactive_logging()
    logging.getLogger("absl").setLevel(logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def entry(kind: str, type: str, **options: Any) -> ComponentEntry:
    """Return a component's entry as the worker has it: with every default filled in."""
    return ComponentEntry.model_validate(resolve_component(kind, {"type": type, **options}))


def model_config(
    *layers: dict[str, Any],
    optimizer: str | dict[str, Any] = "sgd",
    loss: str | dict[str, Any] = "mean_squared_error",
    metrics: list[str | dict[str, Any]] | None = None,
) -> ModelConfig:
    """Return the model section of a config, resolved."""

    def resolved(kind: str, value: str | dict[str, Any]) -> dict[str, Any]:
        return resolve_component(kind, {"type": value} if isinstance(value, str) else value)

    return ModelConfig.model_validate(
        {
            "network": [resolved("layer", layer) for layer in layers],
            "compilation": {
                "optimizer": resolved("optimizer", optimizer),
                "loss": resolved("loss", loss),
                "metrics": [resolved("metric", metric) for metric in metrics or []],
            },
        }
    )


def document(**changes: Any) -> dict[str, Any]:
    """Return a small config of the diabetes data; ``changes`` replace values by path, "__" for "."."""
    made: dict[str, Any] = {
        "experiment": {},
        "model": {
            "input_shape": [10],
            "network": [{"type": "dense", "units": 8, "activation": "relu"}, {"type": "dense", "units": 1}],
            "compilation": {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
        },
        "dataset": {"name": "diabetes", "transformers": [{"type": "standard_scaler"}]},
        "training": {"samples": {"fit": 0.5, "val": 0.25, "test": 0.25}, "batch_size": 64, "epochs": 2},
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        at = made
        for key in parents:
            at = at.setdefault(key, {})
        at[last] = value
    return made


def config_of(document: dict[str, Any]) -> TrainingConfig:
    """Return a document as the worker reads it: checked and resolved."""
    return TrainingConfig.model_validate(resolve(from_document(document)))


class Record:
    """An execution's folder with an open recorder; reading it closes the recorder first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = ExecutionFolder(folder)
        self._log_file = LogFile(self.folder.log)
        self._logger = logging.getLogger("trackside")
        self._level = self._logger.level
        self._logger.addHandler(self._log_file)
        self._logger.setLevel(logging.DEBUG)
        self.recorder = Recorder(self.folder, self._log_file)
        self._open = True

    def close(self) -> None:
        if self._open:
            self._open = False
            self.recorder.close("finished", None, None)
            self._logger.removeHandler(self._log_file)
            self._logger.setLevel(self._level)
            self._log_file.close()

    @property
    def log(self) -> str:
        self.close()
        return self.folder.log.read_text()

    @property
    def metrics(self) -> dict[str, list[float | None]]:
        self.close()
        return read_metrics(self.folder.metrics)

    @property
    def elapsed(self) -> dict[str, float]:
        self.close()
        found: dict[str, float] = json.loads(self.folder.metrics.read_text())["elapsed"]
        return found

    def events(self, kind: str) -> list[dict[str, Any]]:
        self.close()
        return [event for event in read_events(self.folder.events) if event["kind"] == kind]

    def series(self, name: str) -> Any:
        self.close()
        return read_series(series_files(self.folder.series)[name])

    def is_running(self, name: str) -> bool:
        self.close()
        marks = {entry["name"]: entry.get("running", False) for entry in read_names(self.folder.series).values()}
        return bool(marks[name])


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    made = Record(tmp_path / "trainings" / "diabetes" / "executions" / "06-16-31__08-04-2019")
    yield made
    made.close()


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Callable[[str], Record]]:
    """Return what makes further records, by the name of their folder."""
    made: list[Record] = []

    def make(name: str) -> Record:
        made.append(Record(tmp_path / name))
        return made[-1]

    yield make
    for each in made:
        each.close()
