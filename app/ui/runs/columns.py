"""The columns of the table of runs: what each shows, how it sorts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.records.metrics import lower_is_better
from app.records.runs import Run
from app.records.summary import MetricSummary
from app.ui import formats

#: What the automatic choice shows of metrics, at most, and how many of the runs must have one.
_MOST_METRICS, _LEAST_SHARE = 6, 0.2
#: The states in their order: what goes on, what waits, how it ended.
_STATES = ("running", "paused", "starting", "queued", "finished", "stopped", "failed", "crashed")

SortKey = tuple[int, float | str]
#: Sorts behind everything, whatever the direction.
_NOTHING: SortKey = (1, 0.0)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        id: what it is remembered by.
        title: the text of its header.
        text: what stands in a cell.
        key: what a row is sorted by; (1, ...) sorts behind everything.
        is_number: whether it is aligned to the right.
        width: in px, at first.
        tip: what a cell's tooltip says.
    """

    id: str
    title: str
    text: Callable[[Run, float], str]
    key: Callable[[Run], SortKey]
    is_number: bool = False
    width: int = 110
    tip: Callable[[Run], str] = lambda run: ""


def fixed_columns() -> list[Column]:
    """Return the columns that every table has."""
    return [
        Column(
            "state", "State", lambda run, now: state_text(run), lambda run: (0, _STATES.index(run.state)), width=124
        ),
        Column(
            "name",
            "Name",
            lambda run, now: run.execution_id,
            lambda run: (0, _by_date(run.execution_id)),
            width=190,
            tip=lambda run: "\n".join((str(run.folder.path), *run.problems)),
        ),
        Column(
            "experiment",
            "Experiment",
            lambda run, now: run.experiment,
            lambda run: (0, run.experiment.casefold()),
            width=140,
            tip=lambda run: run.experiment,
        ),
        Column(
            "started",
            "Started",
            lambda run, now: formats.moment(begun(run)),
            lambda run: _number(begun(run)),
            width=104,
            tip=lambda run: formats.full_moment(begun(run)),
        ),
        Column(
            "time",
            "Time",
            lambda run, now: formats.duration(elapsed(run, now)),
            lambda run: _number(elapsed(run, 0.0)),
            is_number=True,
            width=76,
        ),
    ]


def metric_columns(metrics: Iterable[str]) -> list[Column]:
    """Return the columns of metrics: last and best of those per epoch, the value of those of the test."""
    found = []
    for metric in metrics:
        found.append(_metric_column(metric, f"last:{metric}", metric, _last))
        if not metric.startswith("test_"):
            best = _lowest if lower_is_better(metric) else _highest
            found.append(_metric_column(metric, f"best:{metric}", f"best {metric}", best))
    return found


def key_metric(runs: Iterable[Run]) -> str:
    """Return the metric that tells most of these runs: their validation loss, else their loss, else the commonest."""
    counts = Counter(name for run in runs for name in run.metrics)
    for name in ("val_loss", "loss"):
        if counts[name]:
            return name
    return counts.most_common(1)[0][0] if counts else ""


def common_metrics(runs: Iterable[Run]) -> list[str]:
    """Return the metrics that are worth a column, the key metric first, those of the test after it."""
    rows = list(runs)
    counts = Counter(name for run in rows for name in run.metrics)
    key = key_metric(rows)
    names = [name for name, count in counts.items() if count >= _LEAST_SHARE * len(rows)]
    names.sort(key=lambda name: (name != key, not name.startswith("test_"), not name.startswith("val_"), name))
    return names


def shown_at_first(metrics: list[str]) -> set[str]:
    """Return the ids of the metric columns that are shown unless the user chose others."""
    key = metrics[:1]
    few = [name for name in metrics if name.startswith(("test_", "val_"))] or metrics
    return {*(f"last:{name}" for name in few[:_MOST_METRICS]), *(f"best:{name}" for name in key)}


def state_text(run: Run) -> str:
    """Return the word of a state."""
    return "Not responding" if run.silent_seconds is not None else run.state.capitalize()


def begun(run: Run) -> float | None:
    """Return when a run was started, or submitted while it waits."""
    return run.status.started or run.status.submitted


def elapsed(run: Run, now: float) -> float | None:
    """Return the seconds from a run's start to its end, or to now while it goes on."""
    status = run.status
    if status.started is None:
        return None
    if status.ended is not None:
        return status.ended - status.started
    return now - status.started if now and not status.is_over else None


def _metric_column(metric: str, id_: str, title: str, value: Callable[[MetricSummary], float]) -> Column:
    def get(run: Run) -> float | None:
        summary = run.metrics.get(metric)
        return None if summary is None else value(summary)

    return Column(
        id_,
        title,
        lambda run, now: formats.number(get(run)),
        lambda run: _number(get(run)),
        is_number=True,
        width=max(84, 9 * len(title)),
        tip=lambda run: "" if get(run) is None else f"{title} {get(run)!r}",
    )


def _last(summary: MetricSummary) -> float:
    return summary.last


def _lowest(summary: MetricSummary) -> float:
    return summary.min


def _highest(summary: MetricSummary) -> float:
    return summary.max


def _number(value: float | None) -> SortKey:
    return _NOTHING if value is None or math.isnan(value) else (0, value)


def _by_date(name: str) -> str:
    """Return what orders the names of executions, which begin with the time of day, by date and time."""
    clock, _, date = name.partition("__")
    return "-".join(reversed(date.split("-")[:3])) + clock if date else name
