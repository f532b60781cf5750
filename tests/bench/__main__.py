"""The benchmarks: ``python -m tests.bench [NAME] [--quick]``, or ``make bench`` and ``make bench ONLY=name``.

Each measures a figure of ours beside a peer's, in one go and on one machine. A table goes to standard output, and the
rows to ``build/bench.json``, those of this call alone. Whether goals are met or not, the exit status is 0; it is 2
for a name that does not exist.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

import psutil

from tests.bench import (
    browse,
    curves,
    data,
    event_files,
    executions,
    index,
    mlflow_stores,
    scalar,
    servers,
    start,
    training,
    window,
)
from tests.bench.report import Row, save, table

BENCHMARKS = [
    scalar.BENCHMARK,
    *training.BENCHMARKS,
    data.BENCHMARK,
    start.BENCHMARK,
    curves.BENCHMARK,
    servers.BENCHMARK,
    window.BENCHMARK,
    event_files.BENCHMARK,
    mlflow_stores.BENCHMARK,
    executions.BENCHMARK,
    index.BENCHMARK,
    browse.BENCHMARK,
    data.BENCHMARK,
]

_BUILD = Path(__file__).resolve().parents[2] / "build"
_UNWANTED = ("COMET_", "MLFLOW_", "TENSORBOARD_", "WANDB_")


def main(argv: list[str] | None = None) -> int:
    known = "\n".join(f"  {benchmark.name:14}{benchmark.summary}" for benchmark in BENCHMARKS)
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=f"Measure Trackside beside its peers. The benchmarks are:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "name", nargs="?", help="one benchmark, by its own name or that of one of its rows; all without it"
    )
    parser.add_argument("--quick", action="store_true", help="only show that they work; the figures are worth nothing")
    arguments = parser.parse_args(argv)
    wanted = [each for each in BENCHMARKS if arguments.name in (None, each.name, *each.rows)]
    if not wanted:
        print(f"There is no benchmark {arguments.name!r}. The benchmarks are:\n{known}", file=sys.stderr)
        return 2

    _describe_machine()
    rows: list[Row] = []
    file = _BUILD / ("bench-quick.json" if arguments.quick else "bench.json")
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        _use_no_settings_but(Path(home))
        for benchmark in wanted:
            print(f"\n== {benchmark.name}: {benchmark.summary}", flush=True)
            rows += benchmark.measure(arguments.quick)
            save(rows, file)
    print(f"\n{table(rows)}")
    missed = [row.name for row in rows if row.met is False]
    print(f"\nGoals missed: {', '.join(missed)}" if missed else "\nAll goals are met.")
    if arguments.quick:
        print("QUICK: these figures are not comparable to any other.")
    print(f"Written to {file}")
    return 0


def _describe_machine() -> None:
    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 2**30
    print(f"Python {platform.python_version()}, {platform.platform()}, {cores} cores, {memory:.0f} GiB")
    busy = psutil.cpu_percent(interval=1.0)
    print(f"The machine is {busy:.0f} % busy before anything is measured.")
    if busy > 10:
        print("NOTE: something else is running; the figures will be worse and spread more.")


def _use_no_settings_but(home: Path) -> None:
    """Let this process and its children see neither the user's settings nor a tracker's variables."""
    for name in [name for name in os.environ if name.startswith(_UNWANTED)]:
        del os.environ[name]
    # A Python that keeps no bytecode would compile us anew at every start, but not the peers.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["TRACKSIDE_CONFIG_DIR"] = str(home)
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"


if __name__ == "__main__":
    sys.exit(main())
