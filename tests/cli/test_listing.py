"""``trackside runs`` over every source of a workspace."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.records.layout import ExecutionFolder, Workspace
from app.records.library import Library
from app.records.processes import Identity
from app.records.status import read_status
from tests.cli.conftest import MLFLOW_RUN, STARTED, Answer, Ask, write_execution, write_mlflow, write_table
from tests.running import wait_until

KEYS = ["source", "id", "name", "experiment", "state", "started", "ended", "params", "metrics", "tags", "path"]


def names(answer: Answer) -> list[str]:
    assert answer.status == 0, answer.err
    return [run["name"] for run in answer.json]


@pytest.mark.usefixtures("others")
def test_runs_of_every_source_are_one_array(ask: Ask, workspace: Path, executions: list[ExecutionFolder]) -> None:
    runs = {run["source"]: run for run in ask("runs", "--json").json}
    assert runs.keys() == {"execution", "mlflow", "tensorboard", "csv"}
    assert all(name in run for run in runs.values() for name in [*KEYS, "problems"])
    execution, mlflow = runs["execution"], runs["mlflow"]
    assert execution == {
        "source": "execution",
        "id": "e0-execution",
        "name": executions[0].execution_id,
        "experiment": "Boston Housing",
        "state": "finished",
        "reason": None,
        "message": None,
        "submitted": STARTED,
        "started": STARTED,
        "ended": STARTED + 60,
        "params": execution["params"],
        "metrics": {
            "loss": {"first": 1.0, "last": 1 / 3, "min": 1 / 3, "max": 1.0, "count": 3},
            "val_loss": {"first": 2.0, "last": 2 / 3, "min": 2 / 3, "max": 2.0, "count": 3},
        },
        "tags": {"stage": "real"},
        "path": str(executions[0].path),
        "parent": None,
        "deleted": False,
        "problems": [],
    }
    assert execution["params"]["training.batch_size"] == 1
    assert (mlflow["id"], mlflow["name"], mlflow["state"]) == (MLFLOW_RUN, "aged-owl", "finished")
    assert (mlflow["started"], mlflow["ended"]) == (1_700_000_001.0, 1_700_000_002.5)
    assert mlflow["params"] == {"optimizer": "sgd"}
    assert mlflow["metrics"]["loss"] == {"first": 0.5, "last": "NaN", "min": 0.5, "max": "Infinity", "count": 3}
    assert mlflow["path"] == str(workspace / "mlruns" / "0" / MLFLOW_RUN)
    assert runs["tensorboard"]["metrics"]["train/loss"]["count"] == 3
    assert runs["csv"]["metrics"]["accuracy"]["last"] == 0.75


def test_runs_are_asked_for_put_in_order_and_counted_off(ask: Ask, executions: list[ExecutionFolder]) -> None:
    zero, one, two = (folder.execution_id for folder in executions)
    assert names(ask("runs", "--json")) == [two, one, zero]
    assert names(ask("runs", "--json", "--query", "val_loss < 2 and stage != debug")) == [zero]
    assert names(ask("runs", "--json", "--sort", "val_loss")) == [zero, one, two]
    assert names(ask("runs", "--json", "--sort", "-batch_size")) == [two, one, zero]
    assert names(ask("runs", "--json", "--sort=-metrics.loss.min", "--limit", "2")) == [two, one]
    assert names(ask("runs", "--json", "--limit", "0")) == []
    assert names(ask("runs", "--json", "--query", "  ", "--limit", "9")) == [two, one, zero]


def test_what_waits_comes_first(ask: Ask, workspace: Path) -> None:
    done = write_execution(workspace, 1)
    waits = write_execution(workspace, 2, state="queued", started=None, ended=None)
    assert names(ask("runs", "--json")) == [waits.execution_id, done.execution_id]


@pytest.mark.parametrize(
    ("arguments", "line", "marks", "meant"),
    [
        (["--query", "val_loss < 16 and optimzer = adam"], "  val_loss < 16 and optimzer = adam", 20, "optimzer"),
        (["--query", "(val_loss <"], "  (val_loss <", 13, " "),
        (["--query", 'name = "名前" and zzz = 1'], '  name = "名前" and zzz = 1', 20, "zzz"),
        (["--query", "loss ==\n\t= 1"], "  loss ==  = 1", 11, "="),
        (["--sort", "-los"], "  los", 2, "los"),
    ],
)
@pytest.mark.usefixtures("executions")
def test_an_error_points_at_its_character_and_exits_with_2(
    ask: Ask, arguments: list[str], line: str, marks: int, meant: str
) -> None:
    answer = ask("runs", "--json", *arguments)
    assert (answer.status, answer.out) == (2, "")
    said, shown, under = answer.err.splitlines()
    assert said.startswith("trackside: column ")
    assert shown == line
    assert under == " " * marks + "^" * len(meant)


def test_the_table_has_a_source_only_where_there_are_several(
    ask: Ask, workspace: Path, executions: list[ExecutionFolder]
) -> None:
    header, *rows = ask("runs").out.splitlines()
    assert header.split() == ["STATE", "RUN", "EXPERIMENT", "STARTED", "TIME", "METRICS"]
    assert len(rows) == 3
    assert executions[2].execution_id in rows[0]
    write_mlflow(workspace / "mlruns")
    header, *rows = ask("runs").out.splitlines()
    assert header.split() == ["STATE", "SOURCE", "RUN", "EXPERIMENT", "STARTED", "TIME", "METRICS"]
    assert rows[-1].split()[:4] == ["finished", "mlflow", "aged-owl", "Default"]
    assert ask("runs", "--query", "loss > 1e9").out == "No run meets the query\n"


@pytest.mark.usefixtures("others", "executions")
def test_csv_has_a_row_a_run_and_a_column_for_each_metric_param_and_tag(ask: Ask) -> None:
    rows = {row["source"]: row for row in csv.DictReader(io.StringIO(ask("runs", "--csv").out))}
    assert rows["mlflow"]["metrics.loss"] == "NaN"
    assert rows["mlflow"]["params.optimizer"] == "sgd"
    assert float(rows["execution"]["metrics.val_loss"]) == 2 / 3
    assert rows["execution"]["params.training.epochs"] == "3"
    assert rows["csv"]["tags.stage"] == rows["csv"]["started"] == ""


def test_names_that_could_harm_a_terminal_or_are_no_unicode_are_shown_as_such(ask: Ask, workspace: Path) -> None:
    for name in (b"bell\x07\x1b[2J", b"b\xe4d"):
        write_table(Path(os.fsdecode(os.fsencode(workspace / "tables") + b"/" + name)) / "log.csv")
    answer = ask("runs")
    assert answer.status == 0
    assert "\x1b" not in answer.out
    assert "bell??[2J" in answer.out
    assert names(ask("runs", "--json", "--query", 'name ~ "^b"')) is not None
    assert len(ask("runs", "--json").json) == 2


def test_a_look_makes_no_workspace_of_a_folder(ask: Ask, workspace: Path) -> None:
    assert "No runs" in ask("runs").out
    assert not workspace.exists()
    write_table(workspace / "mine.csv")
    assert names(ask("runs", "--json")) == ["mine"]
    assert [path.name for path in workspace.iterdir()] == ["mine.csv"]


@pytest.mark.usefixtures("others", "executions")
def test_where_nothing_can_be_written_runs_are_read_into_memory_and_that_is_said_once(
    ask: Ask, workspace: Path
) -> None:
    with_index = ask("runs", "--json")
    for path in (workspace / ".trackside").glob("index.db*"):
        path.unlink()
    (workspace / ".trackside" / "index.db").mkdir()  # SQLite cannot make its file
    without = ask("runs", "--json")
    assert without.status == 0
    assert without.json == with_index.json
    (said,) = without.err.splitlines()
    assert "cannot be written" in said
    assert str(workspace) in said


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of resources there")
@pytest.mark.usefixtures("others")
def test_a_disk_that_is_full_stops_nobody_from_looking(workspace: Path) -> None:
    for number in range(40):
        write_execution(workspace, number)
    # No file may get longer than this: the index is begun and cannot be finished.
    limited = (
        "import resource, sys; from app.cli import main; resource.setrlimit(resource.RLIMIT_FSIZE, (65536,) * 2); "
    )
    limited += "sys.exit(main(['runs', '--json', '--workspace', sys.argv[1]]))"
    ran = subprocess.run(
        [sys.executable, "-c", limited, str(workspace)], capture_output=True, text=True, check=False, cwd=Path.cwd()
    )
    assert ran.returncode == 0, ran.stderr
    assert len(json.loads(ran.stdout)) == 43
    assert len(ran.stderr.splitlines()) == 1
    assert "read into memory" in ran.stderr
    with Library(Workspace.at(workspace)) as library:
        list(library.update())
        assert len(library.index.query()) == 43


def test_a_run_whose_processes_are_gone_is_closed_by_whoever_lists_it(ask: Ask, workspace: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    gone = Identity.of(process.pid)
    process.wait()
    dead = write_execution(workspace, 1, state="running", ended=None, keeper=gone, worker=gone)
    (listed,) = ask("runs", "--json").json
    assert (listed["state"], listed["reason"]) == ("crashed", "signal")
    wait_until(lambda: read_status(dead.status).state == "crashed", "the state in the record")
    assert ask("runs", "--json").json[0]["state"] == "crashed"
