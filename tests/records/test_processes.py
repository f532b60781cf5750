from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from app.records.processes import Identity, boot_id, host_name, lower_priority_of_this_thread


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield started
    started.kill()
    started.wait()
    assert started.stdin is not None
    started.stdin.close()


def test_this_process_is_alive() -> None:
    identity = Identity.of()
    assert identity.pid == os.getpid()
    assert identity.is_alive()


def test_a_process_is_the_same_at_every_look(process: subprocess.Popen[bytes]) -> None:
    assert Identity.of(process.pid) == Identity.of(process.pid)


def test_another_process_with_the_same_pid_is_another_one(process: subprocess.Popen[bytes]) -> None:
    identity = Identity.of(process.pid)
    earlier = dataclasses.replace(identity, create_time=identity.create_time - 1)
    assert identity.is_alive()
    assert not earlier.is_alive()


def test_a_process_that_was_killed_is_not_alive_even_before_anyone_has_waited_for_it(
    process: subprocess.Popen[bytes], wait_until: Callable[[Callable[[], object]], None]
) -> None:
    identity = Identity.of(process.pid)
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
    assert not identity.is_alive()
    process.wait()
    assert not identity.is_alive()
    with pytest.raises(ProcessLookupError, match=str(process.pid)):
        Identity.of(process.pid)


def test_a_process_that_is_stopped_is_alive(
    process: subprocess.Popen[bytes], wait_until: Callable[[Callable[[], object]], None]
) -> None:
    identity = Identity.of(process.pid)
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    assert identity.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the creation time does not move with the clock")
def test_setting_the_clock_makes_no_other_process_of_one() -> None:
    """Linux counts from the start of the computer; only the sum with the time of day moves."""
    since_boot = Identity.of().create_time
    assert 0 < since_boot <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_an_identity_comes_back_as_it_was_written() -> None:
    identity = Identity.of()
    assert Identity.from_json(json.loads(json.dumps(identity.to_json()))) == identity


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"pid": 5}, {"pid": "5", "create_time": 1.0}, {"pid": 0, "create_time": 1.0},
     {"pid": True, "create_time": 1.0}, {"pid": 5, "create_time": 10**400}, {"pid": 5, "create_time": None}],
)  # fmt: skip
def test_what_is_no_identity_is_none(value: object) -> None:
    assert Identity.from_json(value) is None


def test_a_pid_that_no_computer_has_is_not_alive() -> None:
    assert not Identity(10**30, 1.0).is_alive()


def test_host_and_boot_have_names_that_stay() -> None:
    program = "from app.records.processes import *; print(host_name(), boot_id())"
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    other = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert other.stdout == f"{host_name()} {boot_id()}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_only_the_thread_that_asks_for_it_gets_a_lower_priority() -> None:
    priorities: list[int] = []

    def work() -> None:
        lower_priority_of_this_thread()
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert priorities == [max(before, 10)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
