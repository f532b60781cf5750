"""A config from data, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.config.checking import check
from app.config.loading import load
from app.jobs.surveying import SurveyError, Surveying
from tests.cli.conftest import Answer, Ask


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "Tree heights.csv"
    path.write_text("age,kind,height\n" + "\n".join(f"{n},{'fir' if n % 2 else 'oak'},{n * 0.7}" for n in range(40)))
    return path


@pytest.fixture
def made(ask: Ask, data: Path) -> Answer:
    return ask("new", "config", data)


def test_a_config_is_written_into_the_experiments_and_its_reasons_are_told(made: Answer, workspace: Path) -> None:
    path = workspace / "experiments" / "tree_heights.json"
    assert (made.status, made.out) == (0, f"{path}\n")
    assert load(path).document["dataset"]["parameters"]["target"] == "height"
    assert "Target: height, as it is the last column" in made.err
    assert "Scaling: mean 0, deviation 1 (fitted on the training rows alone)" in made.err


def test_a_config_that_is_there_is_not_written_over(made: Answer, ask: Ask, data: Path, workspace: Path) -> None:
    path = workspace / "experiments" / "tree_heights.json"
    path.write_text("mine")
    again = ask("new", "config", data)
    assert (again.status, again.out) == (2, "")
    assert "is there already; nothing was written" in again.err
    assert path.read_text() == "mine"


def test_target_task_and_place_are_the_users_to_say(ask: Ask, data: Path) -> None:
    output = data.parent / "configs" / "kind.json"
    answer = ask("new", "config", data, "--target", "kind", "--output", output)
    assert (answer.status, answer.out) == (0, f"{output}\n")
    assert json.loads(output.read_text())["model"]["compilation"]["loss"] == "binary_crossentropy"


def test_data_beside_the_config_is_named_from_there(ask: Ask, data: Path) -> None:
    output = data.with_name("config.json")
    ask("new", "config", data, "--output", output)
    assert json.loads(output.read_text())["dataset"]["parameters"]["path"] == data.name


def test_as_json_everything_that_is_known_is_printed_and_nothing_written(ask: Ask, data: Path, workspace: Path) -> None:
    answer = ask("new", "config", data, "--json").json
    assert [column["kind"] for column in answer["data"]["columns"]] == ["number", "category", "number"]
    assert answer["data"]["samples"][1] == ["1", "fir", "0.7"]
    assert answer["guess"]["task"] == "regression"
    assert check(answer["document"]) == []
    assert not workspace.exists()


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("a,b\n1,2\n3\n", (), "data.csv: row 3 has 1 value, the rows before it have 2"),
        ("a,b\n" + "1,2\n3,5\n" * 9, ("--target", "c"), "no column is called 'c'"),
        ("a,b\n1,2\n3,5\n", (), "data.csv has 2 samples; 10 or more would be right"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_written(
    ask: Ask, tmp_path: Path, workspace: Path, content: str, arguments: tuple[str, ...], said: str
) -> None:
    path = tmp_path / "data.csv"
    path.write_text(content)
    answer = ask("new", "config", path, *arguments)
    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err
    assert not workspace.exists()


def test_a_process_that_is_killed_is_said(data: Path) -> None:
    surveying = Surveying(data)
    surveying.end()
    with pytest.raises(SurveyError, match=r"Tree heights\.csv could not be looked at: .* ended with code"):
        surveying.result()
