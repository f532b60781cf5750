"""What layers and optimizers are made of, and layers that join others: all of the catalog, under all their names."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from app.config.catalog import load_catalog
from app.engine.building import build_model, make_component
from tests.engine.conftest import entry, model_config

CATALOG = load_catalog()

#: Settings without which a component cannot be made, or makes nothing of a small matrix.
NEEDED: dict[str, dict[str, Any]] = {
    "cosine_decay": {"initial_learning_rate": 0.1, "decay_steps": 4},
    "cosine_decay_restarts": {"initial_learning_rate": 0.1, "first_decay_steps": 4},
    "exponential_decay": {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5},
    "l1l2": {"l1": 0.1},
    "inverse_time_decay": {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5},
    "piecewise_constant_decay": {"boundaries": [2], "values": [0.1, 0.01]},
    "polynomial_decay": {"initial_learning_rate": 0.1, "decay_steps": 4},
}
#: Initializers of tensors of other ranks than a matrix.
SHAPES = {"stft": (8, 1, 9)}


def made(kind: str, id: str) -> Any:
    return make_component(kind, entry(kind, id, **NEEDED.get(id, {})), kind)


def names_of(kind: str) -> list[tuple[str, str]]:
    """Return every name of every component of a kind, and the same with the underscores of the older systems."""
    found = []
    for id in CATALOG.ids(kind):
        names = [id, *CATALOG.require(kind, id).aliases]
        older = [name[:-2] + "_" + name[-2:] for name in names if name[-2:] in ("1d", "2d", "3d")]
        found += [(name, id) for name in (*names, *older, id.replace("_", ""), id.title().replace("_", ""))]
    return found


@pytest.mark.parametrize("kind", ["layer", "optimizer", "loss", "metric", "initializer", "regularizer", "schedule"])
def test_every_name_that_a_component_ever_had_means_it(kind: str) -> None:
    for name, id in names_of(kind):
        assert CATALOG.require(kind, name).id == id


@pytest.mark.parametrize("id", CATALOG.ids("initializer"))
def test_an_initializer_gives_the_first_weights(id: str) -> None:
    shape = SHAPES.get(id, (4, 4))
    values = np.asarray(made("initializer", id)(shape))
    assert values.shape == shape
    assert np.isfinite(values).all()


@pytest.mark.parametrize("id", CATALOG.ids("regularizer"))
def test_a_regularizer_adds_to_the_loss(id: str) -> None:
    assert float(made("regularizer", id)(keras.ops.ones((3, 3)) * 2)) > 0


@pytest.mark.parametrize("id", CATALOG.ids("constraint"))
def test_a_constraint_gives_weights_of_the_same_shape(id: str) -> None:
    assert made("constraint", id)(keras.ops.ones((3, 3)) * 5).shape == (3, 3)


@pytest.mark.parametrize("id", CATALOG.ids("schedule"))
def test_a_schedule_makes_the_rate_smaller(id: str) -> None:
    schedule = made("schedule", id)
    assert float(schedule(0)) > float(schedule(3)) > 0


@pytest.mark.parametrize("id", CATALOG.ids("activation"))
def test_an_activation_is_one_that_keras_has_by_its_id(id: str) -> None:
    network = [{"type": "dense", "units": 3, "activation": id}]
    model = build_model(model_config(*network), (4,))
    assert keras.activations.serialize(model.layers[0].activation) == id


@pytest.mark.parametrize(
    ("id", "shapes"),
    [
        *((id, ([4], [4])) for id in ("add", "average", "concatenate", "maximum", "minimum", "multiply", "subtract")),
        ("attention", ([5, 4], [5, 4])),
        ("additive_attention", ([5, 4], [5, 4])),
        ("dot", ([4], [4])),
    ],
)
def test_a_layer_that_joins_several_stands_in_a_branching_network(id: str, shapes: Any) -> None:
    options = {"axes": 1} if id == "dot" else {}
    network = [{"type": id, "inputs": ["a", "b"], **options}, {"type": "flatten"}]
    model = build_model(model_config(*network), {"a": shapes[0], "b": shapes[1]})
    inputs = {name: np.ones((2, *shape), np.float32) for name, shape in zip("ab", shapes, strict=True)}
    assert model(inputs).shape[0] == 2
