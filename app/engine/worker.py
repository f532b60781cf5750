"""The worker process: imports the backend, waits for one job, trains it, ends.

Its standard input holds one line, the invitation of the keeper. It lives in a session of its own and needs no keeper to
go on: when one dies it starts another.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

from app.channel import Channel, connect
from app.config.loading import from_document
from app.config.models import SessionConfig
from app.config.problems import ConfigError
from app.engine.ending import StopRequested, StopSwitch, Terminated, TrainingError
from app.engine.faults import is_out_of_memory, sentence_of
from app.engine.link import KeeperLink
from app.engine.session import apply_session, choose_backend, gpu_names, import_backend, route_python_messages
from app.messages import Began, Ended, Job, Note, Ready
from app.records.environment import describe_code, describe_platform, describe_python, hide_secrets, installed_packages
from app.records.events import make_event
from app.records.files import RecordError, read_json, replace_file, to_json
from app.records.layout import ExecutionFolder, Workspace
from app.records.log import LogFile, logger
from app.records.processes import Identity, lower_priority_of_this_thread
from app.records.recorder import Recorder, RecordingError

log = logger("Main")

_FLUSH_SECONDS = 10.0
#: A large repository's diff takes its time, and a short run may be over before it.
_ENVIRONMENT_SECONDS = 15.0


class Worker:
    """One process, one job."""

    def __init__(self) -> None:
        self._stop = StopSwitch()
        self._link = KeeperLink(self._stop, self._on_note)
        self._recorder: Recorder | None = None

    def run(self, invitation: str, *, warming: bool) -> int:
        """Connect to the keeper, import the backend, train what the keeper gives; return the exit status.

        ``warming`` imports at low priority, because nobody waits for this worker yet.
        """
        connection = connect(invitation)
        self._link.open(lambda on_message, on_close: Channel(connection, on_message, on_close))
        # In a thread of its own, because the low priority of a thread cannot be taken back.
        with ThreadPoolExecutor(1, initializer=lower_priority_of_this_thread if warming else None) as warmer:
            versions, gpus, packages = warmer.submit(_warm_up).result()
        identity = Identity.of()
        self._link.send(Ready(identity.pid, identity.create_time, versions, gpus))
        job = self._link.wait_for_job()
        if job is None:
            return 0
        folder = ExecutionFolder(Path(job.folder))
        log_file = LogFile(folder.log)
        log_file.take_output()
        faulthandler.enable()
        route_python_messages(log_file)
        self._recorder = recorder = Recorder(folder, log_file, self._link.send)
        self._link.send(Began())
        log.info("Starting Trackside environment ...")
        recorder.event("attempt", pid=identity.pid)
        recorder.set_platform(describe_platform(versions, gpus))
        environment = threading.Thread(
            target=_write_environment, args=(folder, job, packages, gpus), name="environment", daemon=True
        )
        environment.start()
        self._stop.on_granted = lambda step: recorder.event(
            "answer", command=self._stop.command, by=self._stop.by, step=step
        )
        signal.signal(signal.SIGTERM, _on_terminate)
        state, reason, message = self._train(folder, job, recorder)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if state == "finished":
            log.info("Success! Execution saved (%s)", folder.path)
        elif message:
            log.log(logging.INFO if state == "stopped" else logging.ERROR, "%s: %s", state.capitalize(), message)
        environment.join(_ENVIRONMENT_SECONDS)
        try:
            recorder.close(state, reason, message)
        except RecordingError as error:
            state, reason, message = "failed", "error", f"the record could not be written: {error}"
        ended = make_event("end")["time"]
        self._link.send(Ended(ended, state, reason, message))
        self._link.close(_FLUSH_SECONDS)
        return 1 if state == "failed" else 0

    def _train(self, folder: ExecutionFolder, job: Job, recorder: Recorder) -> tuple[str, str | None, str | None]:
        from app.engine.machine import watched_machine
        from app.engine.own_code import open_workspace
        from app.engine.trainer import Trainer

        try:
            loaded = from_document(read_json(folder.resolved))
            self._stop.check()
            apply_session(loaded.config.session)
            open_workspace(Path(job.workspace))
            cache = Workspace.at(Path(job.workspace)).dataset_cache
            with watched_machine(recorder, loaded.config.tracking.system_every):
                outcome = Trainer(loaded.config, folder, cache, recorder, self._stop).run()
            return outcome.state, outcome.reason, outcome.message
        except StopRequested:
            return "stopped", "user", f"stopped by {self._stop.by}"
        except Terminated:
            if self._stop.by:
                return "stopped", "user", f"ended at once by {self._stop.by}"
            return "stopped", "signal", "terminated"
        except TrainingError as error:
            return "failed", "error", str(error)
        except ConfigError as error:
            return "failed", "error", "; ".join(str(problem) for problem in error.problems)
        except MemoryError as error:
            log.exception("Out of memory")
            return "failed", "memory", f"out of memory: {error}"
        except Exception as error:
            log.error("%s", "".join(traceback.format_exception(error)).rstrip())
            return (
                "failed",
                "memory" if is_out_of_memory(error) else "error",
                f"{type(error).__name__}: {sentence_of(error)}",
            )

    def _on_note(self, note: Note) -> None:
        if self._recorder is not None:
            self._recorder.note(note.event)
            logger(note.component).log(logging.getLevelNamesMapping()[note.level], "%s", note.message)


def _warm_up() -> tuple[dict[str, str], list[str], dict[str, str]]:
    return import_backend(), gpu_names(), installed_packages()


def _write_environment(folder: ExecutionFolder, job: Job, packages: dict[str, str], gpus: list[str]) -> None:
    lower_priority_of_this_thread()
    environment = {
        **describe_python(),
        "seed": _seed(folder),
        "packages": packages,
        "code": describe_code(Path(job.cwd)),
        "cwd": job.cwd,
        "command": [hide_secrets(part) for part in job.command],
        "platform": describe_platform(gpus=gpus),
    }
    try:
        replace_file(folder.environment, to_json(environment))
    except OSError as error:
        log.warning("environment.json could not be written: %s", error)


def _seed(folder: ExecutionFolder) -> int | None:
    try:
        seed: int = read_json(folder.resolved)["dataset"]["seed"]
    except (RecordError, KeyError, TypeError):
        return None
    return seed


def _on_terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def main(argv: list[str]) -> int:
    """Run a worker; its invitation is the first line of standard input.

    Args:
        argv: ``--warming``, if nobody waits for it yet, and the session of its run as JSON, where that is known.
    """
    invitation = sys.stdin.readline()
    sys.stdin.close()
    given = next((argument for argument in argv if argument.startswith("{")), None)
    choose_backend(SessionConfig.model_validate_json(given) if given else SessionConfig())
    status = Worker().run(invitation, warming="--warming" in argv)
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of the backend have nothing left to say, and some hang when the interpreter goes away under them.
    os._exit(status)
