"""Shows mirrors in the tracker's own page: a server in a process of its own, which is gone when its owner is.

``python app/start.py app.trackers.serving tensorboard|mlflow [--warming]``, started in a session of its own. Its
standard input is the owner's pipe: one line, a JSON object, says what to show (``logdir`` for TensorBoard, ``uri`` and
``artifacts`` for MLflow); at the end of the pipe this process ends with everything that it started, also while it
imports. So an owner that is killed leaves nothing behind. ``--warming`` imports at low priority, because nobody waits
yet.

It prints ``serving: <address>`` when the page can be asked for, or ``problem: <text>`` before it ends; any other
line is the tracker's own.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

HOST = "127.0.0.1"

#: What begins the line of an address, and that of a reason why there is none.
SERVING_LINE, PROBLEM_LINE = "serving: ", "problem: "

#: All points and images, where TensorBoard would draw lots; and new ones at once. With 0, which is to mean all of them,
#: its data server gives it none.
TENSORBOARD_OPTIONS = ("--samples_per_plugin", "scalars=1000000000,images=1000000", "--reload_interval", "1")

#: What MLflow reads while it is imported: take a file store, send nothing home, start no further processes.
MLFLOW_VARIABLES = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}

#: Variables of a shell that would change what is shown, or where.
_UNWANTED = ("MLFLOW_", "_MLFLOW_", "TENSORBOARD_", "prometheus_multiproc_dir")

Order = dict[str, str]
Serve = Callable[[Order], None]


def main(argv: list[str]) -> int:
    """Serve until the owner is gone; see the module's text for the arguments."""
    kind, *options = argv
    for name in [name for name in os.environ if name.startswith(_UNWANTED)]:
        del os.environ[name]
    orders = queue.SimpleQueue[Order]()
    threading.Thread(target=_obey, args=(orders,), name="owner", daemon=True).start()
    try:
        serve = _load(_TRACKERS[kind], warming="--warming" in options)
        serve(orders.get())
    except ImportError as error:
        _say(PROBLEM_LINE, f"it cannot be imported by {sys.executable}: {error}")
    except Exception as error:
        _say(PROBLEM_LINE, str(error).strip().partition("\n")[0] or type(error).__name__)
    return 1


def _obey(orders: queue.SimpleQueue[Order]) -> None:
    # Unbuffered: a buffer's lock would be held for as long as this thread waits, also while the process exits.
    with open(0, "rb", buffering=0, closefd=False) as pipe:
        if line := pipe.readline():
            orders.put(json.loads(line))
        while pipe.read(4096):
            pass
    _end()


def _end() -> None:
    """End this process and all below it, whatever they are at."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    # Imported only where it is needed, here as below: somebody waits for this process.
    import psutil

    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(1)


def _load(load: Callable[[], Serve], *, warming: bool) -> Serve:
    """Import a tracker; at low priority in a thread, since a priority that was given up cannot be had again."""
    if not warming:
        return load()
    loaded: list[Serve | BaseException] = []

    from app.records.processes import lower_priority_of_this_thread

    def work() -> None:
        lower_priority_of_this_thread()
        try:
            loaded.append(load())
        except BaseException as error:
            loaded.append(error)

    thread = threading.Thread(target=work, name="import")
    thread.start()
    thread.join()
    if isinstance(loaded[0], BaseException):
        raise loaded[0]
    return loaded[0]


def _load_tensorboard() -> Serve:
    # Without TensorFlow it starts in a fraction of the time and shows the same.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    from tensorboard import default, program

    def serve(order: Order) -> None:
        board = program.TensorBoard(plugins=default.get_plugins())
        board.configure(
            argv=["tensorboard", "--logdir", order["logdir"], "--host", HOST, "--port", "0", *TENSORBOARD_OPTIONS]
        )
        _say(SERVING_LINE, board.launch())
        threading.Event().wait()

    return serve


def _load_mlflow() -> Serve:
    os.environ.update(MLFLOW_VARIABLES)
    # Before MLflow, which protects its pages from other sites only where it finds a web server imported.
    import uvicorn
    from mlflow.server import fastapi_app
    from mlflow.server.constants import (
        ARTIFACT_ROOT_ENV_VAR,
        BACKEND_STORE_URI_ENV_VAR,
        REGISTRY_STORE_URI_ENV_VAR,
    )
    from mlflow.server.handlers import initialize_backend_stores
    from mlflow.store.tracking import file_store

    read_run: Callable[[dict[str, Any]], Any] = file_store._read_persisted_run_info_dict

    def read_run_of_any_age(meta: dict[str, Any]) -> Any:
        # Before MLflow 1.0 a run's id was its run_uuid alone; today's MLflow fails on that.
        return read_run({"run_id": meta.get("run_uuid"), **meta})

    file_store._read_persisted_run_info_dict = read_run_of_any_age

    def serve(order: Order) -> None:
        uri, artifacts = order["uri"], order["artifacts"]
        _refuse_to_upgrade(uri)
        os.environ[BACKEND_STORE_URI_ENV_VAR] = os.environ[REGISTRY_STORE_URI_ENV_VAR] = uri
        os.environ[ARTIFACT_ROOT_ENV_VAR] = artifacts
        initialize_backend_stores(uri, uri, artifacts)
        listener = socket.create_server((HOST, 0))
        _say(SERVING_LINE, f"http://{HOST}:{listener.getsockname()[1]}")
        # In this process: the stock command imports MLflow twice, in a parent that only waits and in its server.
        uvicorn.Server(uvicorn.Config(fastapi_app.app, log_level="warning")).run(sockets=[listener])

    return serve


def _refuse_to_upgrade(uri: str) -> None:
    """Serve no database of another MLflow: its server adds the tables that it misses, and migrates the others.

    Raises:
        RuntimeError: it is one; the text tells what can be done.
    """
    import shlex
    import sqlite3
    from contextlib import closing
    from pathlib import Path

    from mlflow.store.db import utils
    from mlflow.version import VERSION

    latest_revision: Callable[[], str] = utils._get_latest_schema_revision

    if not uri.startswith("sqlite:///"):
        return
    path = Path(uri.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            found = None
    if found is None or found[0] != latest_revision():
        command = shlex.join([sys.executable, "-m", "mlflow", "db", "upgrade", uri])
        raise RuntimeError(
            f"{path} was made by another version of MLflow, and MLflow {VERSION} shows it only once it has changed it "
            f"for good. Nothing was changed. To do that, copy the file and run: {command}"
        )


_TRACKERS: dict[str, Callable[[], Serve]] = {"tensorboard": _load_tensorboard, "mlflow": _load_mlflow}


def _say(prefix: str, text: Any) -> None:
    print(prefix, text, sep="", flush=True)
