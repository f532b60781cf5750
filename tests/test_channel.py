from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import pytest

from app.channel import Channel, Door, connect
from app.messages import Began, Fact, Message

ROOT = Path(__file__).parents[1]

#: Connects, says so, sends back whatever it hears, and tells by its output when the connection has ended.
PEER = """
import sys, threading
from app.channel import Channel, connect
from app.messages import Began
ended = threading.Event()
channel = Channel(connect(sys.stdin.readline()), lambda message: channel.send(message), ended.set)
channel.send(Began())
print("connected", flush=True)
ended.wait()
print("ended", flush=True)
"""

#: As the one above, but cannot handle what it hears.
CLUMSY_PEER = PEER.replace("channel.send(message), ended.set", "1 / 0, ended.set")

#: Opens a door, prints the invitation, and sends facts without end to whoever comes in.
HOST = """
import itertools, time
from app.channel import Channel, Door
from app.messages import Fact
door = Door()
print(door.invitation, flush=True)
channel = Channel(door.admit(), lambda message: None, lambda: None)
for number in itertools.count():
    channel.send(Fact({"kind": "note", "number": number}))
    time.sleep(0.001)
"""


class End:
    """One end of a channel in this process."""

    def __init__(self, connection: Any) -> None:
        self.incoming: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self.channel = Channel(connection, self.incoming.put, lambda: self.incoming.put(None))

    def next(self) -> Message | None:
        """Return the next message, None for the end of the stream."""
        return self.incoming.get(timeout=60)


class Processes:
    """Starts other processes, and ends those that are left."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def start(self, program: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._started.append(process)
        return process

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    processes.end()


def let_in(process: subprocess.Popen[str]) -> End:
    """Open a door for a process that is to connect, and return this side's end."""
    door = Door()
    assert process.stdin is not None
    process.stdin.write(door.invitation + "\n")
    process.stdin.flush()
    end = End(door.admit())
    assert end.next() == Began()
    assert said_by(process) == "connected"
    return end


def said_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def peer(processes: Processes) -> tuple[subprocess.Popen[str], End]:
    process = processes.start(PEER)
    return process, let_in(process)


def fact(number: int, size: int = 0) -> Fact:
    return Fact({"kind": "note", "number": number, "filling": "x" * size})


def test_messages_go_both_ways_whole_and_in_order(peer: tuple[subprocess.Popen[str], End]) -> None:
    _, end = peer
    facts = [fact(number, size=number * 1000) for number in range(100)]
    for message in facts:
        end.channel.send(message)
    assert [end.next() for _ in facts] == facts
    end.channel.close(60)


def test_a_killed_worker_is_seen_as_the_end_of_the_stream(peer: tuple[subprocess.Popen[str], End]) -> None:
    process, end = peer
    process.send_signal(signal.SIGKILL)
    assert end.next() is None
    end.channel.send(fact(1))  # nobody takes it, and that is no error
    end.channel.close(60)


def test_a_worker_that_is_killed_while_it_sends_leaves_whole_messages_and_then_the_end(processes: Processes) -> None:
    process = processes.start(HOST)
    end = End(connect(said_by(process)))
    received = [end.next() for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    while (message := end.next()) is not None:
        received.append(message)
    assert [message.event["number"] for message in received if isinstance(message, Fact)] == list(range(len(received)))


def test_a_killed_keeper_is_seen_by_its_worker_as_the_end_of_the_stream(processes: Processes) -> None:
    host, worker = processes.start(HOST), processes.start(PEER)
    assert worker.stdin is not None
    worker.stdin.write(said_by(host) + "\n")
    worker.stdin.flush()
    assert said_by(worker) == "connected"
    host.send_signal(signal.SIGKILL)
    assert said_by(worker) == "ended"
    assert worker.wait(60) == 0


def test_sending_to_a_stopped_process_never_blocks(peer: tuple[subprocess.Popen[str], End]) -> None:
    process, end = peer
    process.send_signal(signal.SIGSTOP)
    facts = [fact(number, size=100_000) for number in range(100)]  # far more than a socket holds
    sender = threading.Thread(target=lambda: [end.channel.send(message) for message in facts])
    sender.start()
    sender.join(60)
    assert not sender.is_alive()
    process.send_signal(signal.SIGCONT)
    assert [end.next() for _ in facts] == facts
    end.channel.close(60)


def test_closing_gives_a_stopped_process_up_after_its_time(peer: tuple[subprocess.Popen[str], End]) -> None:
    process, end = peer
    process.send_signal(signal.SIGSTOP)
    for number in range(100):
        end.channel.send(fact(number, size=100_000))
    end.channel.close(0.05)
    assert end.next() is None
    process.send_signal(signal.SIGCONT)
    assert said_by(process) == "ended"


def test_closing_sends_what_waits_and_then_the_other_side_sees_the_end(peer: tuple[subprocess.Popen[str], End]) -> None:
    process, end = peer
    end.channel.send(fact(1))
    end.channel.close(60)
    assert said_by(process) == "ended"
    while end.next() is not None:
        pass


def test_what_is_no_message_is_passed_over() -> None:
    door = Door()
    admitted: queue.SimpleQueue[End] = queue.SimpleQueue()
    threading.Thread(target=lambda: admitted.put(End(door.admit()))).start()
    connection = connect(door.invitation)
    end = admitted.get(timeout=60)
    connection.send_bytes(b"\x80\x04 a pickle, say")
    connection.send_bytes(b'{"kind": "of another version"}')
    connection.send_bytes(b'{"kind": "began"}')
    connection.close()
    assert end.next() == Began()
    assert end.next() is None


def test_the_end_is_told_even_when_a_message_could_not_be_handled(processes: Processes) -> None:
    process = processes.start(CLUMSY_PEER)
    end = let_in(process)
    end.channel.send(fact(1))
    assert said_by(process) == "ended"


def test_a_stranger_does_not_get_in_and_the_invited_one_still_does() -> None:
    door = Door()
    admitted: queue.SimpleQueue[End] = queue.SimpleQueue()
    threading.Thread(target=lambda: admitted.put(End(door.admit()))).start()
    invitation = json.loads(door.invitation)
    with pytest.raises(ConnectionRefusedError):
        connect(json.dumps({**invitation, "key": "00" * 32}))
    Client(invitation["address"]).close()  # one that does not even try
    connection = connect(door.invitation)
    end = admitted.get(timeout=60)
    connection.send_bytes(b'{"kind": "began"}')
    assert end.next() == Began()
    connection.close()


@pytest.mark.skipif(sys.platform == "win32", reason="a named pipe is no file")
def test_only_this_user_can_reach_the_door_and_it_is_gone_after_one_came_in() -> None:
    door = Door()
    address = Path(json.loads(door.invitation)["address"])
    assert len(os.fsencode(address)) < 100
    assert address.parent.stat().st_mode & 0o077 == 0
    thread = threading.Thread(target=lambda: door.admit().close())
    thread.start()
    connect(door.invitation).close()
    thread.join(60)
    assert not address.parent.exists()
    with pytest.raises(OSError, match="No such file"):
        connect(door.invitation)


def test_a_door_that_is_closed_lets_go_whoever_waits_in_it() -> None:
    door = Door()
    answers: queue.SimpleQueue[OSError] = queue.SimpleQueue()

    def wait() -> None:
        try:
            door.admit()
        except OSError as error:
            answers.put(error)

    thread = threading.Thread(target=wait)
    thread.start()
    door.close()
    door.close()
    assert isinstance(answers.get(timeout=60), OSError)
    thread.join(60)
    with pytest.raises(OSError, match="closed"):
        door.admit()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"address": "x"}', '{"address": "x", "key": "no hex"}', '{"key": 5}']
)
def test_what_is_no_invitation_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match="not an invitation"):
        connect(text)
