"""Runs in the trackers' own pages: real servers, asked as a browser asks them."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest

from app.jobs import servers
from app.jobs.servers import ServerError, TrackingServers, command_line
from app.records.layout import ExecutionFolder, Workspace
from app.records.mirrored import StoredRun, find_mlflow
from tests.mirroring import mirror_run
from tests.running import serving_processes, wait_until
from tests.ui.recording import record_run

ROOT = Path(__file__).parents[2]


def get(address: str) -> Any:
    with build_opener(ProxyHandler({})).open(address, timeout=60) as answer:
        return answer.read()


def base(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[ExecutionFolder]:
    """Three runs of one experiment: both trackers; TensorBoard in parts and MLflow without a note; no mirror."""
    workspace = Workspace.at(tmp_path_factory.mktemp("a workspace (with 100 % of 'signs')"))
    both, parts, neither = (record_run(workspace) for _ in range(3))
    mirror_run(both, {"type": "tensorboard"}, {"type": "mlflow"})
    mirror_run(parts, {"type": "tensorboard", "split": True}, {"type": "mlflow"}, note=False)
    return [both, parts, neither]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def pages(runner: asyncio.Runner) -> Iterator[TrackingServers]:
    """Servers that all tests share, started from a shell whose variables lead elsewhere."""

    async def make() -> TrackingServers:
        return TrackingServers()

    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_BACKEND_STORE_URI", "MLFLOW_REGISTRY_URI", "HTTP_PROXY"):
            patch.setenv(name, "http://127.0.0.1:9")
        pages = runner.run(make())
        yield pages
        pages.close()
    assert serving_processes() == []


def test_tensorboard_opens_at_the_run_and_again_at_another_one_of_the_experiment(
    runner: asyncio.Runner, pages: TrackingServers, runs: list[ExecutionFolder]
) -> None:
    said: list[str] = []
    first = runner.run(pages.open("tensorboard", runs[0], said.append))
    again = runner.run(pages.open("tensorboard", runs[0]))
    other = runner.run(pages.open("tensorboard", runs[1]))

    assert said == ["Starting TensorBoard", "Waiting until TensorBoard shows this run"]
    assert first == again
    assert base(first) == base(other) == pages.addresses()["tensorboard"]
    assert b"<!doctype html>" in get(first)
    names = json.loads(get(f"{base(first)}/data/runs"))
    ids = [runs[0].execution_id, runs[1].execution_id]
    assert sorted(names) == sorted([ids[0], ids[1], f"{ids[1]}/train", f"{ids[1]}/validation"])
    (wanted,) = parse_qs(urlsplit(other).query)["runFilter"]
    assert wanted == f"^{ids[1]}(/|$)".replace("-", "\\-")
    assert urlsplit(other).fragment == "timeseries"


def test_mlflow_opens_at_the_run_and_again_at_one_that_only_its_name_leads_to(
    runner: asyncio.Runner, pages: TrackingServers, runs: list[ExecutionFolder]
) -> None:
    first = runner.run(pages.open("mlflow", runs[0]))
    other = runner.run(pages.open("mlflow", runs[1]))

    assert base(first) == base(other) == pages.addresses()["mlflow"]
    assert b"<html" in get(first)
    for address, run in ((first, runs[0]), (other, runs[1])):
        experiment, run_id = urlsplit(address).fragment.removeprefix("/experiments/").split("/runs/")
        found = json.loads(get(f"{base(address)}/api/2.0/mlflow/runs/get?run_id={run_id}"))["run"]
        assert found["info"]["experiment_id"] == experiment
        assert found["info"]["run_name"] == run.execution_id
        assert {metric["key"]: metric["value"] for metric in found["data"]["metrics"]}["loss"] == 9.0
        assert (
            get(f"{base(address)}/get-artifact?path=training_config.json&run_id={run_id}") == run.document.read_bytes()
        )


def test_mlflow_shows_a_run_that_an_older_system_left_there_with_paths_of_another_computer(
    runner: asyncio.Runner, pages: TrackingServers, runs: list[ExecutionFolder]
) -> None:
    old = ExecutionFolder(runs[0].path.with_name("06-16-31__08-04-2019"))
    old.path.mkdir()
    folder = runs[0].trackings / "mlruns" / "0" / ("ab" * 16)
    for name in ("metrics", "params"):
        (folder / name).mkdir(parents=True)
    (folder / "metrics" / "loss").write_text("1554704191 22.5\n")
    (folder / "tags").mkdir()
    (folder / "tags" / "mlflow.runName").write_text(old.execution_id)
    (folder / "meta.yaml").write_text(
        textwrap.dedent(f"""\
            artifact_uri: /home/somebody/trainings/boston/trackings/mlruns/0/{folder.name}/artifacts
            end_time: null
            entry_point_name: ''
            experiment_id: '0'
            lifecycle_stage: active
            name: ''
            run_uuid: {folder.name}
            source_name: ''
            source_type: 4
            source_version: ''
            start_time: 1554704191070
            status: 1
            tags: []
            user_id: somebody
            """)
    )

    with pytest.raises(ServerError, match=f"MLflow cannot show this run: the folder .*{folder.name} lacks artifacts,"):
        runner.run(pages.open("mlflow", old))
    (folder / "artifacts").mkdir()
    address = runner.run(pages.open("mlflow", old))
    assert address.endswith(f"/runs/{folder.name}")
    found = json.loads(get(f"{base(address)}/api/2.0/mlflow/runs/get?run_id={folder.name}"))["run"]
    assert [(metric["key"], metric["value"]) for metric in found["data"]["metrics"]] == [("loss", 22.5)]


@pytest.mark.parametrize("kind", ["tensorboard", "mlflow"])
def test_a_run_without_a_mirror_is_refused(
    kind: str, runner: asyncio.Runner, pages: TrackingServers, runs: list[ExecutionFolder]
) -> None:
    with pytest.raises(ServerError, match=f"^This run was not mirrored to {servers.NAMES[kind]}$"):
        runner.run(pages.open(kind, runs[2]))


def test_a_run_that_has_just_started_is_waited_for(
    runner: asyncio.Runner, pages: TrackingServers, runs: list[ExecutionFolder]
) -> None:
    young = record_run(Workspace.around(runs[0].path), "running")

    async def open_before_there_is_a_mirror() -> str:
        said: list[str] = []
        opening = asyncio.create_task(pages.open("tensorboard", young, said.append))
        while not said:
            await asyncio.sleep(0.01)
        assert said == ["Waiting until the run is in TensorBoard"]
        await asyncio.to_thread(mirror_run, young, {"type": "tensorboard"})
        return await opening

    address = runner.run(open_before_there_is_a_mirror())
    assert young.execution_id in json.loads(get(f"{base(address)}/data/runs"))


def test_two_owners_have_servers_of_their_own_on_one_store(
    runner: asyncio.Runner, pages: TrackingServers, runs: list[ExecutionFolder]
) -> None:
    async def open_elsewhere() -> str:
        others = TrackingServers()
        try:
            return await others.open("tensorboard", runs[0])
        finally:
            others.close()

    here, there = runner.run(pages.open("tensorboard", runs[0])), runner.run(open_elsewhere())
    assert base(here) != base(there)
    assert get(here)
    with pytest.raises(OSError):  # noqa: PT011 - refused or reset, as the system likes
        get(there)


def test_a_server_that_was_started_ahead_is_used_and_one_that_died_is_replaced(
    runner: asyncio.Runner, runs: list[ExecutionFolder]
) -> None:
    async def use() -> None:
        changes: list[dict[str, str]] = []
        pages = TrackingServers(lambda: changes.append(pages.addresses()))
        before = set(serving_processes())

        def started() -> set[psutil.Process]:
            return {child for child in set(serving_processes()) - before if "serving" in " ".join(child.cmdline())}

        try:
            pages.prestart("tensorboard")
            while not (ahead := started()):  # a process that was just forked is not yet known by its command
                await asyncio.sleep(0.01)
            first = await pages.open("tensorboard", runs[0])
            assert started() == ahead
            (process,) = ahead
            process.kill()
            while pages.addresses():
                await asyncio.sleep(0.01)
            second = await pages.open("tensorboard", runs[0])
            assert changes == [{"tensorboard": base(first)}, {}, {"tensorboard": base(second)}]
        finally:
            pages.close()

    runner.run(use())


def test_of_many_stores_that_which_was_not_asked_for_longest_is_let_go(
    runner: asyncio.Runner, runs: list[ExecutionFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(servers._MOST, "tensorboard", 1)
    other = record_run(Workspace.at(tmp_path))
    mirror_run(other, {"type": "tensorboard"})

    async def open_both() -> tuple[str, str]:
        pages = TrackingServers()
        try:
            first, second = await pages.open("tensorboard", runs[0]), await pages.open("tensorboard", other)
            assert get(second)
            with pytest.raises(OSError):  # noqa: PT011
                get(first)
            assert pages.addresses() == {"tensorboard": base(second)}
        finally:
            pages.close()
        return first, second

    runner.run(open_both())


def test_cancelling_ends_the_server_that_is_starting(runner: asyncio.Runner, runs: list[ExecutionFolder]) -> None:
    async def cancel() -> None:
        pages = TrackingServers()
        before = set(serving_processes())
        said: list[str] = []
        opening = [asyncio.create_task(pages.open("mlflow", runs[0], said.append)) for _ in range(2)]
        while len(said) < 2 or not (found := set(serving_processes()) - before):
            await asyncio.sleep(0.01)
        (started,) = found
        opening[0].cancel()
        await asyncio.wait(opening[:1])
        assert started.is_running(), "somebody else still waits for it"
        opening[1].cancel()
        await asyncio.wait(opening[1:])
        assert not started.is_running()
        pages.close()

    runner.run(cancel())


def test_a_server_that_dies_at_its_start_leaves_its_last_lines(
    runner: asyncio.Runner, runs: list[ExecutionFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorboard.py").write_text("import os\nprint('the last word', flush=True)\nos._exit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def open_page() -> str:
        pages = TrackingServers()
        try:
            return await pages.open("tensorboard", runs[0])
        finally:
            pages.close()

    with pytest.raises(ServerError, match="TensorBoard cannot be shown: its server has ended") as caught:
        runner.run(open_page())
    assert caught.value.last_lines == "the last word"


def test_a_server_that_takes_too_long_is_ended(
    runner: asyncio.Runner, runs: list[ExecutionFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(servers._START_SECONDS, "mlflow", 0.1)

    async def open_page() -> None:
        pages = TrackingServers()
        before = serving_processes()
        try:
            with pytest.raises(ServerError, match=r"MLflow did not start within 0\.1 s"):
                await pages.open("mlflow", runs[0])
            assert serving_processes() == before
        finally:
            pages.close()

    runner.run(open_page())


OWNER = """
import asyncio, sys
from pathlib import Path
from app.jobs.servers import TrackingServers
from app.records.layout import ExecutionFolder

async def own():
    pages = TrackingServers()
    pages.prestart("mlflow")
    print(await pages.open("tensorboard", ExecutionFolder(Path(sys.argv[1]))), flush=True)
    await asyncio.Event().wait()

asyncio.run(own())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_nothing_is_left_of_the_servers_of_an_owner_that_is_killed(runs: list[ExecutionFolder]) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(runs[0].path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        address = owner.stdout.readline().strip()
        assert get(address)
        below = psutil.Process(owner.pid).children(recursive=True)
        assert len(below) >= 3, "two servers, and TensorBoard's data server"
        owner.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(below, timeout=30)[1] == []


@pytest.mark.skipif(shutil.which("sh") is None, reason="the line is for a POSIX shell")
def test_the_line_for_a_terminal_starts_a_server_that_has_the_run(runs: list[ExecutionFolder], tmp_path: Path) -> None:
    started: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
    try:
        for kind in ("tensorboard", "mlflow"):
            output = tmp_path / kind
            with output.open("wb") as file:
                process = subprocess.Popen(
                    ["sh", "-c", command_line(kind, runs[0])],
                    cwd=tmp_path,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            started[kind] = process, output
        for kind, (process, output) in started.items():

            def address(process: subprocess.Popen[bytes] = process, output: Path = output) -> str:
                text = output.read_text()
                assert process.poll() is None, text
                return "".join(word for word in text.split() if word.startswith("http://127.0.0.1:"))

            page = wait_until(address, kind).rstrip("/")
            if kind == "tensorboard":
                wait_until(lambda page=page: runs[0].execution_id in json.loads(get(f"{page}/data/runs")), "the run")
            else:
                query = f"{page}/ajax-api/2.0/mlflow/experiments/get?experiment_id=0"
                assert json.loads(get(query))["experiment"]["experiment_id"] == "0"
    finally:
        for process, _ in started.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert not (tmp_path / "mlruns").exists()


def test_there_is_no_line_for_a_run_without_a_mirror(runs: list[ExecutionFolder]) -> None:
    with pytest.raises(ServerError, match="not mirrored"):
        command_line("mlflow", runs[2])


def test_runs_of_other_programs_open_in_the_trackers_that_they_were_made_for(
    runner: asyncio.Runner, pages: TrackingServers, runs: list[ExecutionFolder]
) -> None:
    """A mirror is a run of TensorBoard or MLflow like any other, once it is found by its store."""
    trackings = runs[0].trackings
    board = runner.run(pages.open("tensorboard", StoredRun(trackings / "tensorboard", runs[0].execution_id)))
    assert board == runner.run(pages.open("tensorboard", runs[0]))
    mirror = find_mlflow(runs[0])
    assert mirror is not None
    stored = StoredRun(trackings / "mlruns", f"{mirror.experiment_id}/{mirror.run_id}")
    assert runner.run(pages.open("mlflow", stored)) == runner.run(pages.open("mlflow", runs[0]))
    assert f"--logdir {shlex.quote(str(trackings / 'tensorboard'))}" in command_line(
        "tensorboard", StoredRun(trackings / "tensorboard", runs[0].execution_id)
    )
    with pytest.raises(ServerError, match=r"is not in .* any more"):
        runner.run(pages.open("mlflow", StoredRun(trackings / "mlruns", "0/none")))


def test_a_database_of_mlflow_opens_at_the_run_and_one_of_another_version_is_left_as_it_is(
    runner: asyncio.Runner, pages: TrackingServers, tmp_path: Path
) -> None:
    path = tmp_path / "mlflow.db"
    code = (
        "import sys; from mlflow import MlflowClient; c = MlflowClient(sys.argv[1]);"
        "print(c.create_run('0', run_name='first').info.run_id)"
    )
    made = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{path}"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    run = StoredRun(path, made.stdout.split()[-1])
    address = runner.run(pages.open("mlflow", run))
    assert urlsplit(address).fragment == f"/experiments/0/runs/{run.key}"
    assert f"--backend-store-uri sqlite:///{path}" in command_line("mlflow", run)

    older = tmp_path / "older.db"
    shutil.copyfile(path, older)
    with closing(sqlite3.connect(older)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
        connection.execute("DROP TABLE trace_info")
    content = older.read_bytes()
    with pytest.raises(ServerError, match=r"Nothing was changed.*mlflow db upgrade sqlite:///"):
        runner.run(pages.open("mlflow", StoredRun(older, run.key)))
    assert older.read_bytes() == content
