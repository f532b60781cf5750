"""The shipped catalog beside the Keras that is installed; TensorFlow is imported here, once for all these tests."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from app.config.catalog import Component, load_catalog
from app.resources import resource

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SHIPPED: dict[str, dict[str, Any]] = json.loads(resource("catalog", "keras.json").read_text(encoding="utf-8"))
#: All but what Keras has no class for any more, and is accepted as what it became.
CLASSES = [(kind, id) for kind, entries in SHIPPED.items() for id, entry in entries.items() if entry["cls"]]

#: Values for parameters that have no default, by name or else by the first term of their type.
SAMPLES: dict[str, Any] = {
    "int": 2, "float": 0.5, "str": "a", "activation": "relu", "shape": [2], "int[]": [1, 2], "float[]": [1.0, 2.0],
    "float[2]": [0, 1], "target_class_ids": [0, 1], "equation": "ab,bc->ac", "filepath": "weights.h5",
    "values": [1, 2, 3],
}  # fmt: skip

#: What single components need beyond that.
ALSO: dict[str, dict[str, Any]] = {
    "input_layer": {"shape": [2]},
    "category_encoding": {"num_tokens": 3},
    "discretization": {"bin_boundaries": [0.2, 0.5]},
    "random_posterization": {"factor": 4},
    "backup_and_restore": {"backup_dir": "backup"},  # without one it is in the folder of the run
}


@pytest.fixture(scope="module")
def keras() -> Any:
    import keras

    return keras


def found_in(keras: Any, path: str) -> Any:
    for part in path.split(".")[1:]:
        keras = getattr(keras, part)
    return keras


def test_the_shipped_catalog_is_what_the_installed_keras_gives() -> None:
    from app.engine.catalog import catalog

    installed = catalog()
    assert list(installed) == list(SHIPPED)
    changed = [
        f"{kind} {id}"
        for kind in SHIPPED
        for id in sorted(SHIPPED[kind].keys() | installed[kind].keys())
        if SHIPPED[kind].get(id) != installed[kind].get(id)
    ]
    assert changed == [], "run python -m app.engine.catalog and look at what has changed"


def test_the_shipped_file_is_written_as_the_generator_writes_it() -> None:
    from app.engine.catalog import text

    assert resource("catalog", "keras.json").read_text(encoding="utf-8") == text()


def test_the_shipped_models_are_what_is_installed() -> None:
    from app.engine.model_catalog import text

    shipped = resource("catalog", "models.json").read_text(encoding="utf-8")
    assert shipped == text(), "run python -m app.engine.model_catalog and look at what has changed"


@pytest.mark.parametrize(("kind", "id"), CLASSES)
def test_a_component_names_a_class_that_keras_has(keras: Any, kind: str, id: str) -> None:
    assert callable(found_in(keras, SHIPPED[kind][id]["cls"]))


def values(component: Component) -> dict[str, Any]:
    made = {}
    for parameter in component.parameters:
        sample = SAMPLES.get(parameter.name, SAMPLES.get(parameter.type.split("|")[0]))
        made[parameter.name] = sample if parameter.required else parameter.default
    made.pop("period", None)  # ours, not Keras'
    return made | ALSO.get(component.id, {})


@pytest.mark.parametrize(
    ("kind", "id"),
    [
        (kind, id)
        for kind, id in CLASSES
        if kind != "activation"
        and not any(
            parameter.get("required") and parameter["type"].startswith(("layer", "optimizer"))
            for parameter in SHIPPED[kind][id]["parameters"]
        )
    ],
)
def test_a_component_can_be_made_with_every_default_given(keras: Any, kind: str, id: str) -> None:
    component = load_catalog().require(kind, id)
    cls = found_in(keras, component.cls)
    given = {name: value for name, value in values(component).items() if name != "inputs"}  # Trackside's own
    assert isinstance(cls(**given), cls)
