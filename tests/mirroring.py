"""Mirrors recorded runs with the real trackers, as a keeper does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.records.events import append_event, make_event
from app.records.layout import ExecutionFolder
from app.records.series import read_series, series_files
from app.records.status import read_status
from app.trackers.mirrors import MirroredRun, Mirrors


def mirror_run(folder: ExecutionFolder, *entries: Mapping[str, Any], note: bool = True) -> dict[str, dict[str, Any]]:
    """Write a run's mirrors from its record; return the trackers' references, which events.jsonl gets when ``note``."""
    references: dict[str, dict[str, Any]] = {}

    def report(kind: str, message: str, data: dict[str, Any]) -> None:
        assert message == "started", (kind, message, data)
        references[kind] = data

    status = read_status(folder.status)
    run = MirroredRun(
        execution_id=folder.execution_id,
        uuid=status.id,
        experiment=folder.experiment,
        logdir=folder.trackings,
        scratch=folder.scratch,
        source_name="trackside",
        started=status.started or 0.0,
    )
    mirrors = Mirrors(entries, run, report=report)
    mirrors.start()
    for metric, path in series_files(folder.series).items():
        mirrors.log_points(metric, read_series(path).tolist())
    mirrors.log_asset("training_config.json", folder.document)
    assert mirrors.end(status.state, 120, status.ended) == []
    if note:
        for kind, reference in references.items():
            append_event(folder.events, make_event("tracker", tracker=kind, reference=reference))
    return references
