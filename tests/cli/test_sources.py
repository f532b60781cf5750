"""``trackside source`` and ``trackside index``."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.records.layout import ExecutionFolder
from tests.cli.conftest import MLFLOW_RUN, Ask, write_execution, write_mlflow, write_table


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside of the workspace."""
    write_mlflow(tmp_path / "elsewhere" / "mlruns")
    write_table(tmp_path / "elsewhere" / "tables" / "theirs.csv")
    return tmp_path / "elsewhere"


def test_a_folder_that_is_added_says_what_is_in_it_and_its_runs_are_there(
    ask: Ask, elsewhere: Path, executions: list[ExecutionFolder]
) -> None:
    added = ask("source", "add", elsewhere)
    assert added.status == 0
    assert added.out.splitlines()[0] == f"added {elsewhere}"
    assert [line.split() for line in added.out.splitlines()[2:]] == [
        ["mlflow", "1", "run", str(elsewhere / "mlruns")],
        ["csv", "1", "run", str(elsewhere / "tables")],
    ]
    assert {run["source"] for run in ask("runs", "--json").json} == {"execution", "mlflow", "csv"}
    assert ask("source", "add", elsewhere).out == f"{elsewhere} was added before\n"
    assert "shown already" in ask("source", "add", elsewhere / "mlruns").out
    listed = ask("source", "list", "--json").json
    assert [(row["kind"], row["runs"], row["folder"]) for row in listed] == [
        ("execution", 3, None),
        ("mlflow", 1, str(elsewhere)),
        ("csv", 1, str(elsewhere)),
    ]
    assert listed[1] == {
        "name": f"mlflow-files:{elsewhere / 'mlruns'}",
        "kind": "mlflow",
        "path": str(elsewhere / "mlruns"),
        "folder": str(elsewhere),
        "runs": 1,
        "problems": [],
    }
    assert "the workspace" in ask("source", "list").out.splitlines()[1]


def test_a_folder_that_is_removed_is_shown_no_more_and_stays_as_it_is(ask: Ask, elsewhere: Path) -> None:
    ask("source", "add", elsewhere)
    assert ask("source", "remove", elsewhere).status == 0
    assert ask("runs", "--json").json == []
    assert (elsewhere / "mlruns" / "0" / MLFLOW_RUN / "meta.yaml").exists()
    again = ask("source", "remove", elsewhere)
    assert again.status == 2
    assert "was not added" in again.err


@pytest.mark.usefixtures("others")
def test_what_lies_in_the_workspace_is_found_by_itself(ask: Ask, workspace: Path) -> None:
    for folder in (workspace, workspace / "mlruns", workspace / "tables"):
        added = ask("source", "add", folder)
        assert added.status == 0
        assert "found without being added" in added.out
    assert not (workspace / ".trackside" / "sources.json").exists()
    removed = ask("source", "remove", workspace / "mlruns")
    assert removed.status == 2
    assert "part of the workspace" in removed.err


def test_a_folder_without_runs_or_that_is_missing_is_refused(ask: Ask, tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "theirs" / ".aim" / "meta").mkdir(parents=True)
    for name, said in (("empty", "no runs"), ("missing", "the folder is missing"), ("theirs", "To export")):
        answer = ask("source", "add", tmp_path / name)
        assert answer.status == 2
        assert said in answer.err
        assert str(tmp_path / name) in answer.err
    assert not workspace.exists()


def test_a_folder_that_is_away_keeps_its_runs_and_is_listed_as_such(ask: Ask, elsewhere: Path, tmp_path: Path) -> None:
    ask("source", "add", elsewhere)
    assert len(ask("runs", "--json").json) == 2
    elsewhere.rename(tmp_path / "away")
    runs = ask("runs", "--json")
    assert len(runs.json) == 2
    assert "not there now" in runs.err
    listed = {row["kind"]: row for row in ask("source", "list", "--json").json}
    assert (listed["mlflow"]["runs"], listed["mlflow"]["folder"]) == (1, str(elsewhere))
    assert "not there now" in listed["mlflow"]["problems"][0]


def test_a_folder_that_lost_its_runs_is_still_listed(ask: Ask, elsewhere: Path) -> None:
    ask("source", "add", elsewhere / "tables")
    (elsewhere / "tables" / "theirs.csv").unlink()
    _, row = ask("source", "list", "--json").json
    assert (row["kind"], row["path"], row["runs"]) == (None, str(elsewhere / "tables"), 0)
    assert "nothing is found" in row["problems"][0]


def test_a_broken_list_of_sources_is_named_and_left_as_it_is(ask: Ask, workspace: Path, elsewhere: Path) -> None:
    write_execution(workspace, 1)
    (workspace / ".trackside").mkdir()
    path = workspace / ".trackside" / "sources.json"
    path.write_text("[")
    for action in ("add", "remove"):
        answer = ask("source", action, elsewhere)
        assert answer.status == 1
        assert str(path) in answer.err
    assert path.read_text() == "["
    assert str(path) in ask("source", "list").err
    assert len(ask("runs", "--json").json) == 1


@pytest.mark.usefixtures("others", "executions")
def test_an_index_is_made_anew(ask: Ask, workspace: Path) -> None:
    before = ask("runs", "--json").json
    assert ask("index", "rebuild").out.startswith("6 runs indexed anew in ")
    assert ask("runs", "--json").json == before
    path = workspace / ".trackside" / "index.db"
    path.write_bytes(path.read_bytes()[:4096] + b"damage" * 5000)
    assert ask("index", "rebuild").status == 0
    assert ask("runs", "--json").json == before


def test_an_index_that_cannot_be_written_is_not_made_anew(ask: Ask, workspace: Path) -> None:
    (workspace / ".trackside" / "index.db").mkdir(parents=True)
    answer = ask("index", "rebuild")
    assert answer.status == 1
    assert "cannot be written" in answer.err
