"""What a tracker is: a class with methods that the host calls as a run goes on, none of them mandatory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class MirroredRun:
    """The run that a tracker mirrors.

    ``logdir`` is the experiment's ``trackings`` folder, shared by its runs. ``scratch`` is a folder of this run alone
    for what is half done, in which a tracker keeps to a folder of its own name. ``started`` is in UTC seconds.
    """

    execution_id: str
    uuid: str
    experiment: str
    logdir: Path
    scratch: Path
    source_name: str
    started: float


class Tracker:
    """Base class of trackers. Override what is of use; every method does nothing here.

    One thread calls all methods of a tracker, one after the other. What a method raises costs the run nothing but a
    warning. Options are those of the tracker's entry in the config, without ``type``.

    The host sets ``run`` before any call, ``time`` (UTC seconds, when what is being logged happened) before each one,
    and ``state`` (finished, stopped, failed or crashed) before ``end``. A tracker may put into ``reference``, while it
    starts, what the run is found by there; paths in it are relative to ``logdir``.
    """

    run: MirroredRun
    time: float | None = None
    state: str = ""
    reference: dict[str, Any]

    def __init__(self, **options: Any) -> None:
        self.options = options

    def discard(self, run_id: str, logdir: Path, reference: dict[str, Any]) -> None:
        """Remove an earlier, incomplete mirror of this run; called before ``start``.

        ``reference`` is what that mirror had put into its own, empty where that is not known.
        """

    def start(self, run_id: str, logdir: Path) -> None:
        """Open the mirror of the run with this execution id."""

    def end(self) -> None:
        """Close the mirror; ``state`` says how the run ended and ``time`` when."""

    def flush(self) -> None:
        """Bring to the disk (or the wire) what was logged since the last flush; called after each batch."""

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Log one value of a metric. It may be NaN or infinite."""
        if _overrides(self, "log_metrics") and not _overrides(self, "log_metric"):
            self.log_metrics({name: value}, step=step)

    def log_metrics(self, dic: Mapping[str, Any], prefix: str | None = None, step: int | None = None) -> None:
        """Log metrics by name: a value each, or a list of values whose steps are their places in it.

        Overriding this one or ``log_metric`` is enough; the host logs one at a time.
        """
        if not _overrides(self, "log_metric"):
            return
        for name, value in dic.items():
            values = enumerate(value) if isinstance(value, Iterable) else [(step, value)]
            for at, each in values:
                self.log_metric(f"{prefix or ''}{name}", each, at)

    def log_param(self, name: str, value: Any, step: int | None = None) -> None:
        """Log a param: a number, a text, a truth value or None."""
        if _overrides(self, "log_params") and not _overrides(self, "log_param"):
            self.log_params({name: value}, step=step)

    def log_params(self, dic: Mapping[str, Any], prefix: str | None = None, step: int | None = None) -> None:
        """Log params by name. Overriding this one or ``log_param`` is enough; the host logs one at a time."""
        if not _overrides(self, "log_param"):
            return
        for name, value in dic.items():
            self.log_param(f"{prefix or ''}{name}", value, step)

    def log_tag(self, tag: str) -> None:
        """Tag the run."""
        if _overrides(self, "add_tag") and not _overrides(self, "log_tag"):
            self.add_tag(tag)

    def add_tag(self, tag: str) -> None:
        """Tag the run: the older name of ``log_tag``. Overriding one of the two is enough."""
        if _overrides(self, "log_tag") and not _overrides(self, "add_tag"):
            self.log_tag(tag)

    def add_tags(self, tags: Iterable[str]) -> None:
        """Tag the run with several."""
        for tag in tags:
            self.log_tag(tag)

    def log_other(self, name: str, value: Any) -> None:
        """Log what is neither metric nor param; for code of one's own, the host has nothing of the kind."""

    def log_asset(self, name: str, file_path: str | Path) -> None:
        """Copy a file into the mirror under this name."""

    def log_image(self, name: str, file_path: str | Path) -> None:
        """Copy an image file into the mirror under this name."""

    def log_figure(self, name: str, figure: Any) -> None:
        """Draw a matplotlib figure into the mirror under this name."""


def _overrides(tracker: Tracker, method: str) -> bool:
    return getattr(type(tracker), method) is not getattr(Tracker, method)
