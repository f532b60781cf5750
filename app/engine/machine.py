"""What the machine does while a run trains on it: processor, memory, disk, network and GPUs, every few seconds."""

from __future__ import annotations

import contextlib
import csv
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from app.records.log import logger
from app.records.processes import lower_priority_of_this_thread
from app.records.recorder import Recorder

log = logger("System")

_MB = 1e6
_SMI = "nvidia-smi"
_SMI_SECONDS = 10.0
#: What nvidia-smi is asked for, and what it is called here; memory is in MiB there.
_GPU = {"utilization.gpu": "utilization_percentage", "memory.used": "memory_usage_megabytes"}


class Machine:
    """What is measured, under the names that MLflow has for it, so that its page of system metrics shows them.

    Percentages are of all processors, of the whole memory, of the disk that the run lies on; megabytes are 10^6 bytes,
    of network traffic since the first look. ``process_`` is the worker alone, whose processor percentage is of one.

    Args:
        folder: a folder on the disk that is looked at.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = psutil.Process()
        self._network = psutil.net_io_counters()
        self._smi = shutil.which(_SMI)
        # The first look of psutil is what the next one counts from.
        psutil.cpu_percent()
        self._process.cpu_percent()

    def look(self) -> dict[str, float]:
        """Return what is measured now, the processor since the last look."""
        memory = psutil.virtual_memory()
        found = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / _MB,
            "system_memory_usage_percentage": memory.percent,
            "process_cpu_percentage": self._process.cpu_percent(),
            "process_memory_megabytes": self._process.memory_info().rss / _MB,
            "disk_usage_percentage": psutil.disk_usage(str(self._folder)).percent,
        }
        network = psutil.net_io_counters()
        if network is not None and self._network is not None:
            found["network_receive_megabytes"] = (network.bytes_recv - self._network.bytes_recv) / _MB
            found["network_transmit_megabytes"] = (network.bytes_sent - self._network.bytes_sent) / _MB
        return found | self._look_at_gpus()

    def _look_at_gpus(self) -> dict[str, float]:
        if self._smi is None:
            return {}
        query = [self._smi, f"--query-gpu={','.join(_GPU)}", "--format=csv,noheader,nounits"]
        try:
            told = subprocess.run(query, capture_output=True, text=True, timeout=_SMI_SECONDS, check=True).stdout
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("The GPUs are not looked at any more: %s", error)
            self._smi = None
            return {}
        return dict(_gpu_values(told))


def _gpu_values(told: str) -> Iterator[tuple[str, float]]:
    """Yield name and value of what nvidia-smi tells, a GPU a line; what one cannot tell is left out."""
    for number, line in enumerate(csv.reader(told.splitlines(), skipinitialspace=True)):
        for name, value in zip(_GPU.values(), line, strict=False):
            with contextlib.suppress(ValueError):  # [N/A]
                yield f"gpu_{number}_{name}", float(value) * (1.048576 if name.endswith("megabytes") else 1.0)


@contextmanager
def watched_machine(recorder: Recorder, every: float | None) -> Iterator[None]:
    """Log the machine as metrics ``system/<name>`` while something is done, every so many seconds and at the end.

    The step of a point is the number of the look, from 1.

    Args:
        recorder: takes the values.
        every: seconds between two looks; None looks at nothing.
    """
    if every is None:
        yield
        return
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(recorder, every, over), name="system", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(_SMI_SECONDS)


def _watch(recorder: Recorder, every: float, over: threading.Event) -> None:
    lower_priority_of_this_thread()
    machine = Machine(recorder.folder.path)
    step = 0
    is_last = False
    while not is_last:
        is_last = over.wait(every)
        step += 1
        try:
            for name, value in machine.look().items():
                recorder.log(f"system/{name}", value, step)
        except (OSError, psutil.Error) as error:
            log.warning("The machine is not looked at any more: %s", error)
            return
