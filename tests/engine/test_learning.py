"""What a config may ask of training beyond the seeds' example: graphs, estimators, weights, steps, data on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import skops.io

from app.engine.ending import StopSwitch, TrainingError
from app.engine.outcome import Outcome
from app.engine.trainer import Trainer
from tests.engine.conftest import Record, config_of, document

IRIS: dict[str, Any] = {
    "dataset__name": "iris",
    "model__input_shape": [4],
    "model__network": [{"type": "dense", "units": 3, "activation": "softmax"}],
    "model__compilation": {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
}


def train(record: Record, **changes: Any) -> Outcome:
    config = config_of(document(**changes))
    cache = record.folder.path.parent / "cache"
    return Trainer(config, record.folder, cache, record.recorder, StopSwitch()).run()


def test_a_forest_is_one_line_away_from_a_network(record: Record) -> None:
    model = {"name": "random_forest_regressor", "hyperparameters": {"n_estimators": 5}}
    assert train(record, model=model, training__callbacks=[]) == Outcome("finished")
    assert {"loss", "val_loss", "test_loss", "r2_score", "val_mean_absolute_error"} <= set(record.metrics)
    assert record.metrics["loss"][0] < record.metrics["val_loss"][0]
    assert record.metrics["test_loss"][0] > 1000 > 1 > record.metrics["test_r2_score"][0]  # a mean of squares, no R2
    path = record.folder.path / "model.skops"
    forest = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    assert len(forest.estimators_) == 5


def test_a_classifier_tells_accuracy_and_cross_entropy(record: Record) -> None:
    train(record, **IRIS | {"model": {"name": "logistic_regression"}}, training__callbacks=[])
    assert record.metrics["test_accuracy"][0] > 0.7
    assert 0 < record.metrics["test_loss"][0] < 1


def test_an_estimator_is_measured_on_parts_that_it_was_not_fitted_on(record: Record) -> None:
    changes = IRIS | {"model__name": "gaussian_nb", "training__cross_validation": {"cv": 4, "n_jobs": 2}}
    train(record, **changes, training__class_weight={"0": 2.0})
    assert len(record.metrics["cv_accuracy"]) == 4
    assert np.mean(record.metrics["cv_accuracy"]) > 0.85  # type: ignore[arg-type]
    assert record.series("cv_loss")["step"].tolist() == [1, 2, 3, 4]
    assert "gaussian_nb makes no use of model.input_shape, model.network, model.compilation" in record.log


def test_no_transformer_learns_from_the_part_that_an_estimator_is_measured_on(record: Record, tmp_path: Path) -> None:
    """Of pure noise, features chosen with the targets of all parts would tell much of those targets."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "noise.npz", X=rng.normal(size=(120, 3000)), y=np.arange(120) % 2)
    dataset = {
        "name": "arrays",
        "parameters": {"path": str(tmp_path / "noise.npz"), "features": "X", "target": "y"},
        "transformers": [{"type": "kbest", "k": 20, "scorer": "f_classif"}],
    }
    model = {"name": "logistic_regression"}
    train(record, model=model, dataset=dataset, training__samples={"fit": 1.0}, training__cross_validation={"cv": 5})
    assert record.metrics["accuracy"][0] > 0.8
    assert np.mean(record.metrics["cv_accuracy"]) < 0.65  # type: ignore[arg-type]
    assert record.elapsed["cross_validate"] > 0


def test_the_parts_of_a_sorted_file_are_shuffled(record: Record, tmp_path: Path) -> None:
    x = np.linspace(0, 3, 200)
    with h5py.File(tmp_path / "sorted.h5", "w") as file:
        file["X"], file["y"] = x[:, np.newaxis], x**2
    dataset = {"name": "hdf5", "parameters": {"path": str(tmp_path / "sorted.h5")}}
    training = {"samples": {"fit": 1.0}, "cross_validation": {"cv": 4}, "chunk_size": 50}
    train(record, model={"name": "ridge"}, dataset=dataset, training=training)
    assert min(record.metrics["cv_r2_score"]) > 0.8  # type: ignore[type-var]


def test_more_parts_than_there_are_samples_of_a_class_are_refused(record: Record) -> None:
    changes = IRIS | {"model__name": "gaussian_nb", "training__cross_validation": {"cv": 60}}
    with pytest.raises(TrainingError, match=r"^training\.cross_validation \(gaussian_nb\): .*n_splits=60"):
        train(record, **changes)


def test_classes_weigh_on_an_estimator_as_on_a_network(records: Callable[[str], Record]) -> None:
    losses = []
    for number, weight in enumerate((None, {"0": 50.0})):
        record = records(str(number))
        train(record, **IRIS | {"model": {"name": "logistic_regression"}}, training__class_weight=weight)
        losses.append(record.metrics["loss"][0])
    assert losses[0] != losses[1]


def test_an_estimator_takes_weights_of_its_own_by_the_numbers_of_classes(record: Record) -> None:
    weights = {"0": 1, "1": 5.5, "2": 1}
    model = {"name": "decision_tree_classifier", "hyperparameters": {"class_weight": weights}}
    train(record, **IRIS | {"model": model}, training__callbacks=[])
    path = record.folder.path / "model.skops"
    tree = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    assert tree.class_weight == {0: 1, 1: 5.5, 2: 1}


def test_an_estimator_does_not_know_classes_by_name(record: Record) -> None:
    model = {"name": "svc", "hyperparameters": {"class_weight": {"setosa": 2}}}
    with pytest.raises(TrainingError, match=r"^model\.hyperparameters\.class_weight\.setosa: svc knows .* numbers"):
        train(record, **IRIS | {"model": model})


def test_an_estimator_that_cannot_weigh_samples_says_so(record: Record) -> None:
    changes = IRIS | {"model": {"name": "k_neighbors_classifier"}, "training__class_weight": "balanced"}
    with pytest.raises(TrainingError, match=r"^training\.class_weight: k_neighbors_classifier cannot weigh samples"):
        train(record, **changes)


def test_an_estimator_that_cannot_take_the_targets_is_named(record: Record) -> None:
    with pytest.raises(TrainingError, match=r"^model\.name \(logistic_regression\): wants classes, .* boston_housing"):
        train(record, dataset__name="boston_housing", model={"name": "logistic_regression"}, training__callbacks=[])


def test_the_size_of_the_last_layer_is_that_of_the_targets(record: Record) -> None:
    changes = IRIS | {"model__network": [{"type": "dense", "activation": "softmax"}], "model__input_shape": None}
    train(record, **changes)
    assert keras.models.load_model(record.folder.model).output_shape == (None, 3)


def test_a_network_branches_and_joins_by_the_names_of_its_layers(record: Record) -> None:
    network = [
        {"type": "dense", "units": 4, "name": "left", "inputs": "input"},
        {"type": "dense", "units": 4, "name": "right", "inputs": "input"},
        {"type": "add", "inputs": ["left", "right"], "name": "sum"},
        {"type": "dense", "units": 3, "activation": "softmax"},
    ]
    train(record, **IRIS | {"model__network": network})
    names = [layer.name for layer in keras.models.load_model(record.folder.model).layers]
    assert {"left", "right", "sum"} <= set(names)


def test_one_hot_targets_are_trained_on_with_weights_by_class(record: Record) -> None:
    compilation = {"optimizer": "adam", "loss": "categorical_crossentropy", "metrics": ["accuracy"]}
    changes = IRIS | {"model__compilation": compilation, "dataset__one_hot": True}
    train(record, **changes, training__class_weight={"0": 1.0, "1": 2.0})
    assert record.metrics["accuracy"]


def named(*classes: str) -> dict[str, Any]:
    return {"model__compilation": {**IRIS["model__compilation"], "class_names": [*classes]}}


def test_the_size_of_the_last_layer_is_that_of_the_class_names_too(record: Record) -> None:
    changes = IRIS | {"model__network": [{"type": "dense", "activation": "softmax"}], "model__input_shape": None}
    train(record, **changes | named("a", "b", "c", "never seen"))
    assert keras.models.load_model(record.folder.model).output_shape == (None, 4)


def test_as_many_names_as_classes_are_wanted(record: Record) -> None:
    with pytest.raises(TrainingError, match=r"^model\.compilation\.class_names: has 2 names, but the model tells 3"):
        train(record, **IRIS | named("a", "b"))


def test_balanced_weights_are_those_of_the_classes_that_there_are(record: Record) -> None:
    assert train(record, **IRIS, training__class_weight="balanced") == Outcome("finished")


def test_a_weight_of_a_class_that_is_not_there_is_refused(record: Record) -> None:
    with pytest.raises(TrainingError, match=r"^training\.class_weight\.setoza: there is no such class; 0 to 2"):
        train(record, **IRIS, training__class_weight={"setoza": 2.0})


def test_an_epoch_may_have_fewer_steps_than_there_are_batches(record: Record) -> None:
    train(record, training__steps_per_epoch=2, training__batch_size=100, training__epochs=3)
    assert record.series(".batch/loss")["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert np.isfinite(record.series(".batch/loss")["value"]).all()
    assert len(record.metrics["loss"]) == 3


def test_training_goes_on_after_epochs_that_count_as_done(record: Record) -> None:
    train(record, training__initial_epoch=1, training__epochs=3)
    assert record.series("loss")["step"].tolist() == [2, 3]
