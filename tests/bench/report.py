"""What benchmarks give: rows of figures, a table of them for people and a JSON file for programs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Row:
    """One figure of ours beside that of a peer, both in ``unit``; less is better.

    ``ratio`` is ours over the peer's. Where it is the median of pairs it is given, else it is that of the two figures.
    ``goal`` is the most that ``bound``, ours or the ratio, may be; a row without a goal only informs.
    """

    name: str
    ours: float
    peer: float
    peer_name: str
    unit: str
    goal: float | None = None
    bound: Literal["ours", "ratio"] | None = None
    pair_ratio: float | None = None

    @property
    def ratio(self) -> float:
        return self.ours / self.peer if self.pair_ratio is None else self.pair_ratio

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        return (self.ours if self.bound == "ours" else self.ratio) <= self.goal

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ours": self.ours,
            "peer": self.peer,
            "peer_name": self.peer_name,
            "ratio": self.ratio,
            "unit": self.unit,
            "goal": self.goal,
            "bound": self.bound,
            "met": self.met,
        }


@dataclass(frozen=True)
class Benchmark:
    """Figures that are measured together: ``rows`` names them, ``measure(quick)`` prints details and returns them.

    ``quick`` asks for a run that only shows that everything works.
    """

    name: str
    rows: tuple[str, ...]
    measure: Callable[[bool], list[Row]]

    @property
    def summary(self) -> str:
        return (self.measure.__doc__ or "").strip().partition("\n")[0]


def spread(values: Sequence[float], unit: str = "") -> str:
    """Return a median with the values it is the median of: ``1.01 (0.98 to 1.04, 7 values)``."""
    low, middle, high = (f"{value:.4g}" for value in (min(values), statistics.median(values), max(values)))
    return f"{middle}{unit and ' ' + unit} ({low} to {high}, {len(values)} value{'s' if len(values) != 1 else ''})"


def table(rows: Iterable[Row]) -> str:
    """Return the rows as text, a line each, below a line of headings."""
    lines = [("name", "ours", "peer", "unit", "ratio", "goal", "met", "peer's name")]
    for row in rows:
        goal = "" if row.goal is None else f"{row.bound} <= {row.goal:g}"
        met = {True: "yes", False: "NO", None: ""}[row.met]
        figures = (f"{row.ours:.4g}", f"{row.peer:.4g}", row.unit, f"{row.ratio:.3g}")
        lines.append((row.name, *figures, goal, met, row.peer_name))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def save(rows: Iterable[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([row.to_json() for row in rows], indent=2) + "\n", encoding="utf-8")
