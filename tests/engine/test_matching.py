"""What is said of samples that do not fit the model, before Keras says it badly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.engine.building import build_model
from app.engine.ending import TrainingError
from app.engine.matching import check_samples
from app.engine.samples import Samples
from tests.engine.conftest import config_of, document

CLASSES = np.array([0, 1, 2, 1])
MEASURED = np.array([24.0, 21.6, 34.7, 50.0], np.float32)


def check(y: Any, units: int, loss: Any, *, X: Any = None, layers: list[dict[str, Any]] | None = None) -> None:
    network = layers or [{"type": "dense", "units": units}]
    made = document(model__network=network, model__compilation__loss=loss, model__compilation__metrics=[])
    config = config_of(made)
    check_samples(build_model(config.model, (10,)), config, Samples(np.zeros((4, 10)) if X is None else X, y))


@pytest.mark.parametrize(
    ("y", "units", "loss"),
    [
        (MEASURED, 1, "mse"),
        (MEASURED[:, np.newaxis], 1, "mse"),
        (CLASSES, 3, "sparse_categorical_crossentropy"),
        (CLASSES.astype(np.float32), 4, "sparse_categorical_crossentropy"),
        (CLASSES[:, np.newaxis], 3, "sparse_categorical_crossentropy"),
        (np.array([0, -1, 2, -1]), 3, {"type": "sparse_categorical_crossentropy", "ignore_class": -1}),
        (np.eye(3)[CLASSES], 3, "categorical_crossentropy"),
        (np.eye(3)[CLASSES], 3, "binary_crossentropy"),
        (np.array([0, 1, 1, 0]), 1, "binary_crossentropy"),
        (CLASSES, 5, "circle"),
    ],
)
def test_targets_that_fit_pass(y: Any, units: int, loss: Any) -> None:
    check(y, units, loss)


@pytest.mark.parametrize(
    ("y", "units", "loss", "message"),
    [
        (
            CLASSES,
            2,
            "sparse_categorical_crossentropy",
            "model.network.0 (dense): gives a value for 2 classes, but the targets of diabetes are the classes 0 to 2; "
            "3 values or more would be right",
        ),
        (
            np.array([0, -1, 2, -1]),
            3,
            "sparse_categorical_crossentropy",
            "model.compilation.loss (sparse_categorical_crossentropy): wants classes from 0 on, but the targets of "
            "diabetes begin with -1",
        ),
        (
            MEASURED,
            60,
            "sparse_categorical_crossentropy",
            "model.compilation.loss (sparse_categorical_crossentropy): wants whole numbers of classes, but the targets "
            "of diabetes are measured; take a loss such as mse",
        ),
        (
            np.eye(3)[CLASSES],
            3,
            "sparse_categorical_crossentropy",
            "model.compilation.loss (sparse_categorical_crossentropy): wants the number of a class for every 3 values "
            "of the model, but the targets of diabetes are 3 values a sample",
        ),
        (
            CLASSES,
            3,
            "categorical_crossentropy",
            "model.network.0 (dense): the model gives 3 values a sample, but the targets of diabetes are 1 value; for "
            "class numbers take the loss sparse_categorical_crossentropy, or dataset.one_hot",
        ),
        (
            MEASURED,
            4,  # as many as a batch may have: Keras would train on nonsense
            "mse",
            "model.network.0 (dense): the model gives 4 values a sample, but the targets of diabetes are 1 value",
        ),
        (
            MEASURED,
            1,
            "binary_crossentropy",
            "model.compilation.loss (binary_crossentropy): wants targets from 0 to 1, but the targets of diabetes go "
            "from 21.6 to 50",
        ),
    ],
)
def test_targets_that_do_not_fit_are_refused_by_key(y: Any, units: int, loss: str, message: str) -> None:
    with pytest.raises(TrainingError) as caught:
        check(y, units, loss)
    assert str(caught.value) == message


def test_a_model_of_several_values_beside_each_other_is_described_by_its_shape() -> None:
    layers = [{"type": "reshape", "target_shape": [5, 2]}]
    with pytest.raises(TrainingError, match=r"the model gives values of shape \[5, 2\] a sample"):
        check(MEASURED, 0, "mse", layers=layers)


def test_features_of_another_shape_are_refused() -> None:
    with pytest.raises(TrainingError) as caught:
        check(MEASURED, 1, "mse", X=np.zeros((4, 9)))
    assert str(caught.value) == ("model.input_shape: [10] does not fit the samples of diabetes, which are of shape [9]")
