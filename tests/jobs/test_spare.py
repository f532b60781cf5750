"""The warm spare: leaves with its owner, takes one run, and says why it could not get warm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from app.jobs.spare import Spare, may_warm
from app.records.layout import Workspace
from app.records.processes import Identity
from app.records.runs import read_runs
from app.records.status import Status, write_status
from tests.running import wait_until

ROOT = Path(__file__).parents[2]
OWNER = """
import sys
sys.path.insert(0, sys.argv[1])
from app.jobs.spare import Spare
spare = Spare()
print(spare._process.pid, flush=True)
sys.stdin.readline()
"""


def test_a_spare_and_its_worker_leave_when_their_owner_is_killed() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-P", "-c", OWNER, str(ROOT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    keeper = psutil.Process(int(owner.stdout.readline()))
    worker = wait_until(keeper.children, "the worker")[0]
    owner.kill()
    owner.communicate()
    wait_until(lambda: not keeper.is_running() and not worker.is_running(), "both to leave", 30)


def test_a_spare_that_is_closed_is_gone_and_takes_no_run(workspace: Workspace) -> None:
    from app.jobs.queue import Queue

    spare = Spare()
    spare.close()
    folder = workspace.new_execution("e", "d")
    write_status(folder.status, Status())
    queue = Queue(workspace)
    queue.add(folder)
    claim = queue.claim(1, Identity.of())
    assert claim is not None
    assert not spare.give(workspace, claim, {})
    assert not spare.is_ready


def test_a_spare_does_not_warm_beside_a_run_on_few_cores(workspace: Workspace) -> None:
    assert may_warm(read_runs(workspace))
    folder = workspace.new_execution("e", "d")
    write_status(folder.status, Status(state="running", keeper=Identity.of(), worker=Identity.of()))
    assert may_warm(read_runs(workspace)) == ((psutil.cpu_count() or 1) >= 3)
