from __future__ import annotations

import copy
from typing import Any

import pytest

from app.config.checking import check
from app.config.overrides import apply_overrides
from app.config.problems import ConfigError


def test_values_are_set_by_path_and_the_document_itself_is_left_alone(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    changed = apply_overrides(
        document, ["training.epochs=3", "model.network.1.units=64", "dataset.seed=3", "experiment.name=Two words"]
    )
    assert document == before
    assert changed["training"]["epochs"] == 3
    assert changed["model"]["network"][1]["units"] == 64
    assert changed["dataset"]["seed"] == 3
    assert changed["experiment"]["name"] == "Two words"
    assert check(changed) == []


def test_a_value_may_be_any_json_and_may_hold_an_equals_sign(document: dict[str, Any]) -> None:
    changed = apply_overrides(document, ['tracking.params={"a": "b=c"}', "training.callbacks=[]", "session=null"])
    assert changed["tracking"]["params"] == {"a": "b=c"}
    assert changed["training"]["callbacks"] == []
    assert changed["session"] is None


def test_sections_that_are_not_there_are_made(document: dict[str, Any]) -> None:
    changed = apply_overrides(document, ["session.options.num_cores=2"])
    assert changed["session"] == {"options": {"num_cores": 2}}


def test_a_component_given_by_its_id_becomes_an_object_when_a_parameter_is_set(document: dict[str, Any]) -> None:
    changed = apply_overrides(
        document,
        [
            "model.compilation.optimizer.learning_rate=0.01",
            "model.compilation.metrics.0.name=error",
            "model.network.0.activation=tanh",
        ],
    )
    assert changed["model"]["compilation"]["optimizer"] == {"type": "adam", "learning_rate": 0.01}
    assert changed["model"]["compilation"]["metrics"] == [{"type": "mae", "name": "error"}]
    assert check(changed) == []


def test_a_nested_component_given_by_its_id_becomes_an_object_too(document: dict[str, Any]) -> None:
    changed = apply_overrides(
        document,
        ["model.network.0.kernel_initializer=he_normal", "model.network.0.kernel_initializer.seed=3"],
    )
    assert changed["model"]["network"][0]["kernel_initializer"] == {"type": "he_normal", "seed": 3}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epocs=3", "did you mean 'epochs'?"),
        ("trainin.epochs=3", "did you mean 'training'?"),
        ("model.network.3.units=1", "the list has 3 items"),
        ("model.network.first.units=1", "the list has 3 items"),
        ("dataset.preprocessors.0.factor=2", "the list has 0 items"),
        ("experiment.name.first=x", "experiment.name is a text and has no keys"),
        ("training.epochs", "path=value"),
        ("=3", "path=value"),
    ],
)
def test_an_impossible_path_says_what_would_be_possible(document: dict[str, Any], override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        apply_overrides(document, [override])
    assert message in str(caught.value)


def test_all_overrides_that_are_wrong_are_told_at_once(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        apply_overrides(document, ["training.epocs=3", "training.epochs=4", "nothing"])
    assert len(caught.value.problems) == 2


def test_a_wrong_override_without_a_path_does_not_repeat_a_value_that_may_be_secret(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        apply_overrides(document, ["=hunter2"])
    assert "hunter2" not in str(caught.value)
