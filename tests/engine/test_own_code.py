"""Components of the user's own in the worker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.config.models import ComponentEntry, DatasetConfig, ModelConfig
from app.config.trust import distrust, trust
from app.engine.building import build_model
from app.engine.configured_callbacks import make_callbacks
from app.engine.data.own import load_own_dataset
from app.engine.ending import StopSwitch, TrainingError
from app.engine.own_code import load_own, make_own, open_workspace
from app.engine.pipeline import Room, Split, fit_transformers, transformed
from app.engine.preprocessing.saving import load_pipeline, save_pipeline
from app.engine.preprocessing.steps import make_preprocessor
from app.engine.samples import Samples, Stored
from app.engine.trainer import Trainer
from tests.engine.conftest import Record, config_of, document, entry, model_config

PARTS = """
import keras
import numpy as np

number = 3

class Double:
    def transform(self, X):
        return X * 2

class Center:
    def fit(self, X):
        self.mean_ = X.mean(axis=0)
        return self
    def transform(self, X):
        return X - self.mean_

class Fewer:
    def transform(self, X):
        return X[1:]

class Breaks:
    def transform(self, X):
        return X + "a"

class Rows:
    def __init__(self, count=4):
        self.count = count
    def load(self):
        return np.ones((self.count, 3)), list(range(self.count))

class Named:
    class_names = ("no", "yes")
    def load(self):
        np.save("rows.npy", np.ones((4, 3)))
        return {"a": np.load("rows.npy", mmap_mode="r"), "b": np.ones(4)}, np.array([0, 1, 1, 0])

class Uneven:
    def load(self):
        return np.ones((3, 3)), np.ones(2)

class Fails:
    def load(self):
        return open("/no/such/file")

class Net:
    def __init__(self, units=2):
        self.units = units
    def build(self, input_shape):
        return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(self.units)])

class NoNet:
    def build(self, input_shape):
        return 3

class Wide(keras.layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.inner = keras.layers.Dense(units)
    def call(self, x):
        return self.inner(x)

def start_small(shape, dtype=None, **_):
    return keras.ops.ones(shape, dtype) * 0.5

class Ends(keras.callbacks.Callback):
    def __init__(self, after=1):
        super().__init__()
        self.after = after

class NoCallback:
    pass

seen = []

def each_epoch(epoch, logs):
    seen.append((epoch, sorted(logs)))

def halved(epoch, rate):
    return rate / 2

def by_epoch(epoch):
    return 0.5 / (epoch + 1)

def at_once(epoch, logs):
    raise ValueError("no more")
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    """A trusted workspace with a module of components, open as that of this process' run."""
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "parts.py").write_text(PARTS)
    trust(tmp_path)
    open_workspace(tmp_path)
    paths = list(sys.path)
    yield tmp_path
    sys.path[:] = paths
    sys.modules.pop("parts", None)
    distrust(tmp_path)


def own(name: str, **options: Any) -> ComponentEntry:
    return ComponentEntry.model_validate({"type": f"parts:{name}", **options})


def test_own_code_is_not_loaded_unless_the_workspace_is_trusted(workspace: Path) -> None:
    distrust(workspace)
    with pytest.raises(TrainingError, match=f"components/parts.py.*trackside trust {workspace}"):
        load_own("parts:Double", "preprocessor")
    assert "parts" not in sys.modules
    trust(workspace)
    assert load_own("parts:Double", "preprocessor")().transform(2) == 4


@pytest.mark.parametrize(
    ("id", "kind", "options", "says"),
    [
        ("parts:Doubel", "preprocessor", {}, "did you mean 'Double'"),
        ("parts:number", "preprocessor", {}, "no class and no function"),
        ("parts:Double", "preprocessor", {"by": 3}, "takes no arguments"),
        ("parts:Double", "transformer", {}, "is no transformer: it has no method fit"),
        ("parts:Rows", "model", {}, "is no model: it has no method build"),
        ("parts:NoCallback", "callback", {}, "does not derive from keras's Callback"),
    ],
)
def test_what_is_none_of_its_kind_is_named(
    workspace: Path, id: str, kind: str, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(TrainingError) as raised:
        make_own(id, kind, options, "here")
    assert says in str(raised.value)
    assert id in str(raised.value)


def test_own_preprocessors_and_transformers_do_their_part_and_are_saved(workspace: Path) -> None:
    step = make_preprocessor(own("Double"), "dataset.preprocessors.0")
    assert step(np.ones(3)).tolist() == [2, 2, 2]
    samples = Samples(np.arange(6.0).reshape(3, 2), np.zeros(3))
    entries = [own("Center"), entry("transformer", "standard_scaler")]
    fitted, split = fit_transformers(entries, Split(samples, samples, samples), Room())
    changed = transformed(split, fitted, Room()).fit
    assert np.allclose(changed.X.mean(axis=0), 0)
    save_pipeline(fitted, samples, workspace / "pipeline")
    assert [path.name for path in sorted((workspace / "pipeline").iterdir())] == [
        "0-parts.Center.skops",
        "1-standard_scaler.skops",
    ]
    dataset = DatasetConfig(name="iris", transformers=entries)
    assert np.array_equal(load_pipeline(dataset, workspace / "pipeline").transform(samples.X), changed.X)
    distrust(workspace)
    with pytest.raises(TrainingError, match="trackside trust"):
        load_pipeline(dataset, workspace / "pipeline")


def test_an_own_step_that_makes_other_rows_or_fails_is_named_with_its_line(workspace: Path) -> None:
    for name, says in (
        ("Fewer", r"^there \(parts:Fewer\): makes 2 rows of 3 rows"),
        ("Breaks", r"^there \(parts:Breaks\): cannot take features of shape \[2\] .*components/parts\.py, line \d+"),
    ):
        with pytest.raises(TrainingError, match=says):
            make_preprocessor(own(name), "there")(np.zeros((3, 2)))


def test_an_own_dataset_gives_features_and_targets(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = load_own_dataset(DatasetConfig(name="parts:Rows", parameters={"count": 5}))
    assert samples.X.shape == (5, 3)
    assert samples.y.tolist() == [0, 1, 2, 3, 4]
    monkeypatch.chdir(workspace)
    named = load_own_dataset(DatasetConfig(name="parts:Named"))
    assert named.class_names == ("no", "yes")
    assert isinstance(named.X["a"], Stored)
    with pytest.raises(TrainingError, match="not as many samples as targets"):
        load_own_dataset(DatasetConfig(name="parts:Uneven"))
    with pytest.raises(TrainingError, match=r"components/parts.py, line \d+: FileNotFoundError"):
        load_own_dataset(DatasetConfig(name="parts:Fails"))


def test_an_own_model_is_compiled_as_the_config_says(workspace: Path) -> None:
    compilation = {"optimizer": entry("optimizer", "sgd").as_dict(), "loss": entry("loss", "mse").as_dict()}
    config = {"name": "parts:Net", "hyperparameters": {"units": 3}, "compilation": compilation}
    model = build_model(ModelConfig.model_validate(config), (4,))
    assert model.output_shape == (None, 3)
    assert model.compiled
    with pytest.raises(TrainingError, match="does not compile"):
        build_model(ModelConfig(name="parts:Net"), (4,))
    with pytest.raises(TrainingError, match="returns int"):
        build_model(ModelConfig(name="parts:NoNet"), (4,))


def test_own_layers_and_initializers_stand_among_keras(workspace: Path) -> None:
    layers = [{"type": "parts:Wide", "units": 5}, {"type": "dense", "units": 1}]
    compilation = {"optimizer": "sgd", "loss": "mse"}
    model = build_model(ModelConfig.model_validate({"network": layers, "compilation": compilation}), (4,))
    assert [layer.output.shape for layer in model.layers] == [(None, 5), (None, 1)]


def fitted(workspace: Path, record: Record, **callback: Any) -> Any:
    """Fit a layer for two epochs with a callback; return Keras' history."""
    model = build_model(
        model_config({"type": "dense", "units": 1}, optimizer={"type": "sgd", "learning_rate": 0.1}), (2,)
    )
    made = make_callbacks([entry("callback", **callback)], record.folder.callbacks, record.recorder)
    return model.fit(np.ones((4, 2)), np.ones(4), epochs=2, callbacks=made, verbose=0).history


def test_a_lambda_callback_calls_ones_own_functions(workspace: Path, record: Record) -> None:
    fitted(workspace, record, type="lambda_callback", on_epoch_end="parts:each_epoch")
    assert sys.modules["parts"].seen == [(0, ["loss"]), (1, ["loss"])]


@pytest.mark.parametrize(("schedule", "rates"), [("parts:halved", [0.05, 0.025]), ("parts:by_epoch", [0.5, 0.25])])
def test_a_learning_rate_may_be_what_ones_own_function_says(
    workspace: Path, record: Record, schedule: str, rates: list[float]
) -> None:
    history = fitted(workspace, record, type="learning_rate_scheduler", schedule=schedule)
    assert history["learning_rate"] == pytest.approx(rates)


def test_own_callbacks_that_fail_while_fitting_are_named_by_file_and_line(workspace: Path, record: Record) -> None:
    callback = {"type": "lambda_callback", "on_epoch_end": "parts:at_once"}
    config = config_of(document(training__callbacks=[callback]))
    with pytest.raises(TrainingError, match=r"^fit_model: components/parts\.py, line \d+: no more$"):
        Trainer(config, record.folder, workspace / "cache", record.recorder, StopSwitch()).run()


def test_own_callbacks_stand_among_keras(workspace: Path, record: Record) -> None:
    (made,) = make_callbacks([own("Ends", after=2)], record.folder.callbacks, record.recorder)
    assert made.after == 2
