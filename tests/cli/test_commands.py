"""The command line as a person uses it: real processes, their output and exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.records.files import read_json
from app.records.layout import ExecutionFolder, Workspace
from app.records.live import LiveRun
from app.records.status import read_status
from tests.running import (
    EXAMPLE,
    end_all_runs,
    endless,
    example,
    log_of,
    wait_for_end,
    wait_for_epoch,
    wait_for_mirrors,
    wait_until,
)

ROOT = Path(__file__).parents[2]
QUICK = ["--set", "training.epochs=2", "--set", "tracking.trackers=[]"]


def trackside(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def begin(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(autouse=True)
def nothing_left_running(tmp_path: Path) -> Iterator[None]:
    yield
    for root in (tmp_path, tmp_path / "workspace"):
        end_all_runs(Workspace.at(root))


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def only_run(workspace: Path) -> LiveRun:
    def found() -> ExecutionFolder | None:
        folders = [folder for _, folder in Workspace.at(workspace).executions() if folder.status.exists()]
        return folders[0] if folders else None

    return LiveRun(wait_until(found, "a run"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The example, trained for two epochs."""
    workspace = tmp_path_factory.mktemp("trained")
    return trackside("train", EXAMPLE, "--workspace", workspace, *QUICK)


def test_train_prints_the_folder_last_and_exits_with_0(trained: subprocess.CompletedProcess[str]) -> None:
    assert trained.returncode == 0, trained.stderr
    folder = ExecutionFolder(Path(trained.stdout.splitlines()[-1]))
    assert read_status(folder.status).state == "finished"
    assert "2/2 loss=" in trained.stderr
    source = read_json(folder.resolved)["source"]
    assert source["file"] == str(EXAMPLE)
    assert source["overrides"] == ["training.epochs=2", "tracking.trackers=[]"]
    assert source["command"][:2] == ["trackside", "train"]


def test_runs_and_show_print_what_the_record_says(trained: subprocess.CompletedProcess[str]) -> None:
    folder = ExecutionFolder(Path(trained.stdout.splitlines()[-1]))
    workspace = Workspace.around(folder.path).root
    (listed,) = json.loads(trackside("runs", "--json", "--workspace", workspace).stdout)
    metrics = read_json(folder.metrics)["metrics"]
    assert listed["name"] == folder.execution_id
    assert listed["state"] == "finished"
    assert listed["metrics"]["loss"]["last"] == metrics["loss"][-1]
    assert listed["metrics"]["loss"]["count"] == 2
    shown = json.loads(trackside("show", listed["id"][:6], "--json", cwd=workspace).stdout)
    assert shown["elapsed"]["fit_model"] > 0
    assert shown["config"]["training"]["epochs"] == 2
    table = trackside("runs", cwd=workspace).stdout
    assert "finished" in table
    assert folder.execution_id in table
    text = trackside("show", folder.path).stdout
    assert "val_mean_absolute_error" in text
    log = trackside("follow", folder.execution_id, cwd=workspace)
    assert log.returncode == 0
    assert log.stdout.splitlines() == log_of(folder).splitlines()


def test_a_run_that_is_not_there_or_not_unique_exits_with_2(tmp_path: Path) -> None:
    executions = tmp_path / "trainings" / "x" / "executions"
    for name in ("10-00-00__01-01-2026", "10-00-00__01-01-2026-2"):
        (executions / name).mkdir(parents=True)
        write(executions / name / "metrics.json", {"metrics": {}})
    missing = trackside("show", "nothing", cwd=tmp_path)
    assert missing.returncode == 2
    assert "no run 'nothing'" in missing.stderr
    several = trackside("show", "10-00", cwd=tmp_path)
    assert several.returncode == 2
    assert len(several.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("change", "path", "valid"),
    [
        ({"training__epoch": 3}, "training.epoch", "epochs"),
        ({"model__network": [{"type": "dens", "units": 1}]}, "model.network.0", "dense"),
        ({"tracking__trackers": [{"type": "mlflaw"}]}, "tracking.trackers.0", "mlflow"),
        ({"model__input_shape": [12]}, "model.input_shape", "13"),
        ({"training__samples": {"fit": 0.9, "val": 0.2, "test": 0.2}}, "training.samples", "1"),
    ],
)
def test_a_wrong_config_is_named_by_path_exits_with_2_and_creates_nothing(
    tmp_path: Path, change: dict[str, object], path: str, valid: str
) -> None:
    config = write(tmp_path / "config.json", example(**change))
    workspace = tmp_path / "workspace"
    result = trackside("train", config, "--workspace", workspace)
    assert result.returncode == 2
    assert path in result.stderr
    assert valid in result.stderr
    assert not workspace.exists()
    (problem,) = json.loads(trackside("check", config, "--json").stdout)
    assert problem["path"].startswith(path)


def test_every_problem_of_a_config_is_listed_at_once(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json", example(training__epoch=3, training__batch_size=0, dataset__name="bostn"))
    result = trackside("check", config)
    assert result.returncode == 2
    assert "3 problems" in result.stderr


def test_what_is_no_json_is_named_with_line_and_column(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{\n  "model": ,\n}')
    result = trackside("train", config, "--workspace", tmp_path / "workspace")
    assert result.returncode == 2
    assert "line 2" in result.stderr
    assert not (tmp_path / "workspace").exists()


def test_a_dataset_that_cannot_be_had_fails_the_run_and_says_what_to_do(tmp_path: Path) -> None:
    config = write(
        tmp_path / "config.json",
        example(
            model__input_shape=[28, 28],
            model__network=[{"type": "flatten"}, {"type": "dense", "units": 1}],
            dataset={"name": "mnist"},
            tracking__trackers=[{"type": "mlflow"}],
        ),
    )
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_PROXY": ""}
    home = str(tmp_path / "keras")
    result = trackside("train", config, "--workspace", tmp_path / "workspace", KERAS_HOME=home, **nowhere)
    assert result.returncode == 1
    folder = ExecutionFolder(Path(result.stdout.splitlines()[-1]))
    status = read_status(folder.status)
    assert (status.state, status.reason) == ("failed", "error")
    assert "mnist.npz" in str(status.message)
    assert "mnist.npz" in result.stderr
    assert "mnist.npz" in log_of(folder)
    assert folder.document.exists()
    assert read_json(folder.metrics)["elapsed"]["load_data"] > 0


def test_an_interrupted_training_is_saved_and_exits_with_130(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json", endless(tracking__trackers=[]))
    process = begin("train", config, "--workspace", tmp_path / "workspace")
    run = only_run(tmp_path / "workspace")
    wait_for_epoch(run, 2)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output.splitlines()[-1] == str(run.folder.path)
    status = read_status(run.folder.status)
    assert (status.state, status.reason) == ("stopped", "user")
    assert run.folder.model.exists()


def test_a_command_line_that_is_killed_stops_no_training(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json", example(training__epochs=60, training__callbacks=[]))
    process = begin("train", config, "--workspace", tmp_path / "workspace")
    run = only_run(tmp_path / "workspace")
    wait_for_epoch(run, 2)
    process.kill()
    process.communicate()
    wait_for_mirrors(run)
    assert (run.status.state, run.epoch) == ("finished", 60)


def test_a_detached_run_is_followed_and_stopped_from_elsewhere(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json", endless(tracking__trackers=[]))
    started = trackside("train", config, "--workspace", tmp_path, "--detach")
    assert started.returncode == 0
    run = LiveRun(ExecutionFolder(Path(started.stdout.strip())))
    follower = begin("follow", run.folder.execution_id, "--workspace", tmp_path)
    wait_for_epoch(run, 1)
    stopped = trackside("stop", run.folder.execution_id, "--workspace", tmp_path)
    assert stopped.returncode == 0
    wait_for_end(run)
    output, _ = follower.communicate(timeout=30)
    assert follower.returncode == 130
    assert "Stopped: stopped by" in output
    again = trackside("stop", run.folder.execution_id, "--workspace", tmp_path)
    assert again.returncode == 1
    assert "over already" in again.stderr


def test_check_says_when_there_is_nothing_wrong() -> None:
    result = trackside("check", EXAMPLE)
    assert result.returncode == 0
    assert "no problems" in result.stdout


def test_doctor_names_versions_qt_and_gpu() -> None:
    findings = {finding["what"]: finding for finding in json.loads(trackside("doctor", "--json").stdout)}
    assert findings["tensorflow"]["found"].startswith("2.")
    assert findings["Qt"]["found"].startswith("6.")
    assert findings["worker"]["found"] == "ready"
    assert "GPU" in findings


def test_a_workspace_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    result = trackside("runs", cwd=tmp_path)
    assert result.returncode == 0
    assert "trackside train CONFIG" in result.stdout
