"""A training of ours on a file of data, in a process that has imported what a warm worker has.

    python -m tests.bench.our_data FOLDER < JOB

JOB is ``{"config": ..., "limit": bytes that may be in memory, or null}``, FOLDER is where cache and record go. Prints
as JSON the peak of its memory above what it had when warm, and the seconds of loading and of all.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from app.config.models import SessionConfig, TrainingConfig
from app.engine.session import apply_session, choose_backend, import_backend


def main(folder: Path, job: dict[str, Any]) -> None:
    session = SessionConfig(device="cpu")
    choose_backend(session)
    import_backend()

    from app.config.loading import from_document
    from app.config.resolve import resolve
    from app.engine.data import cache
    from app.engine.ending import StopSwitch
    from app.engine.trainer import Trainer
    from app.records.layout import ExecutionFolder
    from app.records.log import LogFile
    from app.records.metrics import read_elapsed
    from app.records.recorder import Recorder
    from tests.bench.bare_data import Peak

    if job["limit"] is not None:
        cache.MEMORY_LIMIT = cache.SMALL = job["limit"]
    apply_session(session)
    config = TrainingConfig.model_validate(resolve(from_document(job["config"])))
    place = folder / f"run-{time.time_ns()}"
    place.mkdir()
    execution = ExecutionFolder(place)
    recorder = Recorder(execution, LogFile(execution.log))
    peak = Peak()
    peak.start()
    begin = time.perf_counter()
    Trainer(config, execution, folder / "cache", recorder, StopSwitch()).run()
    found = {**peak.stop(), "seconds": time.perf_counter() - begin}
    recorder.close("finished", None, None)
    print(json.dumps({**found, "load_seconds": read_elapsed(execution.metrics)["load_data"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.load(sys.stdin))
