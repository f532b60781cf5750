"""How a run is kept: its worker heard, commands passed on, trackers fed, and its end written whatever it is."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.jobs.inbox import Command, read_commands
from app.jobs.launch import keeper_command
from app.jobs.mirroring import Mirroring
from app.jobs.scheduling import hand_over_slot
from app.jobs.worker_process import Gone, WorkerProcess
from app.messages import Began, Ended, Fact, Heard, Job, Message, Note, Ready, Stop
from app.records.environment import hide_secrets
from app.records.events import Event, append_event, end_event, make_event, read_events
from app.records.files import RecordError, read_json
from app.records.layout import ExecutionFolder, Workspace
from app.records.log import append_entry, read_last_words
from app.records.processes import Identity
from app.records.status import HEARTBEAT_SECONDS, read_status, touch_heartbeat, write_status

#: How often the inbox is looked at and deadlines are checked.
TICK_SECONDS = 0.1
#: A worker that is asked to stop has this long to say that it heard, to come to the end of its batch or stage, to save
#: what there is, and, once it is terminated, to die.
_HEAR_SECONDS = 10.0
_GRANT_SECONDS = 120.0
_SAVE_SECONDS = 600.0
_TERMINATE_SECONDS = 5.0
#: A worker whose record is complete has this long to go away.
_EXIT_SECONDS = 5.0
#: What a worker printed before it died is kept up to so many lines: a stack or two.
_LAST_LINES = 20
#: As whom this process writes to the log of the run.
_OWN_COMPONENTS = ("Keeper", "Trackers")


@dataclass(frozen=True, slots=True)
class Ending:
    """How the run ended, as status.json says it."""

    state: str
    reason: str | None
    message: str | None
    time: float


class Keeper:
    """Keeps one run from its start to its end.

    Args:
        workspace: where the run lies.
        folder: its execution.
        worker: its worker, connected or about to connect.
        secrets: options of trackers that no config holds.
        adopted: another keeper has kept this run before.
    """

    def __init__(
        self,
        workspace: Workspace,
        folder: ExecutionFolder,
        worker: WorkerProcess,
        secrets: Mapping[str, str],
        *,
        adopted: bool = False,
    ) -> None:
        self._workspace = workspace
        self._folder = folder
        self._worker = worker
        self._began = adopted
        self._ended: Ended | None = None
        self._stop: Command | None = None
        self._deadline: tuple[float, str] | None = None
        self._hidden = list(secrets.values())
        self._answered = {event.get("command") for event in read_events(folder.events) if event["kind"] == "answer"}
        self._oom_kills = _oom_kills()
        self._look_due = 0.0
        self._heartbeat_due = 0.0
        self._status = read_status(folder.status).change(keeper=Identity.of(), worker=worker.identity)
        if not adopted:
            self._status = self._status.change(state="starting", started=time.time())
        self._write_status()
        self._mirroring = Mirroring(folder, self._status, self._report, secrets=secrets, anew=adopted)

    def keep(self, ready: Ready | None = None) -> None:
        """Keep the run until it is over and everything that belongs to it is closed.

        Args:
            ready: what a warm worker has said already.
        """
        if ready is not None:
            self._on_ready()
        self._mirroring.start()
        ending = self._watch()
        if ending is not None:
            self._finish(ending)

    def _watch(self) -> Ending | None:
        while True:
            try:
                message = self._worker.incoming.get(timeout=TICK_SECONDS)
            except queue.Empty:
                if not self._worker.is_connected and self._worker.has_ended():
                    return self._ending_of_the_dead()
            else:
                if isinstance(message, Gone):
                    return self._on_gone()
                self._on_message(message)
            self._look_around()

    def _look_around(self) -> None:
        now = time.monotonic()
        if now >= self._look_due:  # a worker that says much is no reason to look more often
            self._look_due = now + TICK_SECONDS
            self._beat()
            self._read_inbox()
            self._escalate()

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Ready):
            self._on_ready()
        elif isinstance(message, Began):
            self._began = True
            self._status = self._status.change(state="running", started=time.time())
            self._write_status()
        elif isinstance(message, Heard):
            self._wait_for_stop(_GRANT_SECONDS)
        elif isinstance(message, Fact):
            self._on_fact(message.event)
        elif isinstance(message, Ended):
            self._ended = message

    def _on_ready(self) -> None:
        source = _source(self._folder)
        place = (str(self._workspace.root), str(self._folder.path))
        self._worker.send(
            Job(
                folder=str(self._folder.path),
                workspace=str(self._workspace.root),
                cwd=str(source.get("cwd") or self._workspace.root),
                command=[str(part) for part in source.get("command") or []],
                respawn=keeper_command("--adopt", *place),
                settle=keeper_command("--settle", *place),
            )
        )

    def _on_fact(self, event: Event) -> None:
        kind, stage = event.get("kind"), event.get("stage")
        if kind == "answer":
            self._answered.add(event.get("command"))
            self._wait_for_stop(_SAVE_SECONDS)
        elif kind == "stage_begin" and stage == "save_model":
            self._wait_for_stop(_SAVE_SECONDS)

    def _on_gone(self) -> Ending | None:
        if self._ended is not None:
            if not self._worker.wait(_EXIT_SECONDS):
                self._worker.kill()
            ended = self._ended
            return Ending(ended.state, ended.reason, ended.message, ended.time)
        if not self._worker.wait(_EXIT_SECONDS):
            return None  # only the connection broke; the worker trains on, and the keeper that it finds has the run
        return self._ending_of_the_dead()

    def _ending_of_the_dead(self) -> Ending:
        """Return the ending of a worker that died without a word of it."""
        event = end_event(self._folder.events)
        if event is not None:
            return Ending(str(event.get("state")), event.get("reason"), event.get("message"), event["time"])
        how = self._worker.describe_end()
        if self._stop is not None:
            # What is killed while it imports was killed by us, which is no news.
            end = f"stopped by {self._stop.by}; {how}" if self._began else f"stopped by {self._stop.by} before it began"
            return Ending("stopped", "user", end, time.time())
        words = read_last_words(self._folder.log, _LAST_LINES, others=_OWN_COMPONENTS)
        if self._worker.killed_by is None and not self._began:
            cause = words[-1] if words else how  # a traceback ends with what went wrong
            told = [f"the worker did not start: {cause}", *(words if len(words) > 1 else ())]
            return Ending("failed", "error", "\n".join(told), time.time())
        out_of_memory = self._worker.killed_by == 9 and _oom_kills() > self._oom_kills
        return Ending("crashed", "memory" if out_of_memory else "signal", "\n".join([how, *words]), time.time())

    def _finish(self, ending: Ending) -> None:
        """Write the end; the next run starts before the mirrors are closed, which can take a tracker its time."""
        if end_event(self._folder.events) is None:
            level = "INFO" if ending.state == "stopped" else "ERROR"
            self._append(level, "Keeper", f"Run {ending.state}: {(ending.message or '').partition(chr(10))[0]}")
            end = make_event("end", state=ending.state, reason=ending.reason, message=ending.message)
            with contextlib.suppress(OSError):
                append_event(self._folder.events, {**end, "time": ending.time})
        for path, _ in read_commands(self._folder):
            _remove(path)
        self._status = self._status.change(
            state=ending.state, reason=ending.reason, message=ending.message, ended=ending.time
        )
        self._write_status(sync=True)
        hand_over_slot(self._workspace, self._folder)
        late = self._mirroring.end(ending.state, ending.time)
        for tracker in late:
            self._append("WARNING", "Trackers", f"{tracker} did not close in time; its mirror may be incomplete")

    def _read_inbox(self) -> None:
        for path, command in read_commands(self._folder):
            if isinstance(command, str):
                text = f"A command was not understood: {command}"
                self._note("WARNING", "Keeper", text, make_event("warning", message=text))
                _remove(path)
            elif command.id in self._answered:
                _remove(path)
            elif self._stop is None or (command.at_once and not self._stop.at_once):
                self._stop = command
                event = make_event("command", command="stop", by=command.by, id=command.id)
                self._note("INFO", "Keeper", f"Stop asked by {command.by}", event)
                self._on_stop(command)

    def _on_stop(self, command: Command) -> None:
        now = time.monotonic()
        if not self._began:  # it imports libraries, and there is nothing to save
            self._worker.kill()
        elif command.at_once:
            self._worker.send(Stop(command.id, command.by))  # so that the record says who it was
            self._worker.terminate()
            self._deadline = (now + _TERMINATE_SECONDS, "kill")
        else:
            self._worker.send(Stop(command.id, command.by))
            self._deadline = (now + _HEAR_SECONDS, "terminate")

    def _wait_for_stop(self, seconds: float) -> None:
        """Give a worker that was asked to stop so much time from now."""
        if self._deadline is not None and self._deadline[1] == "terminate":
            self._deadline = (time.monotonic() + seconds, "terminate")

    def _escalate(self) -> None:
        if self._deadline is None or time.monotonic() < self._deadline[0]:
            return
        if self._deadline[1] == "terminate":
            text = "The worker did not stop in time; terminating it"
            self._note("WARNING", "Keeper", text, make_event("warning", message=text))
            self._worker.terminate()
            self._deadline = (time.monotonic() + _TERMINATE_SECONDS, "kill")
        else:
            self._worker.kill()
            self._deadline = None

    def _beat(self) -> None:
        now = time.monotonic()
        if now >= self._heartbeat_due:
            self._heartbeat_due = now + HEARTBEAT_SECONDS
            with contextlib.suppress(OSError):
                touch_heartbeat(self._folder.heartbeat)

    def _report(self, tracker: str, message: str, data: dict[str, Any]) -> None:
        if message == "started":
            event = make_event("tracker", tracker=tracker, reference=data)
            self._note("DEBUG", "Trackers", f"{tracker} started", event)
        else:
            # Comet's own complaints quote the key.
            text = hide_secrets(f"{tracker}: {message}", self._hidden)
            self._note("WARNING", "Trackers", text, make_event("warning", tracker=tracker, message=text))

    def _note(self, level: str, component: str, message: str, event: Event) -> None:
        """Have something written down: by the worker while it has the record open, else here."""
        if self._began and self._ended is None and not self._worker.has_ended():
            self._worker.send(Note(event, level, component, message))
            return
        with contextlib.suppress(OSError):
            append_event(self._folder.events, event)
        self._append(level, component, message)

    def _append(self, level: str, component: str, message: str) -> None:
        with contextlib.suppress(OSError):
            append_entry(self._folder.log, level, component, message)

    def _write_status(self, *, sync: bool = False) -> None:
        # A keeper that cannot write goes on: the training is worth more than the word for it.
        with contextlib.suppress(OSError):
            write_status(self._folder.status, self._status, sync=sync)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _oom_kills() -> int:
    """Return how many processes Linux has killed for want of memory since it was started; 0 elsewhere."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


def _source(folder: ExecutionFolder) -> dict[str, Any]:
    try:
        source = read_json(folder.resolved)["source"]
    except (RecordError, KeyError, TypeError):
        return {}
    return source if isinstance(source, dict) else {}
