"""The walk of a first user through the real program: real clicks and keys, a real training, real tracker pages."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.records.layout import Workspace
from app.records.runs import Run, read_runs
from tests.e2e.conftest import Program, Screen
from tests.running import serving_processes

Start = Callable[..., Program]
pytestmark = pytest.mark.timeout(280)


def runs_in(screen: Screen) -> list[Run]:
    return list(read_runs(Workspace.at(screen.folder / "home" / "Trackside")))


def wait_for_state(program: Program, state: str, count: int = 1) -> list[Run]:
    """Wait until that many runs of the example's workspace are in a state."""
    found: list[Run] = program.until(
        lambda: runs if len(runs := [run for run in runs_in(program.screen) if run.state == state]) >= count else None,
        f"{count} run(s) {state}",
        150,
    )
    return found


def get(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return json.loads(answer.read())


def opened(program: Program, count: int) -> str:
    """Wait until the browser has been asked for that many pages; return the last one's address."""
    urls = program.screen.urls
    program.until(
        lambda: urls.exists() and len(urls.read_text().split()) >= count, f"{count} page(s) in the browser", 120
    )
    return urls.read_text().split()[-1]


def run_for_long(program: Program) -> None:
    """Type a config that trains until it is stopped into the JSON beside the form, and run it."""
    screen = program.screen
    program.click("Config as JSON")
    document = json.loads(program.ask(find="Config as JSON")["text"])
    document["training"] = {**document["training"], "epochs": 50_000, "callbacks": []}
    screen.press("ctrl+a")
    screen.type(json.dumps(document))
    # The form follows the text.
    program.until(
        lambda: (program.ask(find="Epochs", kind="TextField") or {}).get("text") == "50000", "the number in the form"
    )
    screen.press("ctrl+Return")


def test_a_first_user_trains_watches_stops_opens_and_leaves(screen: Screen, start: Start) -> None:
    program = start()

    # Welcome: one click trains the example, its page comes to the front and fills.
    program.click("Run example")
    program.wait_for("Stop", timeout=120)
    [first] = wait_for_state(program, "finished")
    program.wait_for("Finished")
    assert first.metrics["loss"].count == 25

    # Edit as new, by keyboard alone: the config in the editor, run it for long, watch the curve, stop it.
    screen.press("ctrl+e")
    run_for_long(program)
    [second] = wait_for_state(program, "running")
    program.wait_for("Running")
    program.until(lambda: len(runs_in(screen)) == 2 and _epochs(screen, second) > 20, "epochs")
    screen.press("ctrl+period")
    program.click("Stop run")
    wait_for_state(program, "stopped")
    program.wait_for("Stopped")
    program.focus()

    # Both are in the table; a double click opens the first one again.
    screen.press("ctrl+1")
    program.click(first.execution_id, kind="RunsView", times=2)
    program.wait_for("Finished")

    # Its pages in TensorBoard and MLflow answer, with this run in them.
    program.click("Open in TensorBoard")
    address = opened(program, 1)
    assert first.execution_id in get(address.partition("#")[0].partition("?")[0] + "data/runs")
    program.click("Open in MLflow")
    address = opened(program, 2)
    run_id = address.rpartition("/")[2]
    base = address.partition("#")[0]
    run = get(f"{base}ajax-api/2.0/mlflow/runs/get?run_id={run_id}")["run"]
    assert run["info"]["run_name"] == first.execution_id

    # The window closes, once it is told what to do with the config that was never saved, and the servers go with it.
    servers = serving_processes(program.process.pid)
    assert len(servers) >= 2
    screen.press("ctrl+q")
    program.click("Discard")
    assert program.wait() == 0
    assert psutil.wait_procs(servers, timeout=15)[1] == []


def _epochs(screen: Screen, run: Run) -> int:
    return next((each.metrics["loss"].count for each in runs_in(screen) if each.id == run.id and each.metrics), 0)


def test_a_run_outlives_the_window_that_started_it_and_is_shown_by_the_next(
    screen: Screen, start: Start, tmp_path: Path
) -> None:
    first = start()
    first.click("View config")
    run_for_long(first)
    [run] = wait_for_state(first, "running")
    first.kill()

    second = start()
    second.click(run.execution_id, kind="RunsView", times=2)
    second.wait_for("Running")
    seen = _epochs(screen, run)
    second.until(lambda: _epochs(screen, run) > seen + 5, "further epochs")
    second.click("Stop", timeout=60)
    second.click("Stop run")
    [ended] = wait_for_state(second, "stopped")
    assert ended.id == run.id
    # Nobody's training is left on the machine.
    assert ended.status.worker is None or not ended.status.worker.is_alive()
    os.kill(second.process.pid, signal.SIGINT)
    assert second.wait() == 0
