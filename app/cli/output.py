"""How things are said on a terminal."""

from __future__ import annotations

import math
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from app.config.conversion import Change, Conversion
from app.config.problems import Problem
from app.records.layout import Workspace

EXIT_FAILED = 1
EXIT_WRONG = 2
EXIT_INTERRUPTED = 130


def workspace_of(folder: Path | None) -> Workspace:
    """Return the workspace that the arguments name, or the one around the current folder."""
    return Workspace.around(Path.cwd()) if folder is None else Workspace.at(folder)


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    print(f"trackside: {message}", file=sys.stderr)


def complain_of_problems(source: str, problems: Sequence[Problem]) -> None:
    """List what is wrong with a config, on standard error."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    complain(f"{source}: {count}")
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)


def tell_of_conversion(source: str, conversion: Conversion | None) -> None:
    """Say, on standard error, that a config was converted, and what could not be carried over; nothing for None."""
    if conversion is None:
        return
    count = len(conversion.changes)
    changes = "1 change" if count == 1 else f"{count} changes"
    complain(
        f"{source}: an older form (era {conversion.era}), converted with {changes}; "
        f"trackside convert {shlex.quote(source)} lists them"
    )
    for change in conversion.lost:
        print(f"  not carried over: {describe_loss(change)}", file=sys.stderr)


def describe_loss(change: Change) -> str:
    """Return what could not be carried over as a line: its path, where it still stands, and why."""
    stands = "" if not change.after else " (still there)" if change.after == change.before else f" (in {change.after})"
    return f"{change.before}{stands}: {change.why}"


def format_number(value: float) -> str:
    """Return a metric's value for a table: two decimals from 1 up, four significant digits below."""
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4g}"


def format_duration(seconds: float | None) -> str:
    """Return a duration: ``2.7 s``, ``2:41``, ``1:02:41``; "" for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_time(when: float | None) -> str:
    """Return a time in local time, to the second; "" for None."""
    return "" if when is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns that are as wide as their widest cell; the last one is left as it is."""
    widths = [max(len(row[index]) for row in [header, *rows]) for index in range(len(header))]
    for row in [header, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        print("  ".join([*cells, row[-1]]).rstrip())
