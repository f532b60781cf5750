from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.messages import BATCH_PREFIX, POINT
from app.records.events import append_event, make_event
from app.records.layout import ExecutionFolder, Workspace
from app.records.metrics import Metrics
from app.records.processes import Identity
from app.records.runs import Run, RunNotFoundError, find_run, observed_status, read_run, read_runs
from app.records.series import SeriesFolder
from app.records.status import SILENT_SECONDS, Status, read_status, touch_heartbeat, write_status


@pytest.fixture
def start() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start_one() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def write_series(folder: ExecutionFolder, **metrics: list[float]) -> None:
    series = SeriesFolder(folder.series)
    series.declare(metrics)
    for name, values in metrics.items():
        series.append(name, b"".join(POINT.pack(step, 1e9, value) for step, value in enumerate(values, 1)))
    series.close()


def write_metrics(folder: ExecutionFolder, **metrics: list[float]) -> None:
    content = Metrics()
    for name, values in metrics.items():
        for epoch, value in enumerate(values, 1):
            content.set(name, epoch, value)
    folder.metrics.write_bytes(content.encode())


def state_of(folder: ExecutionFolder) -> str:
    return observed_status(read_status(folder.status), folder).state


@pytest.mark.parametrize("state", ["starting", "running", "paused"])
def test_a_run_whose_processes_are_killed_is_shown_as_crashed(
    execution: ExecutionFolder, start: Callable[[], subprocess.Popen[bytes]], state: str
) -> None:
    keeper, worker = start(), start()
    status = Status(state=state, started=1e9, keeper=Identity.of(keeper.pid), worker=Identity.of(worker.pid))
    write_status(execution.status, status)
    touch_heartbeat(execution.heartbeat)
    os.utime(execution.heartbeat, (2e9, 2e9))
    assert state_of(execution) == state
    kill(keeper)
    assert state_of(execution) == state  # the worker goes on and starts another keeper
    kill(worker)
    shown = observed_status(read_status(execution.status), execution)
    assert (shown.state, shown.reason, shown.ended) == ("crashed", "signal", 2e9)
    assert read_status(execution.status).state == state


def test_a_run_whose_keeper_died_after_its_end_is_shown_as_it_ended(
    execution: ExecutionFolder, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    keeper = start()
    write_status(execution.status, Status(state="running", keeper=Identity.of(keeper.pid)))
    append_event(execution.events, make_event("end", state="finished", reason="early_stopping", message="done"))
    assert state_of(execution) == "running"  # the keeper is about to write it
    kill(keeper)
    shown = observed_status(read_status(execution.status), execution)
    assert (shown.state, shown.reason, shown.message) == ("finished", "early_stopping", "done")
    assert shown.ended is not None


def test_an_end_event_with_a_state_that_is_none_is_a_crash(execution: ExecutionFolder) -> None:
    write_status(execution.status, Status(state="running", started=5.0))
    append_event(execution.events, make_event("end", state="sleeping"))
    shown = observed_status(read_status(execution.status), execution)
    assert (shown.state, shown.ended) == ("crashed", 5.0)


def test_a_run_of_an_earlier_boot_is_shown_as_crashed(execution: ExecutionFolder) -> None:
    write_status(execution.status, Status(state="running", boot_id="before", keeper=Identity.of()))
    touch_heartbeat(execution.heartbeat)
    os.utime(execution.heartbeat, (1e9, 1e9))
    assert state_of(execution) == "crashed"


def test_a_heart_that_beats_after_another_boot_is_of_another_computer_with_this_name(
    execution: ExecutionFolder,
) -> None:
    write_status(execution.status, Status(state="running", boot_id="of another computer", keeper=Identity(1, 1.0)))
    touch_heartbeat(execution.heartbeat)
    assert state_of(execution) == "running"


def test_a_run_on_another_host_stays_as_it_is_and_its_silence_is_told(
    workspace: Workspace, execution: ExecutionFolder
) -> None:
    write_status(execution.status, Status(state="running", host="elsewhere", keeper=Identity(1, 1.0)))
    assert read_run(execution, workspace).silent_seconds is None
    touch_heartbeat(execution.heartbeat)
    assert read_run(execution, workspace).silent_seconds is None
    os.utime(execution.heartbeat, (1e9, 1e9))
    run = read_run(execution, workspace)
    assert run.state == "running"
    assert run.silent_seconds is not None
    assert run.silent_seconds > SILENT_SECONDS


@pytest.mark.parametrize("state", ["queued", "finished", "stopped", "failed", "crashed"])
def test_a_run_for_which_no_process_works_stays_as_it_is(
    workspace: Workspace, execution: ExecutionFolder, state: str
) -> None:
    write_status(execution.status, Status(state=state, boot_id="before", keeper=Identity(1, 1.0)))
    touch_heartbeat(execution.heartbeat)
    os.utime(execution.heartbeat, (1e9, 1e9))
    run = read_run(execution, workspace)
    assert (run.state, run.silent_seconds, run.problems) == (state, None, ())


def test_metrics_of_a_run_under_way_are_those_of_its_series(workspace: Workspace, execution: ExecutionFolder) -> None:
    write_status(execution.status, Status(state="running", keeper=Identity.of()))
    write_metrics(execution, loss=[9.0])
    write_series(execution, loss=[3.0, math.nan, 1.0, 2.0], bad=[math.nan], **{BATCH_PREFIX + "loss": [5.0]})
    metrics = read_run(execution, workspace).metrics
    assert set(metrics) == {"loss", "bad"}
    loss = metrics["loss"]
    assert (loss.first, loss.last, loss.min, loss.max, loss.count) == (3.0, 2.0, 1.0, 3.0, 4)
    assert math.isnan(metrics["bad"].min)
    assert math.isnan(metrics["bad"].max)
    assert read_run(execution, workspace, metrics=False).metrics == {}


def test_metrics_of_a_run_that_is_over_are_those_of_metrics_json(
    workspace: Workspace, execution: ExecutionFolder
) -> None:
    write_status(execution.status, Status(state="finished"))
    write_series(execution, loss=[9.0])
    assert read_run(execution, workspace).metrics["loss"].last == 9.0
    write_metrics(execution, loss=[3.0, math.inf, 1.0])
    loss = read_run(execution, workspace).metrics["loss"]
    assert (loss.first, loss.last, loss.min, loss.max, loss.count) == (3.0, 1.0, 1.0, math.inf, 3)


def test_a_run_that_never_logged_has_no_metrics_and_no_problem(
    workspace: Workspace, execution: ExecutionFolder
) -> None:
    write_status(execution.status, Status(state="stopped"))
    run = read_run(execution, workspace)
    assert (run.metrics, run.problems) == ({}, ())


def test_a_run_of_an_older_system_is_read(workspace: Workspace) -> None:
    folder = ExecutionFolder(workspace.trainings / "boston_housing" / "executions" / "06-16-31__08-04-2019")
    folder.path.mkdir(parents=True)
    folder.document.write_text("{}")
    folder.log.write_text("2019-04-08 06:16:31,749 - gymnosd - INFO - Trainer - Running experiment\n")
    folder.metrics.write_text('{"elapsed": {}, "metrics": {"loss": [2.0, NaN, 1.0]}}')
    for path, when in ((folder.document, 1e9), (folder.log, 1e9 + 5), (folder.metrics, 1e9 + 9)):
        os.utime(path, (when, when))
    (run,) = read_runs(workspace)
    assert (run.state, run.experiment, run.problems) == ("finished", "boston_housing", ())
    assert (run.status.started, run.status.ended) == (1e9, 1e9 + 9)
    assert (run.metrics["loss"].last, run.metrics["loss"].count) == (1.0, 3)
    assert [other.id for other in read_runs(workspace)] == [run.id]


def test_the_id_of_a_run_of_an_older_system_moves_with_its_workspace(workspace: Workspace, tmp_path: Path) -> None:
    ids = set()
    for place in ("here", "there"):
        folder = tmp_path / place / "trainings" / "x" / "executions" / "1"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text('{"metrics": {}}')
        ids |= {run.id for run in read_runs(Workspace(tmp_path / place))}
    assert len(ids) == 1


def test_a_run_of_an_older_system_that_never_ended_says_so(workspace: Workspace, execution: ExecutionFolder) -> None:
    execution.document.write_text("{}")
    (run,) = read_runs(workspace)
    assert run.state == "crashed"
    assert "how it ended is unknown" in run.problems[0]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": "running"}', '{"id": "x", "state": "done"}'])
def test_a_broken_status_is_listed_with_what_is_wrong(
    workspace: Workspace, execution: ExecutionFolder, content: str
) -> None:
    execution.status.write_text(content)
    (run,) = read_runs(workspace)
    assert str(execution.status) in run.problems[0]
    assert run.state == "crashed"
    append_event(execution.events, make_event("end", state="failed"))
    (run,) = read_runs(workspace)
    assert run.state == "failed"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("metrics.json", b"{"),
        ("metrics.json", b"[1]"),
        ("series/names.json", b"[]"),
        ("series/loss.npy", b"no series"),
        ("series/names.json", b'{"../../../x.npy": {"name": "x", "kind": "scalar"}}'),
        ("events.jsonl", b"\x00\xff\n[[[[\n"),
        ("heartbeat", b""),
    ],
)
def test_a_broken_file_never_hides_the_run(
    workspace: Workspace, execution: ExecutionFolder, file: str, content: bytes
) -> None:
    for state in ("finished", "crashed", "running"):
        write_status(execution.status, Status(state=state))
        write_series(execution, loss=[1.0])
        (execution.path / file).write_bytes(content)
        (run,) = read_runs(workspace)
        assert run.id == read_status(execution.status).id
        (execution.path / file).unlink()
        for left in execution.series.iterdir():
            left.unlink()


def test_files_where_folders_should_be_and_folders_where_files_should_be_are_no_crash(workspace: Workspace) -> None:
    home = workspace.trainings / "x" / "executions"
    for name in ("status.json", "metrics.json", "training_config.json", "execution.log", "events.jsonl"):
        (home / f"with {name}" / name).mkdir(parents=True)
    (home / "empty").mkdir()
    (home / "notes" / "deep").mkdir(parents=True)
    (home / "loop").symlink_to(home / "loop")
    (workspace.trainings / "y").mkdir()
    (workspace.trainings / "y" / "executions").write_text("no folder")
    runs = list(read_runs(workspace))
    assert {run.execution_id for run in runs} == {
        "with status.json", "with metrics.json", "with training_config.json", "with execution.log",
    }  # fmt: skip
    assert all(run.problems for run in runs)


@pytest.fixture
def three_runs(workspace: Workspace) -> list[Run]:
    for experiment, name, identifier in (("a", "10-00-00", "aaaa-1"), ("a", "10-00-00-2", "aaaa-2"), ("b", "11", "b")):
        folder = ExecutionFolder(workspace.trainings / experiment / "executions" / name)
        folder.path.mkdir(parents=True)
        write_status(folder.status, Status(id=identifier, state="finished"))
    return list(read_runs(workspace))


@pytest.mark.parametrize(
    ("text", "found"),
    [("aaaa-2", 1), ("10-00-00-2", 1), ("10-00-00", 0), ("11", 2), ("b", 2), ("aaaa-1", 0), ("1", None)],
)
def test_a_run_is_found_by_id_name_or_unique_prefix(
    workspace: Workspace, three_runs: list[Run], text: str, found: int | None
) -> None:
    if found is None:
        with pytest.raises(RunNotFoundError, match="'1' could be 3 runs"):
            find_run(workspace, text)
    else:
        assert find_run(workspace, text).id == three_runs[found].id


def test_a_run_is_found_by_its_path_from_anywhere(
    three_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = three_runs[1]
    elsewhere = Workspace(tmp_path / "elsewhere")
    assert find_run(elsewhere, str(run.folder.path)).id == run.id
    monkeypatch.chdir(run.folder.path.parent)
    assert find_run(elsewhere, f"./{run.execution_id}/").id == run.id


def test_what_could_be_several_runs_names_them(workspace: Workspace, three_runs: list[Run]) -> None:
    with pytest.raises(RunNotFoundError) as raised:
        find_run(workspace, "aaaa")
    assert [run.id for run in raised.value.candidates] == ["aaaa-1", "aaaa-2"]


@pytest.mark.parametrize("text", ["nothing", "", "~nobody/x", "a\0b", "x" * 5000, "/"])
def test_a_run_that_is_not_there_is_said_so(workspace: Workspace, three_runs: list[Run], text: str) -> None:
    with pytest.raises(RunNotFoundError, match=r"no run .*'trackside runs' lists them"):
        find_run(workspace, text)
