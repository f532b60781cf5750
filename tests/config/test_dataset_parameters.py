"""The settings of datasets: what the catalog knows of them, so that a wrong one is found before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.config.catalog import load_catalog
from app.config.loading import LoadedConfig
from app.config.models import TrainingConfig
from app.config.resolve import resolve
from app.config.types import describe, fits

ProblemsOf = Callable[..., dict[str, str]]

CATALOG = load_catalog()
OWN_FILES = ["csv", "parquet", "arrays", "hdf5", "images", "texts"]


@pytest.mark.parametrize("id", CATALOG.ids("dataset"))
def test_every_setting_has_a_default_of_its_own_type(id: str) -> None:
    for parameter in CATALOG.require("dataset", id).parameters:
        assert describe(parameter.type)
        assert parameter.doc.endswith(".")
        assert parameter.required or fits(parameter.type, parameter.default), parameter.name


@pytest.mark.parametrize("id", OWN_FILES)
def test_data_of_ones_own_is_in_one_place(id: str, problems_of: ProblemsOf) -> None:
    def found(**parameters: Any) -> dict[str, str]:
        needs = {"target": "y"} if CATALOG.require("dataset", id).parameter("types") else {}
        return problems_of(dataset={"name": id, "parameters": {**needs, **parameters}}, model__input_shape=[3])

    assert found(path="data") == {}
    assert found(url="https://host/data", sha256="0" * 64) == {}
    assert list(found()) == ["dataset.parameters.path"]
    assert list(found(path="data", url="https://host/data")) == ["dataset.parameters.url"]


def test_a_table_needs_a_target_and_its_settings_are_checked(problems_of: ProblemsOf) -> None:
    parameters = {"path": "a.csv", "seperator": ";", "missing": "meen", "header": "yes", "max_categories": 1}
    found = problems_of(dataset={"name": "csv", "parameters": parameters})
    assert list(found) == [
        "dataset.parameters.seperator",
        "dataset.parameters.missing",
        "dataset.parameters.header",
        "dataset.parameters.max_categories",
        "dataset.parameters.target",
    ]
    assert "did you mean 'separator'?" in found["dataset.parameters.seperator"]
    assert "did you mean 'mean'?" in found["dataset.parameters.missing"]


@pytest.mark.parametrize("missing", ["error", "drop", "mean", "median", 0, -1.5])
def test_missing_values_are_a_word_or_a_number(missing: Any, problems_of: ProblemsOf) -> None:
    parameters = {"path": "a.csv", "target": "y", "missing": missing}
    assert problems_of(dataset={"name": "csv", "parameters": parameters}) == {}


def test_a_table_is_read_with_single_characters_and_has_classes_if_any(problems_of: ProblemsOf) -> None:
    def found(**parameters: Any) -> dict[str, str]:
        needs = {"path": "data.csv", "target": "y"}
        return problems_of(dataset={"name": "csv", "parameters": {**needs, **parameters}}, model__input_shape=[3])

    assert found(separator=";", decimal=",", classes=["a", "b"]) == {}
    for key, value in (("separator", "::"), ("separator", ""), ("decimal", "é"), ("classes", [])):
        assert list(found(**{key: value})) == [f"dataset.parameters.{key}"]


def test_paths_of_datasets_no_longer_depend_on_where_the_config_lies(document: dict[str, Any], tmp_path: Path) -> None:
    parameters = {"path": "../X.npy", "target_path": "sub/y.npy", "url": None}
    document["dataset"] = {"name": "npy", "parameters": parameters}
    folder = tmp_path / "configs"
    resolved = resolve(LoadedConfig(document, TrainingConfig.model_validate(document), folder=folder))["dataset"]
    assert resolved["name"] == "arrays"
    assert resolved["parameters"]["path"] == str(tmp_path / "X.npy")
    assert resolved["parameters"]["target_path"] == str(folder / "sub" / "y.npy")
    assert resolved["parameters"]["features"] is None
