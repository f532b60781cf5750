"""Files and folders that a config reads are missed before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.config.inputs import check_inputs
from app.config.loading import from_document
from app.config.problems import ConfigError, Problem


def table(path: str) -> dict[str, Any]:
    return {"dataset": {"name": "csv", "parameters": {"path": path, "target": "y"}}}


def test_what_is_there_is_no_problem_whether_its_path_is_relative_or_absolute(tmp_path: Path) -> None:
    (tmp_path / "data.csv").touch()
    assert check_inputs(table("data.csv"), tmp_path) == []
    assert check_inputs(table(str(tmp_path / "data.csv")), Path("/")) == []


def test_a_file_that_is_missing_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "data.csv").touch()
    assert check_inputs(table("dato.csv"), tmp_path) == [
        Problem(
            "dataset.parameters.path",
            f"there is no {tmp_path / 'dato.csv'}",
            "a path that is there, such as 'data.csv' in the same folder",
        )
    ]


def test_a_folder_that_is_missing_is_told_by_the_last_one_that_is_there(tmp_path: Path) -> None:
    (problem,) = check_inputs(table("some/where/data.csv"), tmp_path)
    assert problem.valid == f"a path that is there; {tmp_path} is the last folder of it that is"


def test_weights_are_looked_for_unless_they_have_a_name(tmp_path: Path) -> None:
    model = {"name": "mobilenetv2", "weights": "earlier", "hyperparameters": {"weights": "mine.h5"}}
    assert [problem.path for problem in check_inputs({"model": model}, tmp_path)] == [
        "model.weights",
        "model.hyperparameters.weights",
    ]
    named = {"name": "mobilenetv2", "hyperparameters": {"weights": "imagenet"}}
    assert check_inputs({"model": named}, tmp_path) == []


@pytest.mark.parametrize("document", [{}, {"dataset": 1}, {"dataset": {"name": [], "parameters": []}}, table("")])
def test_what_is_wrong_in_other_ways_is_left_to_others(document: dict[str, Any], tmp_path: Path) -> None:
    assert check_inputs(document, tmp_path) == []


def test_a_config_whose_data_is_missing_is_not_loaded(tmp_path: Path) -> None:
    document = {
        "model": {"network": [{"type": "dense", "units": 1}], "compilation": {"optimizer": "adam", "loss": "mse"}},
        "training": {"samples": {"fit": 0.8, "test": 0.2}, "epochs": 1},
        **table("data.csv"),
    }
    with pytest.raises(ConfigError) as caught:
        from_document(document, folder=tmp_path)
    assert [problem.path for problem in caught.value.problems] == ["dataset.parameters.path"]
    (tmp_path / "data.csv").touch()
    assert from_document(document, folder=tmp_path).folder == tmp_path


def test_what_a_component_of_ones_own_does_with_a_path_is_its_own(tmp_path: Path) -> None:
    own = {"dataset": {"name": "mine:Rows", "parameters": {"path": "made/later"}}}
    own["model"] = {"name": "mine:Model", "hyperparameters": {"weights": "made/later"}}
    assert check_inputs(own, tmp_path) == []


def test_targets_that_are_not_read_need_not_be_there(tmp_path: Path) -> None:
    (tmp_path / "data.npz").touch()
    parameters = {"path": "data.npz", "target_path": "old.npy"}
    assert check_inputs({"dataset": {"name": "arrays", "parameters": parameters}}, tmp_path) == []


def test_a_name_that_differs_by_its_capitals_is_found(tmp_path: Path) -> None:
    (tmp_path / "HOUSES.csv").touch()
    (problem,) = check_inputs(table("houses.csv"), tmp_path)
    assert problem.valid == "a path that is there, such as 'HOUSES.csv' in the same folder"


def test_a_file_of_another_kind_is_not_suggested(tmp_path: Path) -> None:
    (tmp_path / "houses.json").touch()
    (problem,) = check_inputs(table("hauses.csv"), tmp_path)
    assert problem.valid == "a path that is there"


def test_among_very_many_files_none_is_suggested(tmp_path: Path) -> None:
    for number in range(1001):
        (tmp_path / f"data{number}.csv").touch()
    (problem,) = check_inputs(table("dato1.csv"), tmp_path)
    assert problem.valid == "a path that is there"


@pytest.mark.parametrize("path", ["x" * 300 + "/data.csv", "a\0b/data.csv", "\udcff/data.csv"])
def test_what_no_file_can_be_called_is_not_there(path: str, tmp_path: Path) -> None:
    (problem,) = check_inputs(table(path), tmp_path)
    assert problem.message.startswith("there is no ")
