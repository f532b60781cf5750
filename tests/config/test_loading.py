from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.config.loading import from_document, load
from app.config.params import params
from app.config.problems import ConfigError
from app.config.resolve import resolve
from tests.config.conftest import EXAMPLE


def test_a_config_keeps_the_document_as_submitted_and_where_it_came_from(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("// mine\n" + EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    loaded = load(file, ["training.epochs=3"])
    example = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    example["training"]["epochs"] = 3
    assert loaded.document == example
    assert loaded.config.training.epochs == 3
    assert loaded.source == {
        "file": str(file),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "overrides": ["training.epochs=3"],
    }


def test_a_wrong_config_raises_all_its_problems_with_the_name_of_the_file() -> None:
    with pytest.raises(ConfigError) as caught:
        load(EXAMPLE, ["training.epochs=0", "dataset.name=bostn"])
    assert caught.value.source == str(EXAMPLE)
    assert [problem.path for problem in caught.value.problems] == ["dataset.name", "training.epochs"]


@pytest.mark.parametrize(
    "override",
    [
        "tracking.trackers.0.api_key=hunter2",
        'tracking.trackers.0={"type": "comet_ml", "api_key": "hunter2"}',
        'tracking.trackers=[{"type": "comet_ml", "api_key": "hunter2"}]',
    ],
)
def test_a_secret_in_an_override_is_not_in_the_source(tmp_path: Path, override: str) -> None:
    document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    document["tracking"]["trackers"] = [{"type": "comet_ml"}]
    file = tmp_path / "config.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    loaded = load(file, [override])
    assert "hunter2" not in json.dumps(loaded.source)
    assert "<secret>" in json.dumps(loaded.source)
    assert "hunter2" in json.dumps(loaded.document)


def test_a_resolved_config_has_every_default_and_every_component_in_full() -> None:
    resolved = resolve(load(EXAMPLE))
    assert resolved["dataset"]["seed"] == 0
    options = {"allow_memory_growth": False, "num_cores": None, "deterministic": False}
    assert resolved["session"] == {"python": None, "backend": None, "device": None, "options": options}
    compilation = resolved["model"]["compilation"]
    assert compilation["optimizer"]["type"] == "adam"
    assert compilation["optimizer"]["learning_rate"] == 0.001
    assert compilation["loss"]["type"] == "mean_squared_error"
    assert [metric["name"] for metric in compilation["metrics"]] == ["mean_absolute_error"]
    assert resolved["model"]["network"][0]["kernel_initializer"] == "glorot_uniform"
    assert resolved["training"]["callbacks"][0]["monitor"] == "val_loss"
    assert resolved["source"]["file"] == str(EXAMPLE)


def test_a_resolved_config_is_a_config_that_resolves_to_itself() -> None:
    resolved = resolve(load(EXAMPLE))
    again = from_document(json.loads(json.dumps(resolved)), resolved["source"])
    assert resolve(again) == resolved


def test_components_within_components_are_resolved_too(document: dict[str, Any]) -> None:
    document["model"]["network"][0]["kernel_regularizer"] = {"type": "L2"}
    document["model"]["network"][1] = {"type": "bidirectional", "layer": {"type": "cudnn_lstm", "units": 3}}
    document["model"]["network"][2]["activation"] = "swish"
    network = resolve(from_document(document))["model"]["network"]
    assert network[0]["kernel_regularizer"] == {"type": "l2", "l2": 0.01}
    assert network[1]["layer"]["type"] == "lstm"
    assert network[1]["layer"]["recurrent_activation"] == "sigmoid"
    assert network[2]["activation"] == "silu"


def test_params_are_the_scalar_leaves_by_path_and_the_tracking_params_by_name() -> None:
    found = params(resolve(load(EXAMPLE)))
    expected = {
        "device": "cpu",
        "experiment.name": "Boston Housing",
        "model.input_shape.0": 13,
        "model.network.1": "dense",
        "model.network.1.units": 128,
        "model.compilation.optimizer": "adam",
        "model.compilation.optimizer.learning_rate": 0.001,
        "model.compilation.loss": "mean_squared_error",
        "model.compilation.metrics.0": "mean_absolute_error",
        "dataset.name": "boston_housing",
        "dataset.transformers.0": "standard_scaler",
        "training.samples.fit": 0.6,
        "training.shuffle": True,
        "training.batch_size": 32,
        "training.callbacks.1.period": 5,
        "tracking.log_model_params": True,
    }
    assert expected.items() <= found.items()
    assert all(isinstance(value, str | int | float | bool) for value in found.values())
    assert not [name for name in found if name.startswith(("source", "tracking.trackers", "tracking.params"))]


def test_a_tracking_param_does_not_hide_a_param_of_the_config(document: dict[str, Any]) -> None:
    document["tracking"]["params"] = {"training": {"epochs": 99}, "note": None, "gpus": ["a", "b"]}
    found = params(resolve(from_document(document)))
    assert found["training.epochs"] == 25
    assert found["gpus.1"] == "b"
    assert "note" not in found


def test_tags_are_a_list_or_an_object_and_resolve_to_an_object(document: dict[str, Any]) -> None:
    document["experiment"]["tags"] = ["baseline"]
    document["tracking"]["tags"] = {"team": "blue"}
    resolved = resolve(from_document(document))
    assert resolved["experiment"]["tags"] == {"baseline": ""}
    assert resolved["tracking"]["tags"] == {"team": "blue"}


def test_loading_a_config_imports_nothing_heavy() -> None:
    code = (
        "import sys; from app.config import loading, resolve, settings; resolve.resolve(loading.load(sys.argv[1]));"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(EXAMPLE)], capture_output=True, text=True, check=True)
    heavy = {
        "tensorflow",
        "keras",
        "numpy",
        "pandas",
        "sklearn",
        "mlflow",
        "comet_ml",
        "tensorboard",
        "keyring",
        "h5py",
    }
    assert heavy.isdisjoint(done.stdout.split())
