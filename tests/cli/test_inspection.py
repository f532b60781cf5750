"""``trackside show``, ``series``, ``stop`` and ``follow`` for runs of every source."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from app.records.layout import ExecutionFolder
from tests.cli.conftest import MLFLOW_RUN, STARTED, Ask, write_execution, write_mlflow

MARKS = ["aged-owl", MLFLOW_RUN, MLFLOW_RUN[:8], "aged", f"0/{MLFLOW_RUN}"]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.usefixtures("others", "executions")
def test_a_run_of_another_program_is_shown_by_name_id_or_their_beginning(ask: Ask, mark: str) -> None:
    shown = ask("show", mark, "--json").json
    (listed,) = ask("runs", "--json", "--query", "source = mlflow").json
    assert shown == listed


@pytest.mark.usefixtures("others", "executions")
def test_a_run_is_shown_by_its_path_from_wherever_it_is_meant(
    ask: Ask, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask("show", workspace / "mlruns" / "0" / MLFLOW_RUN, "--json").json["name"] == "aged-owl"
    monkeypatch.chdir(workspace / "mlruns" / "0")
    assert ask("show", f"./{MLFLOW_RUN}", "--json").json["name"] == "aged-owl"
    assert ask("show", workspace / "tables" / "mine.csv", "--json").json["source"] == "csv"


def test_an_execution_is_shown_with_config_times_params_and_tags(
    ask: Ask, workspace: Path, executions: list[ExecutionFolder]
) -> None:
    (workspace / "x").mkdir()
    folder = executions[1]
    by_path, by_id = ask("show", folder.path, "--json").json, ask("show", "e1-", "--json").json
    assert by_path == by_id
    assert by_id["config"]["training"] == {"batch_size": 2, "epochs": 3}
    assert by_id["elapsed"].keys() >= {"fit_model"}
    assert by_id["params"]["training.batch_size"] == 2
    assert by_id["tags"] == {"stage": "debug"}
    assert by_id["submitted"] == STARTED + 1
    text = ask("show", folder.execution_id).out
    assert text.splitlines()[0] == f"{folder.execution_id}  Boston Housing"
    assert "tags       stage=debug" in text
    assert text.split("METRIC")[1].split()[:4] == ["LAST", "MIN", "MAX", "EPOCHS"]


def test_an_execution_that_lies_in_no_workspace_is_shown_too(ask: Ask, tmp_path: Path, workspace: Path) -> None:
    taken = tmp_path / "taken out"
    shutil.copytree(write_execution(workspace, 3).path, taken)
    (taken / "status.json").unlink()
    assert ask("show", taken, "--json").json["metrics"]["loss"]["count"] == 3
    series = ask("series", taken, "loss")
    assert series.status == 2
    assert "trainings/" in series.err


@pytest.mark.usefixtures("others")
def test_a_foreign_run_shows_its_params_and_says_where_it_lies(ask: Ask, workspace: Path) -> None:
    text = ask("show", "aged-owl").out
    assert text.startswith("aged-owl  Default\n  state      finished\n  source     mlflow\n")
    assert str(workspace / "mlruns" / "0" / MLFLOW_RUN) in text
    assert text.split("PARAM")[1].split() == ["VALUE", "optimizer", "sgd"]


def test_what_could_be_several_runs_is_listed_and_exits_with_2(ask: Ask, workspace: Path) -> None:
    for store in ("a", "b"):
        write_mlflow(workspace / store)
    answer = ask("show", "aged-owl")
    assert answer.status == 2
    assert "could be 2 runs" in answer.err
    assert [line.split()[-1] for line in answer.out.splitlines()] == [
        str(workspace / store / "0" / MLFLOW_RUN) for store in ("a", "b")
    ]
    one = ask("show", workspace / "a" / "0" / MLFLOW_RUN, "--json").json
    assert "has the same id" in one["problems"][0]
    for number in range(25):
        write_execution(workspace, number)
    assert ask("show", "e").out.splitlines()[-1] == "  ... and 5 more"


def test_a_run_that_is_not_there_exits_with_2(ask: Ask) -> None:
    answer = ask("show", "nothing")
    assert answer.status == 2
    assert "no run 'nothing'" in answer.err


def strict(text: str) -> object:
    """Parse JSON as every parser does: without NaN and Infinity as numbers."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.usefixtures("others")
def test_a_series_is_told_point_by_point(ask: Ask) -> None:
    points = strict(ask("series", "aged-owl", "loss", "--json").out)
    assert points == [
        {"step": 0, "time": 1_700_000_001.0, "value": 0.5},
        {"step": 1, "time": 1_700_000_001.5, "value": "Infinity"},
        {"step": 2, "time": 1_700_000_002.0, "value": "NaN"},
    ]
    rows = list(csv.DictReader(io.StringIO(ask("series", "aged-owl", "loss", "--csv").out)))
    assert [(row["step"], row["value"]) for row in rows] == [("0", "0.5"), ("1", "Infinity"), ("2", "NaN")]
    header, *lines = ask("series", "conv", "train/loss").out.splitlines()
    assert header.split() == ["STEP", "TIME", "VALUE"]
    assert [line.split()[-1] for line in lines] == ["3.0", "2.0", "1.0"]
    assert strict(ask("series", "mine", "accuracy", "--json").out) == [
        {"step": 0, "time": None, "value": 0.5},
        {"step": 1, "time": None, "value": 0.75},
    ]


@pytest.mark.usefixtures("executions")
def test_an_unknown_metric_names_the_closest_ones(ask: Ask) -> None:
    answer = ask("series", "e1-execution", "val_los", "--json")
    assert (answer.status, answer.out) == (2, "")
    assert "did you mean val_loss?" in answer.err
    assert "but loss, val_loss" in ask("series", "e1-execution", "quite else").err


@pytest.mark.parametrize(("command", "done"), [("stop", "stopped"), ("follow", "followed")])
@pytest.mark.usefixtures("others")
def test_only_executions_are_stopped_and_followed(ask: Ask, command: str, done: str) -> None:
    answer = ask(command, "aged-owl")
    assert answer.status == 2
    assert f"aged-owl is a run of mlflow; only executions can be {done}" in answer.err
    assert "no run 'x'" in ask(command, "x").err
