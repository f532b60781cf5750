"""Configs of the older systems become configs of today, and whatever cannot is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.checking import check
from app.config.conversion import Conversion, convert
from app.config.documents import join, read_document, walk
from app.config.loading import from_document, load
from app.config.problems import ConfigError
from app.resources import resource

LAYERS = [{"type": "dense", "units": 16, "activation": "relu"}, {"type": "dense", "units": 1, "activation": "linear"}]

#: One run of the same network, as each era wrote it down.
ERA_0 = {
    "problem": {"id": "regression", "source": "table"},
    "model": {
        "name": "CustomStack",
        "id": "custom-stack",
        "options": {
            "compilation": {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
            "custom": {
                "framework": "keras",
                "stack": {
                    "layers": [
                        {"type": "dense", "settings": {"units": 16, "activation": "relu", "input_shape": [13]}},
                        {"type": "dense", "settings": {"units": 1, "activation": "linear"}},
                    ]
                },
            },
        },
    },
    "dataset": {"id": "boston_housing", "properties": {"shuffle": True, "batch_size": 512}},
    "session": {"device": {"type": "cpu", "options": {"num_cores": 6, "num_physical_cpus": 1}}},
    "training": {
        "samples": {"fit": 300, "validation": 100, "test": 100},
        "callbacks": {
            "list": [
                {"id": "reduce_learning", "options": {"monitor": "val_loss", "epsilon": 0.001}},
                {"id": "model_checkpoint", "options": {"filename": "weights.{epoch:02d}.hdf5", "period": 5}},
            ]
        },
    },
    "hyper_params": {"batch_size": 32, "epochs": 25, "learning_strategy": "supervised"},
    "artifacts": {"tensorboard": {"graphs": {"default": True}}},
}
ERA_B = {
    "experiment": {"name": "Boston Housing", "tags": ["first"]},
    "model": {
        "name": "keras",
        "parameters": {
            "sequential": [{**LAYERS[0], "input_shape": [13]}, LAYERS[1]],
            "compilation": {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
        },
    },
    "dataset": {
        "name": "boston_housing",
        "samples": {"train": 0.8, "test": 0.2},
        "preprocessors": [{"type": "standard_scaler"}],
        "seed": 0,
    },
    "training": {"batch_size": 32, "epochs": 25, "callbacks": [{"type": "early_stopping"}], "validation_split": 0.25},
    "tracking": {"params": {"device": "cpu"}, "trackers": [{"type": "tensorboard"}, {"type": "mlflow"}]},
}
ERA_C = {
    **ERA_B,
    "experiment": {"name": "Boston Housing", "description": "the classic", "tags": ["first"]},
    "model": {
        "name": "keras",
        "parameters": {
            "sequential": LAYERS,
            "input_shape": [13],
            "optimizer": "adam",
            "loss": "mse",
            "metrics": ["mae"],
        },
    },
    "dataset": {**ERA_B["dataset"], "chunk_size": 64, "data_augmentors": []},
    "tracking": {"additional_params": {"device": "cpu"}, "trackers": [{"type": "mlflow"}], "log_training_params": True},
}
ERA_D = {
    "model": {**ERA_C["model"], "name": "keras_regressor"},
    "dataset": {**ERA_B["dataset"], "parameters": {}},
    "training": ERA_B["training"],
    "tracking": {"run_id": "7f3a", "tags": {"user": "John", "try": 3}, "trackers": [{"type": "mlflow"}]},
}
ERA_E = {
    "model": {
        "model": {"type": "keras_regressor", **ERA_C["model"]["parameters"]},
        "training": ERA_B["training"],
    },
    "dataset": {
        "dataset": {"type": "boston_housing"},
        "samples": {"train": 0.8, "test": 0.2},
        "preprocessors": [{"type": "standard_scaler"}],
        "seed": None,
    },
    "tracking": {"run_id": None, "tags": {"user": "John"}, "log_params": True, "trackers": [{"type": "mlflow"}]},
}
ERAS = {"0": ERA_0, "B": ERA_B, "C": ERA_C, "D": ERA_D, "E": ERA_E}


def lost(conversion: Conversion) -> dict[str, str]:
    return {change.before: change.why for change in conversion.lost}


def era_e(**changes: Any) -> dict[str, Any]:
    """Return the document of era E with keys changed: ``dataset__samples={}``."""
    made: dict[str, Any] = copy.deepcopy(ERA_E)
    for path, value in changes.items():
        *parents, last = path.split("__")
        at = made
        for key in parents:
            at = at[key]
        at[last] = value
    return made


@pytest.mark.parametrize("era", ERAS)
def test_every_era_is_recognised_and_becomes_a_config_that_can_be_trained(era: str) -> None:
    before = copy.deepcopy(ERAS[era])
    conversion = convert(ERAS[era])
    assert ERAS[era] == before
    assert conversion.era == era
    assert check(conversion.document) == []
    config = from_document(conversion.document).config
    assert [layer.options["units"] for layer in config.model.network or []] == [16, 1]
    assert config.model.input_shape == [13]
    assert config.dataset.name == "boston_housing"
    assert (config.training.batch_size, config.training.epochs) == (32, 25)
    assert conversion.changes
    assert all(change.why for change in conversion.changes)


def test_the_newest_form_becomes_what_one_would_have_written() -> None:
    assert convert(ERA_E).document == {
        "model": {
            "input_shape": [13],
            "network": LAYERS,
            "compilation": {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
        },
        "dataset": {"name": "boston_housing", "transformers": [{"type": "standard_scaler"}]},
        "training": {**ERA_B["training"], "samples": {"fit": 0.8, "test": 0.2}},
        "tracking": {"tags": {"user": "John"}, "log_model_params": True, "trackers": [{"type": "mlflow"}]},
    }
    assert convert(ERA_E).lost == ()


def test_a_change_names_the_place_in_the_old_document_and_the_one_in_the_new() -> None:
    places = {change.before: change.after for change in convert(ERA_E).changes}
    assert places["model.model.sequential"] == "model.network"
    assert places["model.model.loss"] == "model.compilation.loss"
    assert places["dataset.dataset.type"] == "dataset.name"
    assert places["dataset.preprocessors.0"] == "dataset.transformers.0"
    assert places["model.training"] == "training"
    assert places["model.model.type"] == "model.network"
    assert places["dataset.seed"] == ""


def test_what_the_oldest_form_had_and_nobody_has_now_is_listed() -> None:
    conversion = convert(ERA_0)
    assert set(lost(conversion)) == {
        "dataset.properties.batch_size",
        "session.device.options.num_physical_cpus",
        "artifacts.tensorboard",
    }
    document = conversion.document
    assert document["session"] == {"device": "cpu", "options": {"num_cores": 6}}
    assert document["training"]["samples"] == {"fit": 300, "val": 100, "test": 100}
    assert document["training"]["callbacks"] == [
        {"type": "reduce_learning", "monitor": "val_loss", "min_delta": 0.001},
        {"type": "model_checkpoint", "period": 5, "filepath": "weights.{epoch:02d}.h5"},
    ]
    assert document["tracking"]["params"]["problem"]["id"] == "regression"


def test_a_run_of_the_fourth_form_keeps_its_id_and_its_tags_as_texts() -> None:
    tags = convert(ERA_D).document["tracking"]["tags"]
    assert tags == {"user": "John", "try": "3", "run_id": "7f3a"}


@pytest.mark.parametrize(
    ("samples", "now"),
    [
        ({"train": 0.8, "test": 0.2}, {"fit": 0.8, "test": 0.2}),
        ({"train": 0.8}, {"fit": 0.8, "test": 0.2}),
        ({"test": 0.3}, {"fit": 0.7, "test": 0.3}),
        ({"train": 1000, "test": 200}, {"fit": 1000, "test": 200}),
        ({"train": 1.0}, {"fit": 1.0}),
        ({}, {"fit": 0.75, "test": 0.25}),
    ],
)
def test_the_split_is_the_one_that_the_old_system_made(samples: dict[str, float], now: dict[str, float]) -> None:
    assert convert(era_e(dataset__samples=samples)).document["training"]["samples"] == now


def test_a_split_that_cannot_be_said_today_is_listed_with_what_to_do() -> None:
    rest = convert(era_e(dataset__samples={"train": 1000}))
    assert "samples.test" in lost(rest)["dataset.samples.train"]
    one = convert(era_e(dataset__samples={"train": 1, "test": 1}))
    assert "single row" in lost(one)["dataset.samples.train"]


def test_one_epoch_is_trained_where_the_old_default_was_one() -> None:
    assert convert(era_e(model__training={})).document["training"]["epochs"] == 1


def test_data_augmentors_are_listed_each_with_the_layer_that_does_the_same() -> None:
    augmentors = [{"type": "zoom", "probability": 0.3}, {"type": "no_such"}]
    conversion = convert(era_e(dataset__data_augmentors=augmentors))
    assert "random_zoom" in lost(conversion)["dataset.data_augmentors.0"]
    assert "no layer" in lost(conversion)["dataset.data_augmentors.1"]
    assert "data_augmentors" not in conversion.document["dataset"]
    assert check(conversion.document) == []


def test_a_preprocessor_that_came_after_one_that_learns_is_said_to_come_before_it_now() -> None:
    steps = [{"type": "divide", "factor": 2}, {"type": "standard_scaler"}, {"type": "divide", "factor": 3}]
    conversion = convert(era_e(dataset__preprocessors=steps))
    assert conversion.document["dataset"]["preprocessors"] == [steps[0], steps[2]]
    assert conversion.document["dataset"]["transformers"] == [steps[1]]
    assert list(lost(conversion)) == ["dataset.preprocessors.2"]
    assert "standard_scaler" in lost(conversion)["dataset.preprocessors.2"]


def test_what_is_not_here_stays_in_the_config_and_is_listed_so_that_nobody_trains_without_it() -> None:
    conversion = convert(
        {
            "model": {"model": {"type": "titanic", "features_col": "features"}},
            "dataset": {"dataset": {"type": "titanic", "path": "smb://host/x"}, "preprocessors": [{"type": "my:step"}]},
        }
    )
    assert "Spark" in lost(conversion)["model.model.type"]
    assert "Spark" in lost(conversion)["dataset.dataset.type"]
    assert "service" in lost(conversion)["dataset.dataset.path"]
    assert "module:Class" in lost(conversion)["dataset.preprocessors.0.type"]
    assert conversion.document["model"] == {"name": "titanic", "hyperparameters": {"features_col": "features"}}
    assert conversion.document["dataset"]["preprocessors"] == [{"type": "my:step"}]
    assert {problem.path for problem in check(conversion.document)} >= {"model.name", "dataset.name"}


def test_the_settings_of_a_file_of_arrays_have_the_names_of_today() -> None:
    old = {"type": "hdf5", "file_path": "a.h5", "features_key": "X", "labels_key": "y", "info_key": "info"}
    conversion = convert(era_e(dataset__dataset=old))
    assert conversion.document["dataset"]["name"] == "hdf5"
    assert conversion.document["dataset"]["parameters"] == {"path": "a.h5", "features": "X", "target": "y"}
    assert list(lost(conversion)) == ["dataset.dataset.info_key"]


def test_arguments_of_fit_that_mean_nothing_today_are_listed() -> None:
    parts = {"cv": 5, "scoring": "r2"}
    old = {"epochs": 3, "verbose": 2, "workers": 4, "cross_validation": parts, "class_weight": {"0": 2.0}}
    conversion = convert(era_e(model__training=old))
    gone = ("verbose", "workers", "cross_validation.scoring")
    assert set(lost(conversion)) == {f"model.training.{key}" for key in gone}
    assert conversion.document["training"]["cross_validation"] == {"cv": 5}
    assert conversion.document["training"]["class_weight"] == {"0": 2.0}


def test_a_session_among_a_models_parameters_becomes_a_session() -> None:
    session = {"gpu_options": {"allow_growth": True}, "intra_op_parallelism_threads": 2, "log_device_placement": True}
    document = {
        "model": {"name": "dogs_vs_cats_cnn", "parameters": {"input_shape": [32, 32, 3], "session": session}},
        "dataset": {"name": "dogs_vs_cats", "samples": {"train": 10, "test": 5}},
    }
    conversion = convert(document)
    assert conversion.document["session"] == {"options": {"allow_memory_growth": True, "num_cores": 2}}
    assert "model.parameters.session.log_device_placement" in lost(conversion)
    assert conversion.document["model"]["input_shape"] == [32, 32, 3]


def test_the_names_of_an_older_keras_become_those_of_today() -> None:
    document = read_document(resource("experiments", "boston_housing.json"))
    document["model"]["compilation"]["optimizer"] = {"type": "adam", "lr": 0.01, "decay": 0.1}
    document["model"]["network"][0] = {"type": "thresholded_relu", "theta": 0.5, "input_shape": [13]}
    conversion = convert(document)
    assert conversion.era == "A"
    assert conversion.document["model"]["compilation"]["optimizer"] == {"type": "adam", "learning_rate": 0.01}
    assert conversion.document["model"]["network"][0] == {"type": "relu", "threshold": 0.5}
    assert "schedule" in lost(conversion)["model.compilation.optimizer.decay"]
    assert check(conversion.document) == []


def test_settings_of_components_of_ones_own_are_called_as_their_author_likes() -> None:
    document = read_document(resource("experiments", "boston_housing.json"))
    document["model"]["compilation"]["optimizer"] = {"type": "mine:Slow", "lr": 0.1, "decay": 0.5}
    document["model"]["network"][0] = {"type": "mine:Project", "input_dim": 5}
    assert convert(document) == Conversion("", document)


def test_a_config_of_today_is_left_as_it_is() -> None:
    document = read_document(resource("experiments", "boston_housing.json"))
    assert convert(document) == Conversion("", document)
    assert convert({}) == Conversion("", {})
    assert from_document(document).conversion is None


def test_a_document_that_mixes_forms_or_is_wrong_is_converted_as_far_as_it_goes() -> None:
    mixed = {
        "model": {"model": 3, "name": "keras"},
        "dataset": {"dataset": {"type": ["x"]}, "name": "mnist", "samples": "all", "preprocessors": {"type": "divide"}},
        "tracking": {"tags": ["a"], "params": 4, "additional_params": {"x": 1}},
        "training": [1],
    }
    conversion = convert(mixed)
    assert check(conversion.document)
    with pytest.raises(ConfigError) as raised:
        from_document(mixed)
    assert raised.value.conversion is not None


def test_an_old_file_is_converted_before_it_is_overridden_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text("// of 2019\n" + json.dumps(ERA_E))
    loaded = load(path, ["training.epochs=2", "dataset.seed=4"])
    assert loaded.config.training.epochs == 2
    assert loaded.source["era"] == "E"
    assert loaded.conversion is not None
    assert loaded.conversion.era == "E"


keys = st.sampled_from(
    "model dataset training tracking experiment session parameters samples type name sequential optimizer train test "
    "preprocessors callbacks list options id problem hyper_params custom stack layers settings data_augmentors tags "
    "run_id seed shuffle additional_params compilation input_shape device".split()
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["keras", "dense", "mnist", "a.b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(keys, values, max_size=6))
def test_nothing_of_any_document_vanishes_unsaid(document: dict[str, Any]) -> None:
    conversion = convert(document)
    kept = list(_leaves(conversion.document))
    told = {change.before for change in (*conversion.changes, *conversion.lost)}
    for path, value in walk(document):
        if isinstance(value, dict | list) or value is None:
            continue
        above = {join(path[:length]) for length in range(1, len(path) + 1)}
        assert value in kept or above & told, (path, value)


def _leaves(document: dict[str, Any]) -> Iterator[Any]:
    for _, value in walk(document):
        if not isinstance(value, dict | list):
            yield value


@pytest.mark.parametrize("skipped", [True, False])
def test_to_skip_stop_words_was_to_keep_them(skipped: bool) -> None:
    steps = [{"type": "tfidf", "skip_stop_words": skipped, "max_features": 50}]
    conversion = convert({"dataset": {"name": "texts", "transformers": steps}, "model": {"network": []}})
    (step,) = conversion.document["dataset"]["transformers"]
    assert step == {"type": "tfidf", "max_features": 50, "remove_stop_words": not skipped}
    (change,) = conversion.changes
    assert (change.before, change.after) == (
        "dataset.transformers.0.skip_stop_words",
        "dataset.transformers.0.remove_stop_words",
    )
