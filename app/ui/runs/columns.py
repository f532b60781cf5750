"""The columns of the table of runs: what each shows of a run, and which are worth to be shown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from app.records.metrics import lower_is_better
from app.records.runs import Run
from app.ui import formats

# The query language is imported where the index is read, in the background.
if TYPE_CHECKING:
    from app.records.query import Field
    from app.records.sources.base import Param

#: What the automatic choice shows of metrics, at most, and how many of the runs must have one.
_MOST_METRICS, _LEAST_SHARE = 6, 0.2
#: What a source is called.
SOURCES = {
    "execution": "Trackside",
    "mlflow": "MLflow",
    "tensorboard": "TensorBoard",
    "comet": "Comet",
    "wandb": "W&B",
    "csv": "CSV",
}
_SOURCE_ICONS = {
    "execution": "flask-conical",
    "mlflow": "refresh-cw",
    "tensorboard": "chart-line",
    "comet": "telescope",
    "wandb": "activity",
    "csv": "table-2",
}
TREND = "trend"
#: States in which the time goes on.
UNDER_WAY = ("starting", "running", "paused")
#: Those in which a run can be stopped.
ACTIVE = (*UNDER_WAY, "queued")

Form = Literal["text", "number", "value", "time", "duration", "state", "source", "size", "trend"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        id: what it is remembered by.
        title: the text of its header.
        what: the field of the index: kind, name, statistic; ("", "", "") for none.
        form: how its values are written.
        width: in px, at first.
        narrow: the same in a table with little room, so that a metric can be seen beside them; 0 for no other width.
        tip: what the tooltip of its header says.
        has_numbers: whether all of its values are numbers.
    """

    id: str
    title: str
    what: tuple[str, str, str]
    form: Form = "value"
    width: int = 110
    tip: str = ""
    has_numbers: bool = False
    narrow: int = 0

    @property
    def is_number(self) -> bool:
        """Whether it is aligned to the right."""
        return self.has_numbers or self.form in ("number", "duration", "size")

    def field(self) -> Field:
        """Return the field of the index."""
        from app.records.query import Field

        kind, name, stat = self.what
        return Field(kind, name, stat)  # type: ignore[arg-type]

    def text(self, value: Param) -> str:
        """Return what a cell with a value shows."""
        if value is None:
            return "" if self.form in ("text", "value", "trend") else formats.NOTHING
        number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        match self.form:
            case "state":
                return str(value).capitalize()
            case "source":
                return SOURCES.get(str(value), str(value))
            case "time":
                return formats.moment(number)
            case "duration":
                return formats.duration(number)
            case "size":
                return formats.NOTHING if number is None else formats.size(number)
            case "number":
                return formats.number(number)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, float):
            return f"{value:.4g}" if math.isfinite(value) else formats.number(value)
        return formats.count(value) if isinstance(value, int) and abs(value) >= 10_000 else str(value)

    def full_text(self, value: Param) -> str:
        """Return all of a value, for the tooltip of a cell."""
        if value is None or self.form in ("state", "source", "duration"):
            return ""
        if self.form == "time":
            return formats.full_moment(value if isinstance(value, float) else None)
        return f"{self.title} {value!r}" if self.form == "number" else str(value)


#: The columns that every table has.
FIXED = (
    Column("state", "State", ("run", "state", ""), "state", 124, narrow=108),
    Column("name", "Name", ("run", "name", ""), "text", 190, narrow=172),
    Column("source", "Source", ("run", "source", ""), "source", 118, narrow=108),
    Column("experiment", "Experiment", ("run", "experiment", ""), "text", 140, narrow=100),
    Column("started", "Started", ("run", "started", ""), "time", 104, narrow=96),
    Column("time", "Time", ("run", "duration", ""), "duration", 76, narrow=62),
)
#: What is read of every run beside them.
HIDDEN = (
    Column("path", "Path", ("run", "path", ""), "text"),
    Column("problems", "Problems", ("run", "problems", ""), "text"),
    Column("origin", "Found in", ("run", "origin", ""), "text"),
)
_TREND = Column(TREND, "Trend", ("", "", ""), "trend", 76)
_ATTRIBUTES: tuple[tuple[str, str, Form], ...] = (
    ("ended", "Ended", "time"),
    ("size", "Size", "size"),
    ("group", "Group", "text"),
    ("notes", "Notes", "text"),
    ("star", "Star", "value"),
    ("id", "Id", "text"),
    ("origin", "Found in", "text"),
    ("path", "Path", "text"),
)


def source_icon(source: str) -> str:
    """Return the name of a source's icon."""
    return _SOURCE_ICONS.get(source, "database")


def all_columns(common: list[str], names: Mapping[str, Iterable[str]]) -> list[Column]:
    """Return every column that could be shown, those that tell most first.

    Args:
        common: the metrics that many of the runs have, as ``common_metrics`` gives them.
        names: all names of metrics, params and tags, by ``metric``, ``param`` and ``tag``.
    """
    metrics = _metric_columns(common)
    # The trend stands behind the best of the metric that it is of.
    at = next((place + 1 for place, each in enumerate(metrics) if each.id.startswith("best:")), len(metrics))
    rare = _metric_columns(sorted(set(names["metric"]) - set(common)))
    attributes = [Column(f"run:{name}", title, ("run", name, ""), form) for name, title, form in _ATTRIBUTES]
    params = _named_columns("param", names["param"])
    tags = _named_columns("tag", names["tag"])
    return [*FIXED, *metrics[:at], _TREND, *metrics[at:], *params, *tags, *attributes, *rare]


def column_of(id_: str) -> Column | None:
    """Return the column that is remembered by an id, whether any run has something in it or not."""
    kind, colon, name = id_.partition(":")
    if not colon:
        return next((each for each in FIXED if each.id == id_), None)
    if kind in ("last", "best"):
        return next(each for each in _metric_columns([name], with_best=True) if each.id == id_)
    if kind in ("param", "tag"):
        return _named_columns(kind, [name])[0]
    return next((each for each in all_columns([], {"metric": (), "param": (), "tag": ()}) if each.id == id_), None)


def key_metric(counts: Mapping[str, int]) -> str:
    """Return the metric that tells most of runs: their validation loss, else their loss, else the commonest.

    Args:
        counts: how many of the runs have each metric.
    """
    for name in ("val_loss", "loss"):
        if counts.get(name):
            return name
    return max(counts, key=lambda name: counts[name], default="")


def common_metrics(counts: Mapping[str, int], runs: int) -> list[str]:
    """Return the metrics that are worth a column, the key metric first, those of the test after it."""
    key = key_metric(counts)
    names = [name for name, count in counts.items() if count >= _LEAST_SHARE * runs]
    names.sort(key=lambda name: (name != key, not name.startswith("test_"), not name.startswith("val_"), name))
    return names


def shown_at_first(metrics: list[str], sources: int) -> set[str]:
    """Return the ids of the columns that are shown unless the user chose others.

    Args:
        metrics: those that are worth a column, the key metric first.
        sources: how many kinds of sources there are.
    """
    key = metrics[:1]
    few = [name for name in metrics if name.startswith(("test_", "val_"))] or metrics
    fixed = {each.id for each in FIXED if each.id != "source" or sources > 1}
    return {*fixed, TREND, *(f"last:{name}" for name in few[:_MOST_METRICS]), *(f"best:{name}" for name in key)}


def live_value(id_: str, run: Run, now: float) -> Param:
    """Return what a column shows of a run that is followed, None where only the index can tell it."""
    kind, colon, name = id_.partition(":")
    if colon:
        summary = run.metrics.get(name) if kind in ("last", "best") else None
        if summary is None:
            return None
        return summary.last if kind == "last" else summary.min if lower_is_better(name) else summary.max
    match id_:
        case "state":
            return "not responding" if run.silent_seconds is not None else run.state
        case "name":
            return run.execution_id
        case "source":
            return "execution"
        case "experiment":
            return run.experiment
        case "started":
            return run.status.started or run.status.submitted
        case "time":
            return elapsed(run.status.started, run.status.ended, now if not run.status.is_over else None)
    return None


def elapsed(started: float | None, ended: float | None, now: float | None) -> float | None:
    """Return the seconds from a start to an end, or to now where there is none yet."""
    until = ended if ended is not None else now
    return None if started is None or until is None else until - started


def _metric_columns(metrics: Iterable[str], *, with_best: bool = False) -> list[Column]:
    """Return the columns of metrics: last and best of those per epoch, the value of those of the test."""
    found = []
    for name in metrics:
        found.append(_metric_column(name, "last", name))
        if with_best or not name.startswith("test_"):
            found.append(_metric_column(name, "best", f"best {name}"))
    return found


def _metric_column(name: str, stat: str, title: str) -> Column:
    width = min(max(96, 9 * len(title)), 220)
    return Column(f"{stat}:{name}", title, ("metric", name, stat), "number", width, title)


def _named_columns(kind: str, names: Iterable[str]) -> list[Column]:
    """Return the columns of params or tags, called by the last part of their path where that is enough."""
    ordered = sorted(names)
    lasts = Counter(name.rpartition(".")[2] for name in ordered)
    found = []
    for name in ordered:
        last = name.rpartition(".")[2]
        title = last if last and lasts[last] == 1 else name
        found.append(Column(f"{kind}:{name}", title, (kind, name, ""), width=110, tip=f"{kind}s.{name}"))
    return found
