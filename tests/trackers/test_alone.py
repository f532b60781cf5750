"""The trackers in a process of their own, as they are shipped: what they import, reach, print and leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json, os, signal, socket, sys, time
from pathlib import Path

reached = []

def refuse(name):
    def call(*args, **kwargs):
        reached.append(f"{name}{args[-2:]}")
        raise OSError("no network in this test")
    return call

socket.socket.connect = refuse("connect")
socket.socket.connect_ex = refuse("connect_ex")
socket.getaddrinfo = refuse("getaddrinfo")

from app.trackers.mirrors import MirroredRun, Mirrors

root, killed = Path(sys.argv[1]), sys.argv[2] == "killed"
hook = sys.excepthook
reports = []
run = MirroredRun("run", "5d1c4cb6-2a3c-4b1e-9a5e-0c35b7a1f1aa", "x", root / "trackings", root / "run" / ".keeper",
                  "s.py", 1.0)
types = ["comet_ml"] if killed else ["tensorboard", "mlflow", "comet_ml"]
mirrors = Mirrors([{"type": kind} for kind in types], run, report=lambda *report: reports.append(report))
mirrors.start()
mirrors.log_params({"units": 64})
mirrors.log_tags(["first"])
mirrors.log_points("loss", [(1, 2.0, 0.5), (2, 3.0, 0.25)])
mirrors.log_image("picture", root / "picture.png")
if killed:
    messages = lambda: list((root / "run").rglob("messages.json"))
    while not messages() or "loss" not in messages()[0].read_text():
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)
late = mirrors.end("finished", 120)
imported = [name for name in ("tensorflow", "keras") if name in sys.modules]
(root / "result.json").write_text(json.dumps({
    "late": late, "reached": reached, "imported": imported, "same_hook": sys.excepthook is hook,
    "warnings": [report[1] for report in reports if report[1] != "started"],
}))
"""


def run_alone(root: Path, how: str) -> subprocess.CompletedProcess[str]:
    from PIL import Image

    for name in ("temporary", "working", "home"):
        (root / name).mkdir()
    Image.new("RGB", (4, 3)).save(root / "picture.png")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(root / "temporary"),
        "HOME": str(root / "home"),
        "COMET_API_KEY": "abcdefghijklmnopqrstuvwxy",
        "COMET_AUTO_LOG_CODE": "true",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "MLFLOW_EXPERIMENT_NAME": "elsewhere",
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root), how],
        cwd=root / "working", env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str], dict[str, Any]]:
    root = tmp_path_factory.mktemp("alone")
    done = run_alone(root, "to the end")
    assert done.returncode == 0, done.stderr
    return root, done, json.loads((root / "result.json").read_text())


def test_no_tracker_reaches_for_the_network_whatever_the_shell_says(alone: tuple[Path, Any, dict[str, Any]]) -> None:
    assert alone[2]["reached"] == []


def test_all_trackers_end_without_a_warning(alone: tuple[Path, Any, dict[str, Any]]) -> None:
    assert (alone[2]["late"], alone[2]["warnings"]) == ([], [])


def test_no_tracker_imports_what_trains(alone: tuple[Path, Any, dict[str, Any]]) -> None:
    assert alone[2]["imported"] == []


def test_no_tracker_prints_or_takes_over_the_exception_hook(alone: tuple[Path, Any, dict[str, Any]]) -> None:
    assert (alone[1].stdout, alone[1].stderr) == ("", "")
    assert alone[2]["same_hook"]


def test_the_trackers_write_to_the_trackings_folder_alone(alone: tuple[Path, Any, dict[str, Any]]) -> None:
    root = alone[0]
    for name in ("temporary", "working", "home"):
        assert list((root / name).rglob("*")) == [], name
    assert list((root / "run").rglob("*")) in ([], [root / "run" / ".keeper"])
    assert {path.name for path in (root / "trackings").iterdir()} == {".mlflow.lock", "comet", "mlruns", "tensorboard"}


def test_comet_adds_no_metric_or_param_of_its_own(alone: tuple[Path, Any, dict[str, Any]]) -> None:
    (archive,) = (alone[0] / "trackings" / "comet").iterdir()
    with zipfile.ZipFile(archive) as opened:
        lines = [json.loads(line) for line in opened.read("messages.json").splitlines()]
    names = [line["payload"]["metric"]["metricName"] for line in lines if line["type"] == "metric_msg"]
    params = [line["payload"]["param"]["paramName"] for line in lines if line["type"] == "parameter_msg"]
    assert (names, params) == (["loss", "loss"], ["units"])


def test_a_killed_process_leaves_comets_data_in_the_run_and_nowhere_else(tmp_path: Path) -> None:
    assert run_alone(tmp_path, "killed").returncode < 0
    for name in ("temporary", "working", "home", "trackings"):
        assert list((tmp_path / name).rglob("*")) == [], name
    assert list((tmp_path / "run" / ".keeper" / "comet").rglob("messages.json"))
