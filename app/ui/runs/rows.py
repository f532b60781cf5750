"""The rows of the table at one moment: runs that are followed on top, then those of the index as it ordered them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.records.layout import ExecutionFolder
from app.records.runs import Run
from app.ui.runs.columns import ACTIVE, UNDER_WAY, Column, elapsed, live_value
from app.ui.runs.snapshot import Snapshot

if TYPE_CHECKING:
    from app.records.index.values import Ids, Mask
    from app.records.sources.base import Param


@dataclass(frozen=True, slots=True)
class Row:
    """A run of the table.

    Attributes:
        path: its folder, or the file that it lies in.
        source: what its source is: execution, mlflow, ...
        name: what it is called.
        experiment: what it belongs to.
        state: its state, "" where unknown.
        problems: what of it cannot be read.
        id: its id in the index, None where it is not there yet.
        run: itself, where it is followed.
    """

    path: Path
    source: str
    name: str
    experiment: str
    state: str
    problems: tuple[str, ...] = ()
    id: int | None = None
    run: Run | None = field(default=None, repr=False)

    @property
    def is_execution(self) -> bool:
        """Whether it is an execution of Trackside."""
        return self.source == "execution"

    @property
    def is_active(self) -> bool:
        """Whether it can be stopped: an execution that waits or goes on, as far as is known yet."""
        return self.is_execution and self.state in ACTIVE

    @property
    def folder(self) -> ExecutionFolder:
        """The folder of an execution."""
        return ExecutionFolder(self.path)


class Rows:
    """Never changes, so that any thread may read it.

    Args:
        root: the workspace.
        live: the runs that are followed, each behind its folder relative to the workspace.
        snapshot: what was read of the index, None before that.
    """

    def __init__(self, root: Path, live: Sequence[tuple[str, Run]] = (), snapshot: Snapshot | None = None) -> None:
        self._root = root
        self.live = live
        self.snapshot = snapshot
        self._own: Mapping[str, int] = snapshot.own if snapshot is not None else {}
        # Those that are followed are not shown twice.
        self._places: Ids = np.empty(0, np.int64)
        self._ids: Ids = self._places
        if snapshot is not None:
            is_shown = np.ones(len(snapshot.ids), bool)
            for path, _ in live:
                if path in self._own:
                    is_shown &= snapshot.ids != self._own[path]
            self._places = np.flatnonzero(is_shown)
            self._ids = snapshot.ids[self._places]

    def __len__(self) -> int:
        return len(self.live) + len(self._places)

    @property
    def total(self) -> int:
        """How many runs there are to choose from, whether they meet the query or not."""
        known = self.snapshot.total if self.snapshot is not None else 0
        return known + sum(path not in self._own for path, _ in self.live)

    @property
    def goes_on(self) -> bool:
        """Whether the time of any run goes on."""
        indexed = self.snapshot is not None and self.snapshot.goes_on
        return indexed or any(run.status.started is not None for _, run in self.live)

    def value(self, row: int, id_: str) -> Param:
        """Return what a column holds for a row, None where it was not read."""
        if row < len(self.live):
            path, run = self.live[row]
            known = self.snapshot.live.get(path, {}) if self.snapshot is not None else {}
            # A name that somebody gave is only in the index.
            value = known.get("name") if id_ == "name" else None
            if value is None:
                value = live_value(id_, run, time.time())
            return known.get(id_) if value is None else value
        snapshot, place = self._indexed(row)
        if id_ == "time" and snapshot.goes_on and snapshot.values["state"][place] in UNDER_WAY:
            started = snapshot.values["started"][place]
            return elapsed(started if isinstance(started, float) else None, None, time.time())
        column = snapshot.values.get(id_)
        return column[place] if column is not None else None

    def text(self, row: int, id_: str) -> str:
        """Return a value as it is, "" for none."""
        value = self.value(row, id_)
        return "" if value is None else str(value)

    def texts(self, rows: Sequence[int], columns: Sequence[Column]) -> Iterator[list[str]]:
        """Yield what stands in some rows."""
        for row in rows:
            yield [column.text(self.value(row, column.id)) for column in columns]

    def state(self, row: int) -> str:
        """Return the state of a run."""
        return self.live[row][1].state if row < len(self.live) else self.text(row, "state")

    def problems(self, row: int) -> tuple[str, ...]:
        """Return what of a run cannot be read."""
        if row < len(self.live):
            return self.live[row][1].problems
        snapshot, place = self._indexed(row)
        problems = snapshot.values["problems"][place]
        return tuple(problems.split("\n")) if isinstance(problems, str) and problems else ()

    def path(self, row: int) -> Path:
        """Return the folder or the file of a run."""
        return self.live[row][1].folder.path if row < len(self.live) else self._root / self.text(row, "path")

    def trend(self, row: int) -> tuple[float, ...]:
        """Return the shape of the key metric's curve."""
        if self.snapshot is None:
            return ()
        if row >= len(self.live):
            return self.snapshot.trends[int(self._places[row - len(self.live)])]
        summary = self.live[row][1].metrics.get(self.snapshot.key_metric)
        return summary.trend if summary is not None else ()

    def at(self, row: int) -> Row:
        """Return the run of a row."""
        source, name, experiment = (self.text(row, each) for each in ("source", "name", "experiment"))
        run = self.live[row][1] if row < len(self.live) else None
        id_ = self._own.get(self.live[row][0]) if run is not None else int(self._ids[row - len(self.live)])
        return Row(self.path(row), source, name, experiment, self.state(row), self.problems(row), id_, run)

    def executions(self) -> Mask:
        """Return which rows are executions."""
        live = np.ones(len(self.live), bool)
        if self.snapshot is None:
            return live
        is_execution = self.snapshot.values["source"].having(lambda text: text == "execution")
        return np.concatenate((live, is_execution[self._places]))

    def identity(self, row: int) -> str | int:
        """Return what a run is found again by in other rows: its folder while it is followed, else its id."""
        return self.live[row][0] if row < len(self.live) else int(self._ids[row - len(self.live)])

    def find(self, identities: Sequence[str | int]) -> list[int | None]:
        """Return the rows of runs by what ``identity`` told, or by the folder of one of ours; None where not shown."""
        if not identities:
            return []
        followed: dict[str | int, int] = {path: row for row, (path, _) in enumerate(self.live)}
        followed |= {self._own[path]: row for row, (path, _) in enumerate(self.live) if path in self._own}
        by_id = np.full(int(self._ids.max(initial=0)) + 1, -1)
        by_id[self._ids] = np.arange(len(self.live), len(self))
        found = []
        for each in identities:
            id_ = self._own.get(each, -1) if isinstance(each, str) else each
            row = followed.get(each, int(by_id[id_]) if 0 <= id_ < len(by_id) else -1)
            found.append(row if row >= 0 else None)
        return found

    def _indexed(self, row: int) -> tuple[Snapshot, int]:
        assert self.snapshot is not None
        return self.snapshot, int(self._places[row - len(self.live)])
