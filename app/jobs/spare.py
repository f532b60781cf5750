"""The warm spare: a keeper whose worker has imported the backend and waits for the next run."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil

from app.jobs.launch import READY_LINE, assign, keeper_command, reap_later, start_process
from app.jobs.queue import Claim
from app.records.layout import Workspace
from app.records.runs import Run

#: On fewer cores than this a spare would take from a training what it needs.
_CORES_TO_WARM_BESIDE_A_RUN = 3
#: A queued run is about to start, or waits for one that is under way.
_UNDER_WAY = ("queued", "starting", "running")


def may_warm(runs: Iterable[Run]) -> bool:
    """Whether a spare may warm up now: not beside a run that is under way where cores are few."""
    few = (psutil.cpu_count() or 1) < _CORES_TO_WARM_BESIDE_A_RUN
    return not (few and any(run.state in _UNDER_WAY for run in runs))


class Spare:
    """A spare of this process: it leaves when this process does, unless it has got a run by then."""

    def __init__(self, on_settled: Callable[[], None] | None = None) -> None:
        """Start to warm up, at low priority.

        Args:
            on_settled: called from a thread once it is warm, or has ended without getting so.

        Raises:
            OSError: it could not be started.
        """
        self._process = start_process(keeper_command("--spare"), cwd=Path.home(), output=subprocess.PIPE)
        self._settled = threading.Event()
        self._on_settled = on_settled
        self.is_given = False
        self.is_ready = False
        #: What the worker found: ``versions`` of its libraries and the names of its ``gpus``; {} until it is warm.
        self.found: dict[str, Any] = {}
        #: Why it did not get warm: the last lines of its output.
        self.problem = ""
        self._listener = threading.Thread(target=self._listen, name="spare", daemon=True)
        self._listener.start()

    @property
    def is_gone(self) -> bool:
        """Whether it has got a run or has ended, so that another one may be made."""
        return self.is_given or self._process.poll() is not None

    def wait(self, timeout: float) -> bool:
        """Wait until it is warm, at most ``timeout`` seconds; return whether it is."""
        self._settled.wait(timeout)
        return self.is_ready

    def give(self, workspace: Workspace, claim: Claim, secrets: Mapping[str, str]) -> bool:
        """Hand over a run; False when this spare cannot take it (gone, or given one already)."""
        if self.is_gone:
            return False
        self.is_given = True
        reap_later(self._process)
        try:
            assign(self._process, workspace, claim, secrets)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let it go; a run that it was given goes on."""
        if not self.is_given and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.wait()
            self._listener.join()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            # Libraries that are imported may say something first.
            said = []
            for line in output:
                said.append(line.decode("utf-8", "replace"))
                if said[-1].startswith(READY_LINE):
                    self.found = json.loads(said[-1].removeprefix(READY_LINE))
                    self.is_ready = True
                    break
            else:
                self.problem = "".join(said).strip()
        self._settled.set()
        if self._on_settled is not None:
            self._on_settled()
