"""The queue: order, slots, claims that are transactions, and that it can be lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.jobs.queue import Claim, Queue
from app.records.layout import ExecutionFolder, Workspace
from app.records.processes import Identity
from app.records.status import Status, write_status

ROOT = Path(__file__).parents[2]
CLAIMER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from app.jobs.queue import Queue
from app.records.layout import Workspace
from app.records.processes import Identity
claims = []
queue = Queue(Workspace.at(Path(sys.argv[2])))
sys.stdin.readline()
while (claim := queue.claim(1000, Identity.of())) is not None:
    claims.append(claim.folder.execution_id)
print(*claims, flush=True)
sys.stdin.readline()
"""


def queued(workspace: Workspace, count: int, **status: object) -> list[ExecutionFolder]:
    folders = []
    for index in range(count):
        folder = workspace.new_execution("Experiment", "dataset")
        write_status(folder.status, Status(submitted=float(index)).change(**status))
        folders.append(folder)
    return folders


def ended_process() -> Identity:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = Identity.of(process.pid)
    process.communicate(b"\n")
    return identity


def test_runs_are_claimed_in_the_order_of_submission_as_slots_allow(workspace: Workspace) -> None:
    queue = Queue(workspace)
    first, second, third = queued(workspace, 3)
    for folder in (first, second, third):
        queue.add(folder)
    me = Identity.of()
    claim = queue.claim(2, me)
    assert claim is not None
    assert claim.folder == first
    other = queue.claim(2, me)
    assert other is not None
    assert other.folder == second
    assert queue.claim(2, me) is None
    queue.release(first)
    last = queue.claim(2, me)
    assert last is not None
    assert last.folder == third


def test_two_processes_never_claim_the_same_run(workspace: Workspace) -> None:
    folders = queued(workspace, 40)
    queue = Queue(workspace)
    for folder in folders:
        queue.add(folder)
    command = [sys.executable, "-P", "-c", CLAIMER, str(ROOT), str(workspace.root)]
    pipe = subprocess.PIPE
    claimers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    # All of them live until every one has claimed what it could: the claims of a dead process are free again.
    claimed: list[str] = []
    for claimer in claimers:
        assert claimer.stdout is not None
        claimed += claimer.stdout.readline().split()
    for claimer in claimers:
        claimer.communicate("end\n")
    assert sorted(claimed) == sorted(folder.execution_id for folder in folders)


def test_a_claim_is_passed_on_once_and_only_with_its_token(workspace: Workspace) -> None:
    queue = Queue(workspace)
    (folder,) = queued(workspace, 1)
    queue.add(folder)
    claim = queue.claim(1, ended_process())
    assert claim is not None
    # Whoever claimed it is dead and there is no keeper: it is claimed anew, and the old claim is worth nothing.
    again = queue.claim(1, Identity.of())
    assert again is not None
    assert again.folder == folder
    assert not queue.take(claim, Identity.of())
    assert queue.take(again, Identity.of())
    assert not queue.take(Claim(folder, "guessed"), Identity.of())


def test_only_a_waiting_run_can_be_cancelled(workspace: Workspace) -> None:
    queue = Queue(workspace)
    first, second = queued(workspace, 2)
    queue.add(first)
    queue.add(second)
    assert queue.claim(1, Identity.of()) is not None
    assert not queue.cancel(first)
    assert queue.cancel(second)
    assert queue.waiting() == []


def test_a_run_whose_processes_are_dead_keeps_no_slot(workspace: Workspace) -> None:
    queue = Queue(workspace)
    dead, waiting = queued(workspace, 2)
    queue.add(dead)
    queue.add(waiting)
    keeper = ended_process()
    claim = queue.claim(1, keeper)
    assert claim is not None
    write_status(dead.status, Status(state="running", keeper=keeper, worker=ended_process()))
    following = queue.claim(1, Identity.of())
    assert following is not None
    assert following.folder == waiting


def test_a_lost_or_broken_queue_is_made_again_from_the_runs(workspace: Workspace) -> None:
    queue = Queue(workspace)
    first, second = queued(workspace, 2)
    (running,) = queued(workspace, 1, state="running", keeper=Identity.of())
    queued(workspace, 1, state="finished")
    queue.add(second)
    file = workspace.private / "queue.db"
    for damage in (file.unlink, lambda: file.write_bytes(b"no database" * 1000)):
        damage()
        assert queue.claim(1, Identity.of()) is None  # the one that is running has the slot
        assert queue.waiting() == [first, second]
    queue.release(running)
    claim = queue.claim(1, Identity.of())
    assert claim is not None
    assert claim.folder == first
