"""The JSON Schema of a config says what the checks say, as far as a schema can."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.config.catalog import Component, Parameter, load_catalog, work_in
from app.config.components import check_component
from app.config.json_schema import config_schema
from app.config.loading import from_document
from app.config.resolve import resolve
from app.config.types import KINDS, split_list

CATALOG = load_catalog()
COMPONENTS = [
    (kind, id) for kind in ("layer", "optimizer", "loss", "metric", "callback", "tracker") for id in CATALOG.ids(kind)
]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return config_schema()


@pytest.fixture(scope="module")
def errors_of(schema: dict[str, Any]) -> Callable[[Any], list[str]]:
    validator = Draft202012Validator(schema)
    return lambda document: [error.json_path for error in validator.iter_errors(document)]


@pytest.fixture(scope="module")
def is_valid(schema: dict[str, Any]) -> Callable[[str, Any], bool]:
    """Return whether a value is valid as what ``$defs`` calls so."""
    made: dict[str, Draft202012Validator] = {}

    def check(name: str, value: Any) -> bool:
        if name not in made:
            made[name] = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})
        return made[name].is_valid(value)

    return check


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    made: Any = copy.deepcopy(document)
    *parents, last = path.split(".")
    at = made
    for key in parents:
        at = at[int(key)] if isinstance(at, list) else at[key]
    at[int(last) if isinstance(at, list) else last] = value
    return dict(made)


def test_it_is_a_json_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def test_the_example_and_its_resolved_form_are_valid(
    document: dict[str, Any], errors_of: Callable[[Any], list[str]]
) -> None:
    assert errors_of(document) == []
    assert errors_of(resolve(from_document(document, {"file": "x"}))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.epoch", 3),
        ("training.epochs", "3"),
        ("training.epochs", 0),
        ("training.samples.fit", 0),
        ("model.network", []),
        ("model.network.0.type", "dens"),
        ("model.network.0.units", "many"),
        ("model.network.0.unit", 3),
        ("model.network.0.activation", "rely"),
        ("model.network.0.kernel_initializer", {"type": "glorot_normal", "sed": 1}),
        ("model.compilation.optimizer", "adm"),
        ("model.compilation.optimizer", {"type": "adam", "lr": 0.1}),
        ("model.compilation.loss", {"type": "huber", "delta": "x"}),
        ("model.compilation.metrics", ["mea"]),
        ("dataset.name", "bostn"),
        ("dataset.parameters", {"path": "x"}),
        ("tracking.trackers.0", {"type": "mlflow", "store": "tape"}),
        ("tracking.trackers.0", "mlflow"),
        ("session", {"device": "tpu"}),
    ],
)
def test_a_wrong_config_is_not(
    document: dict[str, Any], errors_of: Callable[[Any], list[str]], path: str, value: Any
) -> None:
    assert errors_of(changed(document, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.network.0.type", "Dense"),
        ("model.network.0", {"type": "conv_2d", "filters": 3, "kernel_size": 3}),
        ("model.network.0", {"type": "mine:Layer", "whatever": [1]}),
        ("model.network.0.kernel_initializer", {"type": "glorot_normal", "seed": 1}),
        ("model.network.0.kernel_regularizer", "l2"),
        ("model.compilation.loss", {"type": "huber", "delta": 2}),
        ("model.compilation.loss", {"a": "mse", "b": {"type": "huber"}}),
        ("model.compilation.metrics", {"a": ["mae"]}),
        ("model.compilation.metrics", ["acc", "AUC", {"type": "mean_squared_error"}]),
        ("model.compilation.optimizer", {"type": "sgd", "learning_rate": 0.1}),
        ("model.input_shape", {"a": [3], "b": [4, 4]}),
        ("dataset.name", "mine:Dataset"),
        ("experiment", {"name": "x", "tags": ["a", "b"]}),
        ("experiment", {"name": None, "tags": {"a": "b"}}),
        ("training.class_weight", {"0": 1.5}),
        ("training.samples", {"fit": 300, "test": 100}),
    ],
)
def test_another_right_one_is(
    document: dict[str, Any], errors_of: Callable[[Any], list[str]], path: str, value: Any
) -> None:
    assert errors_of(changed(document, path, value)) == []


@pytest.mark.parametrize(("kind", "id"), COMPONENTS)
def test_of_a_component_it_says_what_the_check_says(kind: str, id: str, is_valid: Callable[[str, Any], bool]) -> None:
    component = CATALOG.require(kind, id)
    least = {"type": id, **{each.name: example(each) for each in component.parameters if each.required}}
    assert check_component((), kind, least) == []
    assert is_valid(kind, least)
    for alias in component.aliases:
        assert is_valid(kind, {**least, "type": alias}), alias
    assert not is_valid(kind, {**least, "no_such_parameter": 1})
    alone = f"{kind}/oneOf/{CATALOG.ids(kind).index(id)}"
    for value in wrong_values(component, least):
        assert is_valid(alone, value) == (check_component((), kind, value) == []), value


def wrong_values(component: Component, least: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the component with other values, right and wrong, and without what it needs."""
    for parameter in component.parameters:
        if parameter.required:
            yield {key: value for key, value in least.items() if key != parameter.name}
        for value in (True, 2, 0.5, -3, None, "no such thing", [1, 2], ["a"], {"type": "no such thing"}):
            yield {**least, parameter.name: value}


def example(parameter: Parameter) -> Any:
    """Return a value that a parameter takes."""
    term = parameter.type.split("|")[0]
    item, length = split_list(term) or (term, 0)
    if item in KINDS:
        whole = {
            "layer": {"type": "flatten"},
            "schedule": {"type": "cosine_decay", "initial_learning_rate": 0.1, "decay_steps": 2},
        }
        value: Any = whole.get(item, CATALOG.ids(item)[0])
    else:
        known = {"bool": True, "str": "a", "path": "a", "dict": {}, "any": 1, "shape": [1]}
        value = known.get(item, max(1, parameter.minimum or 1))
    if parameter.choices and item == "str":
        value = parameter.choices[0]
    return value if item == term else [value] * (length or 1)


def test_components_of_the_workspace_are_in_it(tmp_path: Path) -> None:
    components = tmp_path / "components"
    components.mkdir()
    (components / "scale.py").write_text(
        "class Scale:\n"
        '    """Scale it."""\n'
        "    def __init__(self, by: float, how: str = 'up'): ...\n"
        "    def transform(self, X): ...\n"
    )
    try:
        work_in(tmp_path)
        schema = config_schema()
    finally:
        work_in(tmp_path / "elsewhere")
    validator = Draft202012Validator({"$ref": "#/$defs/preprocessor", "$defs": schema["$defs"]})
    assert validator.is_valid({"type": "scale:Scale", "by": 2})
    assert not validator.is_valid({"type": "scale:Scale"})
    assert not validator.is_valid({"type": "scale:Scale", "by": 2, "hwo": "down"})
    assert validator.is_valid({"type": "other:Scale", "hwo": "down"})
