"""Opens a run in TensorBoard's or MLflow's own page: servers on 127.0.0.1 that end with this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import platformdirs

from app.jobs.launch import start_process
from app.records.layout import ExecutionFolder
from app.records.mirrored import (
    MLflowMirror,
    StoredRun,
    TensorBoardMirror,
    find_mlflow,
    find_stored,
    find_tensorboard,
    is_mirror_expected,
)
from app.start import command
from app.trackers.serving import HOST, MLFLOW_VARIABLES, PROBLEM_LINE, SERVING_LINE, TENSORBOARD_OPTIONS

#: The trackers that have a page of their own on this computer, as they are called.
NAMES = {"tensorboard": "TensorBoard", "mlflow": "MLflow"}

#: How many servers of a kind may live at once; for another one that which was not asked for longest ends.
_MOST = {"tensorboard": 4, "mlflow": 2}

#: How long (seconds) to wait for a server that starts, for its page to show the run, for a mirror that is to begin.
_START_SECONDS = {"tensorboard": 60.0, "mlflow": 180.0}
_PAGE_SECONDS = 60.0
_MIRROR_SECONDS = 30.0

_LOOK_SECONDS = 0.05
_END_SECONDS = 1.0
_LAST_LINES = 20

Mirror = TensorBoardMirror | MLflowMirror
#: One of our own, or one that another program left.
AnyRun = ExecutionFolder | StoredRun
Progress = Callable[[str], object]


class ServerError(Exception):
    """A page cannot be shown; ``last_lines`` is what its server printed last, "" where that says nothing."""

    def __init__(self, message: str, last_lines: str = "") -> None:
        super().__init__(message)
        self.last_lines = last_lines


class TrackingServers:
    """The servers of one owner, a page's server for each store. To be used from one event loop.

    Args:
        on_change: called in that loop when another server answers or one has ended.
    """

    def __init__(self, on_change: Callable[[], object] | None = None) -> None:
        self._on_change = on_change or (lambda: None)
        # In the order in which they were last asked for.
        self._servers: dict[tuple[str, Path], _Server] = {}
        self._spares: dict[str, _Server] = {}
        self._is_closed = False

    async def open(self, kind: str, run: AnyRun, on_progress: Progress = lambda _text: None) -> str:
        """Return the address of a run's page, once it answers there.

        Args:
            kind: ``tensorboard`` or ``mlflow``.
            run: the run.
            on_progress: called with a sentence on what is waited for.

        Raises:
            ServerError: the run is not there, or its page cannot be had. Cancelled, it ends a server that it
                had started and nobody else waits for.
        """
        name = NAMES[kind]
        mirror = await _mirror_once_begun(kind, run, on_progress)
        server = self._server(kind, mirror)
        server.waiting += 1
        try:
            if not server.address:
                on_progress(f"Starting {name}")
            await server.answer()
            on_progress(f"Waiting until {name} shows this run")
            await _wait_for_page(server, mirror)
        finally:
            server.waiting -= 1
            if not server.address and not server.waiting:
                server.close()
        self._end_those_over()
        return server.address + _page(mirror)

    def prestart(self, kind: str) -> None:
        """Start a server ahead, at low priority, which imports its library and waits for a store to show.

        Raises:
            ServerError: it could not be started.
        """
        self._spares[kind] = _living(self._spares.get(kind)) or _Server(kind, self._tell, warming=True)

    def addresses(self) -> dict[str, str]:
        """Return the base address of the server of each kind that was asked for last."""
        return {kind: server.address for (kind, _), server in self._servers.items() if server.address}

    def close(self) -> None:
        """End all servers; nothing can be opened any more."""
        self._is_closed = True
        for server in (*self._servers.values(), *self._spares.values()):
            server.close()
        self._servers.clear()
        self._spares.clear()

    def _tell(self) -> None:
        if not self._is_closed:
            self._on_change()

    def _server(self, kind: str, mirror: Mirror) -> _Server:
        if self._is_closed:
            raise ServerError(f"{NAMES[kind]} cannot be started any more")
        store = mirror.logdir if isinstance(mirror, TensorBoardMirror) else mirror.store
        server = _living(self._servers.pop((kind, store), None))
        if server is None:
            server = _living(self._spares.pop(kind, None)) or _Server(kind, self._tell)
            server.show(_order(mirror))
        self._servers[kind, store] = server
        return server

    def _end_those_over(self) -> None:
        self._servers = {key: server for key, server in self._servers.items() if _living(server)}
        for kind, most in _MOST.items():
            idle = [key for key, server in self._servers.items() if key[0] == kind and not server.waiting]
            for key in idle[: max(0, len(idle) - most)]:
                self._servers.pop(key).close()


def command_line(kind: str, run: AnyRun) -> str:
    """Return the line for a POSIX shell that starts the tracker's own server on the store which this run is in.

    Raises:
        ServerError: the run is not there.
    """
    python = [sys.executable, "-P", "-m"]
    mirror = _mirror(kind, run)
    if isinstance(mirror, TensorBoardMirror):
        options = ["--logdir", str(mirror.logdir), "--host", HOST, "--port", "0", *TENSORBOARD_OPTIONS]
        return shlex.join([*python, "tensorboard.main", *options])
    variables = [f"{name}={value}" for name, value in MLFLOW_VARIABLES.items()]
    options = ["--host", HOST, "--port", "0", "--workers", "1", "--backend-store-uri", mirror.uri]
    return shlex.join(["env", *variables, *python, "mlflow", "server", *options])


class _Server:
    """One server process, first without a store.

    Attributes:
        address: where it answers, without a slash at the end; "" before, and once it has ended.
        waiting: how many wait for a page of it.
    """

    def __init__(self, kind: str, on_change: Callable[[], object], *, warming: bool = False) -> None:
        self.address = ""
        self.waiting = 0
        self._name = NAMES[kind]
        self._seconds = _START_SECONDS[kind]
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._settled = asyncio.Event()
        self._problem = ""
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        arguments = command("app.trackers.serving", kind, *(["--warming"] if warming else []))
        try:
            self._process = start_process(arguments, cwd=_working_folder(), output=subprocess.PIPE)
        except OSError as error:
            raise ServerError(f"{self._name} could not be started: {error}") from error
        self._listener = threading.Thread(target=self._listen, name=f"{kind} server", daemon=True)
        self._listener.start()

    @property
    def is_alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def show(self, order: dict[str, str]) -> None:
        """Tell it what to show; what comes of that is known from :meth:`answer`."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    async def answer(self) -> None:
        """Wait until it has an address.

        Raises:
            ServerError: it ended, or takes too long.
        """
        try:
            await asyncio.wait_for(self._settled.wait(), self._seconds)
        except TimeoutError:
            raise ServerError(f"{self._name} did not start within {self._seconds:g} s", self.last_lines) from None
        if not self.address:
            raise self.failure()

    def failure(self) -> ServerError:
        """Return the reason why it does not answer."""
        why = self._problem or "its server has ended"
        return ServerError(f"{self._name} cannot be shown: {why}", self.last_lines)

    @property
    def last_lines(self) -> str:
        """What it printed last."""
        return "\n".join(self._lines)

    def close(self) -> None:
        """End the process and all it has started."""
        assert self._process.stdin is not None
        if self.is_alive and sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # which is the end of it by itself
        self._process.wait()
        self._listener.join(_END_SECONDS)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for raw in output:
                line = raw.decode("utf-8", "replace").rstrip()
                if line.startswith(SERVING_LINE):
                    self._settle(line.removeprefix(SERVING_LINE).rstrip("/"))
                elif line.startswith(PROBLEM_LINE):
                    self._problem = line.removeprefix(PROBLEM_LINE)
                elif line:
                    self._lines.append(line)
        self._process.wait()
        self._settle("")

    def _settle(self, address: str) -> None:
        is_new, self.address = address != self.address, address

        def tell() -> None:
            self._settled.set()
            if is_new:
                self._on_change()

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(tell)


def _living(server: _Server | None) -> _Server | None:
    """Return the server if it is there; of one that has ended nothing is left open."""
    if server is None or server.is_alive:
        return server
    server.close()
    return None


def _working_folder() -> Path:
    """Return an empty folder of ours: a tracker looks for stores and settings in the one it is started in."""
    folder = Path(platformdirs.user_cache_dir("trackside", appauthor=False)) / "servers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _mirror(kind: str, run: AnyRun) -> Mirror:
    try:
        if isinstance(run, StoredRun):
            mirror = find_stored(kind, run)
        else:
            mirror = find_tensorboard(run) if kind == "tensorboard" else find_mlflow(run)
    except OSError as error:
        raise ServerError(f"What {NAMES[kind]} has of this run cannot be read: {error}") from error
    if mirror is None:
        where = f"is not in {run.root} any more" if isinstance(run, StoredRun) else f"was not mirrored to {NAMES[kind]}"
        raise ServerError(f"This run {where}")
    return mirror


async def _mirror_once_begun(kind: str, run: AnyRun, on_progress: Progress) -> Mirror:
    """Return the mirror; that of a run which has only just started may take a moment to begin."""
    deadline = time.monotonic() + _MIRROR_SECONDS
    while True:
        try:
            return await asyncio.to_thread(_mirror, kind, run)
        except ServerError:
            if isinstance(run, StoredRun) or time.monotonic() > deadline:
                raise
            if not await asyncio.to_thread(is_mirror_expected, run, kind):
                raise
        on_progress(f"Waiting until the run is in {NAMES[kind]}")
        await asyncio.sleep(_LOOK_SECONDS)


def _order(mirror: Mirror) -> dict[str, str]:
    if isinstance(mirror, TensorBoardMirror):
        return {"logdir": str(mirror.logdir)}
    artifacts = mirror.store if mirror.store.is_dir() else mirror.store.with_name("mlartifacts")
    return {"uri": mirror.uri, "artifacts": artifacts.as_uri()}


def _page(mirror: Mirror) -> str:
    """Return what follows the server's address to get to this very run."""
    if isinstance(mirror, MLflowMirror):
        return f"/#/experiments/{mirror.experiment_id}/runs/{mirror.run_id}"
    if not mirror.run:
        return "/#timeseries"
    return f"/?runFilter={quote(f'^{re.escape(mirror.run)}(/|$)', safe='')}#timeseries"


async def _wait_for_page(server: _Server, mirror: Mirror) -> None:
    deadline = time.monotonic() + _PAGE_SECONDS
    while not await asyncio.to_thread(_shows, server, mirror):
        if time.monotonic() > deadline:
            raise ServerError(
                f"The page at {server.address} does not show this run after {_PAGE_SECONDS:g} s", server.last_lines
            )
        await asyncio.sleep(_LOOK_SECONDS)


def _shows(server: _Server, mirror: Mirror) -> bool:
    """Ask the page whether it has the run."""
    try:
        if isinstance(mirror, TensorBoardMirror):
            _, runs = _get(server.address, "/data/runs")
            return any(mirror.has(name) for name in runs or ())
        status, answer = _get(server.address, f"/api/2.0/mlflow/runs/get?run_id={quote(mirror.run_id)}")
    except OSError:
        if not server.is_alive:
            raise server.failure() from None
        return False
    if status != 200:
        why = answer.get("message") if isinstance(answer, dict) else ""
        why = _missing_folders(mirror) or why or f"it answers with status {status}"
        raise ServerError(f"MLflow cannot show this run: {why}", server.last_lines)
    return True


def _missing_folders(mirror: MLflowMirror) -> str:
    """Say what MLflow misses in a file store: empty folders get lost where a record is copied, by git above all."""
    run = mirror.store / mirror.experiment_id / mirror.run_id
    missing = [name for name in ("artifacts", "metrics", "params") if run.is_dir() and not (run / name).is_dir()]
    return f"the folder {run} lacks {' and '.join(missing)}, which it needs, even if empty" if missing else ""


def _get(address: str, path: str) -> tuple[int, Any]:
    """Return status and JSON of an answer, None for what is none. Not by urllib, which asks the proxy of the shell."""
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection(urlsplit(address).netloc, timeout=_PAGE_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        data = answer.read()
        with contextlib.suppress(ValueError):
            return answer.status, json.loads(data)
        return answer.status, None
    except HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
