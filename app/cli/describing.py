"""What a run of any source is called, how it stands and how long it took, for tables and as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from app.cli.output import format_duration, format_number
from app.records.files import RecordError
from app.records.layout import ExecutionFolder
from app.records.runs import observed_status, silent_seconds
from app.records.sources.base import RunRecord
from app.records.status import ACTIVE_STATES, Status, read_status

#: Of other programs' metrics, so many stand in a table where none is a loss or a test.
_MOST_METRICS = 2


def status_of(record: RunRecord) -> Status | None:
    """Return what an execution's own status.json has beyond other runs: reason, message, time of submission."""
    if record.source != "execution":
        return None
    folder = ExecutionFolder(record.path)
    try:
        return observed_status(read_status(folder.status), folder)
    except RecordError:  # an older system's; a broken one is among the problems of the run
        return None


def run_to_json(record: RunRecord) -> dict[str, Any]:
    """Return a run as the command line prints it."""
    value: dict[str, Any] = {
        "source": record.source,
        "id": record.id,
        "name": record.name,
        "experiment": record.experiment,
        "state": record.state,
    }
    if record.source == "execution":
        status = status_of(record)
        value |= {name: getattr(status, name, None) for name in ("reason", "message", "submitted")}
    return value | {
        "started": record.started,
        "ended": record.ended,
        "params": dict(record.params),
        "metrics": {
            name: {"first": m.first, "last": m.last, "min": m.min, "max": m.max, "count": m.count}
            for name, m in record.metrics.items()
        },
        "tags": dict(record.tags),
        "path": str(record.path),
        "parent": record.parent,
        "deleted": record.deleted,
        "problems": list(record.problems),
    }


def state_text(record: RunRecord, status: Status | None) -> str:
    """Return the state with its reason, or with how long an execution has given no sign of life."""
    parts = []
    if status is not None:
        silent = silent_seconds(record.state, ExecutionFolder(record.path))
        if silent is not None:
            parts.append(f"not responding for {format_duration(silent)}")
        elif status.reason:
            parts.append(status.reason)
    if record.deleted:
        parts.append("deleted")
    return f"{record.state or 'unknown'} ({', '.join(parts)})" if parts else record.state or "unknown"


def duration(record: RunRecord) -> float | None:
    """Return how long a run took, or has taken until now (seconds), None where that cannot be told."""
    if record.started is None:
        return None
    if record.ended is None:
        return time.time() - record.started if record.state in ACTIVE_STATES else None
    return record.ended - record.started


def key_metrics(record: RunRecord) -> str:
    """Return the last values of the metrics that tell most, for a table."""
    tests = [name for name in sorted(record.metrics) if name.startswith("test_") and name != "test_loss"]
    wanted = [*[name for name in ("val_loss", "loss") if name in record.metrics][:1], *tests[:2]]
    names: Iterable[str] = wanted or sorted(record.metrics)[:_MOST_METRICS]
    return "  ".join(f"{name} {format_number(record.metrics[name].last)}" for name in names)
