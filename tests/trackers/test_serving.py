"""The process that shows mirrors: what it shows, and that nothing is left of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest

from app.jobs.launch import start_process
from app.start import command
from app.trackers.serving import PROBLEM_LINE, SERVING_LINE
from tests.trackers.conftest import Mirroring

POINTS = 2500


@contextmanager
def serving(kind: str, order: dict[str, str] | None, cwd: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    process = start_process(command("app.trackers.serving", kind, *options), cwd=cwd, output=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        if order is not None:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        yield process
        process.stdin.close()


def said(process: subprocess.Popen[bytes], prefix: str) -> str:
    assert process.stdout is not None
    lines = []
    for raw in process.stdout:
        lines.append(raw.decode())
        if lines[-1].startswith(prefix):
            return lines[-1].removeprefix(prefix).strip().rstrip("/")
    raise AssertionError(f"no {prefix!r} in {''.join(lines)}")


def get(address: str) -> bytes:
    with build_opener(ProxyHandler({})).open(address, timeout=60) as answer:
        data: bytes = answer.read()
        return data


def test_tensorboard_shows_every_point_without_tensorflow_and_ends_with_its_owner(
    mirror: Mirroring, picture: Path, tmp_path: Path
) -> None:
    mirror(
        {"type": "tensorboard"},
        metrics={"loss": [1 / step for step in range(1, POINTS + 1)]},
        images={"picture": picture},
    )
    run = mirror.run.execution_id
    with serving("tensorboard", {"logdir": str(mirror.run.logdir / "tensorboard")}, tmp_path) as process:
        address = said(process, SERVING_LINE)
        assert address.startswith("http://127.0.0.1:")
        while json.loads(get(f"{address}/data/runs")) != [run]:
            pass
        points = json.loads(get(f"{address}/data/plugin/scalars/scalars?run={quote(run)}&tag=loss"))
        assert len(points) == POINTS
        (image,) = json.loads(get(f"{address}/data/plugin/images/images?run={quote(run)}&tag=picture&sample=0"))
        assert get(f"{address}/data/plugin/images/individualImage?{image['query']}") == picture.read_bytes()
        assert b"<!doctype html>" in get(address)
        if sys.platform == "linux":
            assert "/tensorflow/" not in Path(f"/proc/{process.pid}/maps").read_text()
        below = psutil.Process(process.pid).children(recursive=True)
        assert below, "TensorBoard's data server is a process of its own"

        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
        assert psutil.wait_procs(below, timeout=30)[1] == []


@pytest.mark.parametrize("kind", ["tensorboard", "mlflow"])
@pytest.mark.parametrize("options", [(), ("--warming",)], ids=["", "warming"])
def test_a_server_that_has_not_yet_imported_its_library_ends_with_its_owner(
    kind: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    with serving(kind, None, tmp_path, *options) as process:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
    assert process.returncode != 0


@pytest.mark.parametrize("options", [(), ("--warming",)], ids=["", "warming"])
def test_a_library_that_cannot_be_imported_is_named(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.py").write_text("raise ImportError('No module named protobuf')\n")
    (tmp_path / "uvicorn.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with serving("mlflow", {}, tmp_path, *options) as process:
        problem = said(process, PROBLEM_LINE)
    assert problem == f"it cannot be imported by {sys.executable}: No module named protobuf"


def test_nothing_of_the_users_shell_reaches_the_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_BACKEND_STORE_URI", "_MLFLOW_SERVER_FILE_STORE", "TENSORBOARD_DATA_SERVER_BINARY"):
        monkeypatch.setenv(name, "of the shell")
    (tmp_path / "uvicorn.py").write_text(
        "import os\nraise ImportError([name for name in os.environ if os.environ[name] == 'of the shell'])"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with serving("mlflow", {}, tmp_path) as process:
        assert said(process, PROBLEM_LINE).endswith(": []")
