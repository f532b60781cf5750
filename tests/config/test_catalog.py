from __future__ import annotations

import pytest

from app.config.catalog import load_catalog
from app.config.types import describe, fits


@pytest.mark.parametrize(
    ("kind", "name", "id"),
    [
        ("layer", "dense", "dense"),
        ("layer", "Dense", "dense"),
        ("layer", "conv_2d", "conv2d"),
        ("layer", "Convolution2D", "conv2d"),
        ("layer", "maxpooling2d", "max_pooling2d"),
        ("layer", "max_pooling_2d", "max_pooling2d"),
        ("layer", "global_average_pooling_1d", "global_average_pooling1d"),
        ("layer", "cudnn_gru", "gru"),
        ("optimizer", "RMSprop", "rmsprop"),
        ("loss", "mse", "mean_squared_error"),
        ("loss", "kullback_leibler_divergence", "kl_divergence"),
        ("metric", "acc", "accuracy"),
        ("metric", "mae", "mean_absolute_error"),
        ("initializer", "uniform", "random_uniform"),
        ("callback", "reduce_lr_on_plateau", "reduce_learning"),
    ],
)
def test_a_component_is_found_by_every_name_it_has_had(kind: str, name: str, id: str) -> None:
    assert load_catalog().require(kind, name).id == id


def test_no_name_means_two_components_of_a_kind() -> None:
    catalog = load_catalog()
    for kind in catalog.kinds:
        for id in catalog.ids(kind):
            component = catalog.require(kind, id)
            assert component.id == id
            assert all(catalog.require(kind, alias) is component for alias in component.aliases)


def test_an_unknown_component_is_none_and_its_closest_is_told() -> None:
    catalog = load_catalog()
    assert catalog.get("layer", "dens") is None
    assert catalog.closest("layer", "dens") == "dense"
    assert catalog.closest("layer", "xyz") is None
    with pytest.raises(KeyError, match="dense"):
        catalog.require("layer", "dens")


def test_a_parameter_tells_its_type_default_bounds_and_choices() -> None:
    dense = load_catalog().require("layer", "dense")
    units, activation = dense.parameter("units"), dense.parameter("activation")
    assert units is not None
    assert (units.type, units.required, units.minimum) == ("int", True, 1)
    assert activation is not None
    assert (activation.type, activation.default) == ("activation|null", None)
    assert "relu" in activation.choices
    assert dense.parameter("no_such") is None


def test_every_default_is_of_its_parameters_type_and_among_its_choices() -> None:
    catalog = load_catalog()
    for kind in catalog.kinds:
        for component in (catalog.require(kind, id) for id in catalog.ids(kind)):
            for parameter in component.parameters:
                name = f"{kind} {component.id}.{parameter.name}"
                assert parameter.required or fits(parameter.type, parameter.default), name
                known = parameter.choices and isinstance(parameter.default, str)
                choices = {choice.replace("_", "") for choice in parameter.choices}
                nested = parameter.type.split("|")[0] in catalog.kinds
                assert not known or nested or parameter.default.replace("_", "") in choices, name
                assert not known or not nested or catalog.get(parameter.type.split("|")[0], parameter.default), name


@pytest.mark.parametrize(
    ("type_", "right", "wrong"),
    [
        ("int", [3, -1], [True, 3.0, "3", None]),
        ("float", [3, 0.5], [True, "3", float("nan"), float("inf")]),
        ("int|int[2]", [3, [3, 3]], [[3], [3, 3, 3], [3, "3"]]),
        ("int[2][3]", [[[1, 2], [3, 4], [5, 6]]], [[[1, 2, 3], [4, 5, 6]]]),
        ("shape", [[1, None], []], [3, ["a"]]),
        ("bool|null", [True, None], [0, ""]),
        ("initializer", ["zeros", {"type": "zeros"}], [3, None]),
        ("any", [None, 3, [{}]], []),
    ],
)
def test_a_type_takes_what_it_says(type_: str, right: list[object], wrong: list[object]) -> None:
    assert all(fits(type_, value) for value in right)
    assert not any(fits(type_, value) for value in wrong)


def test_a_type_is_told_in_words() -> None:
    assert describe("int|int[2]|null") == "a whole number, a list of 2 whole numbers or null"
    assert describe("int[2][3]") == "a list of 3 lists of 2 whole numbers"
    assert describe("layer|layer[]") == "a layer or a list of layers"
    assert describe("optimizer") == "an optimizer"
