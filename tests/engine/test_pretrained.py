"""Applications of Keras as models and as layers, and weights from files."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from app.config.catalog import load_catalog
from app.config.resolve import resolve_component
from app.engine.building import build_model
from app.engine.ending import TrainingError
from app.engine.pretrained import load_weights
from tests.engine.conftest import config_of, document, model_config

SHAPE = (32, 32, 3)
SMALL = {"application": "mobilenet", "include_top": False, "pooling": "avg"}


def application(**options: Any) -> Any:
    """Return a config whose model is an application by name."""
    made = {
        "name": "mobilenet",
        "input_shape": [*SHAPE],
        "hyperparameters": {"classes": 4, **options},
        "compilation": {"optimizer": "adam", "loss": "categorical_crossentropy"},
    }
    return config_of(document(model=made, dataset={"name": "cifar10"})).model


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No address of any host is known, and nothing was downloaded before; return where Keras keeps downloads."""

    def unknown(*host: Any, **options: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    return tmp_path


def test_a_pretrained_network_is_a_layer_below_ones_own(tmp_path: Path) -> None:
    layers = [{"type": "application", **SMALL, "trainable": False}, {"type": "dense", "units": 2}]
    model = build_model(model_config({"type": "rescaling", "scale": 0.5}, *layers), SHAPE)
    assert model.output_shape == (None, 2)
    assert len(model.trainable_weights) == 2
    model.save(tmp_path / "model.h5")
    X = np.random.default_rng(0).random((2, *SHAPE), np.float32)
    opened = keras.models.load_model(tmp_path / "model.h5")
    np.testing.assert_allclose(opened(X, training=False), model(X, training=False), rtol=1e-5)


def test_an_application_is_a_layer_of_a_branching_network_too() -> None:
    layers: list[dict[str, Any]] = [
        {"type": "application", **SMALL, "name": "seen", "inputs": "input"},
        {"type": "flatten", "name": "raw", "inputs": "input"},
        {"type": "concatenate", "inputs": ["seen", "raw"]},
    ]
    assert build_model(model_config(*layers), SHAPE).output_shape == (None, 1024 + 32 * 32 * 3)


def test_an_application_that_its_input_does_not_fit_is_named_by_its_layer() -> None:
    layer = {"type": "application", **SMALL, "application": "xception"}
    with pytest.raises(TrainingError, match=r"^model\.network\.0 \(xception\): .*at least 71x71"):
        build_model(model_config(layer), SHAPE)


def test_weights_that_cannot_be_downloaded_are_said_with_the_file_and_where_it_goes(no_network: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        build_model(application(weights="imagenet", include_top=False), (128, 128, 3))
    said = str(caught.value)
    assert said.startswith("model.hyperparameters.weights: the weights of mobilenet could not be downloaded (")
    file = "mobilenet_1_0_128_tf_no_top.h5"
    assert f"/{file} elsewhere and put it there as {no_network / 'models' / file}; or" in said
    layer = {"type": "application", **SMALL, "weights": "imagenet"}
    with pytest.raises(TrainingError, match=r"^model\.network\.0\.weights: the weights of mobilenet could not be"):
        build_model(model_config(layer), (128, 128, 3))


def test_the_word_imagenet_is_no_path_and_any_other_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert application(weights="imagenet").hyperparameters["weights"] == "imagenet"
    (tmp_path / "mine.h5").touch()
    assert application(weights="mine.h5").hyperparameters["weights"] == str(Path.cwd() / "mine.h5")


def test_an_application_begins_with_the_weights_of_a_file(tmp_path: Path) -> None:
    before = build_model(application(), SHAPE)
    before.save(tmp_path / "model.h5")
    after = build_model(application(weights=str(tmp_path / "model.h5")), SHAPE)
    for old, new in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_applications_that_can_be_a_layer_are_those_that_there_are() -> None:
    catalog = load_catalog()
    known = [id for id in catalog.ids("model") if catalog.require("model", id).info["library"] == "keras"]
    parameter = catalog.require("layer", "application").parameter("application")
    assert parameter is not None
    assert list(parameter.choices) == known
    assert resolve_component("layer", {"type": "application", "application": known[0]})["weights"] is None


def dense(units: int = 2) -> keras.Model:
    return build_model(model_config({"type": "dense", "units": units}), (3,))


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "x.weights.h5"])
def test_a_network_begins_with_the_weights_of_an_earlier_run(tmp_path: Path, name: str) -> None:
    before, after = dense(), dense()
    save = before.save_weights if "weights" in name else before.save
    save(tmp_path / name)
    load_weights(after, tmp_path / name, "model.weights")
    np.testing.assert_array_equal(before.get_weights()[0], after.get_weights()[0])


def test_weights_are_given_by_a_path_of_the_config(tmp_path: Path) -> None:
    before = dense()
    before.save(tmp_path / "model.h5")
    config = model_config({"type": "dense", "units": 2}).model_copy(update={"weights": str(tmp_path / "model.h5")})
    np.testing.assert_array_equal(build_model(config, (3,)).get_weights()[0], before.get_weights()[0])


@pytest.mark.parametrize("harm", ["missing", "cut", "text", "others", "oldest"])
def test_a_file_whose_weights_cannot_be_had_is_named_with_the_reason(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "model.h5"
    if harm != "missing":
        dense(5 if harm == "others" else 2).save(path)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:3000])
    elif harm == "text":
        path.write_text("no model")
    elif harm == "oldest":
        with h5py.File(path, "a") as file:
            file.attrs["keras_version"] = "1.2.2"
    reasons = {
        "missing": f"there is no file {path}",
        "cut": f"{path} is no HDF5 file, or was cut off: ",
        "text": f"{path} is no HDF5 file, or was cut off: ",
        "others": f"{path} has no weights for these layers: ",
        "oldest": f"{path} was saved by Keras 1.2.2, which this Keras cannot read; open it with Keras 2",
    }
    with pytest.raises(TrainingError) as caught:
        load_weights(dense(), path, "model.weights")
    assert str(caught.value).startswith(f"model.weights: {reasons[harm]}")
    assert "\n" not in str(caught.value)
