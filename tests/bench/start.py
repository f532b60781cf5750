"""How long it takes from the wish to train to the training."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from app.records.layout import Workspace
from tests.bench.report import Benchmark, Row, spread
from tests.bench.runs import example, train, train_bare, warm_spare

ROUNDS = 5
GOAL_RUNNING = 0.15
GOAL_FIRST_STEP = 2.0


def measure(quick: bool) -> list[Row]:
    """From submit to running and to the first step: with the warm spare, cold, and with Keras alone.

    A round is one start of each, one after another; a first round warms the disk's cache and is left out. Keras alone
    is timed from where everything is imported to the end of its first step; beside the cold start, from the start of
    its process.
    """
    rounds = 1 if quick else ROUNDS
    config = example("training.epochs=5")
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        workspace = Workspace.at(Path(home))
        for number in range(rounds + 1):
            bare = train_bare("start", config)
            with warm_spare() as spare:
                warm = train(config, workspace, spare)
            cold = train(config, workspace)
            times = {
                "warm, to running": warm.running - warm.submitted,
                "warm, to the first step": warm.step_times[0] - warm.submitted,
                "cold, to running": cold.running - cold.submitted,
                "cold, to the first step": cold.step_times[0] - cold.submitted,
                "Keras imported, to the first step": bare.first_step - bare.set_out,
                "Keras as a script, to the first step": bare.first_step - bare.started,
            }
            name = f"round {number}" if number else "warm-up"
            print(f"{name}: " + "; ".join(f"{part} {seconds:.3f} s" for part, seconds in times.items()), flush=True)
            for part, seconds in times.items() if number else ():
                found.setdefault(part, []).append(seconds)
    for part, values in found.items():
        print(f"{part}: {spread(values, 's')}")
    median = {part: statistics.median(values) for part, values in found.items()}
    return [
        Row(
            "start.running",
            median["warm, to running"],
            median["cold, to running"],
            "without the spare",
            "s",
            GOAL_RUNNING,
            "ours",
        ),
        Row(
            "start.first_step",
            median["warm, to the first step"],
            median["Keras imported, to the first step"],
            "Keras, already imported",
            "s",
            GOAL_FIRST_STEP,
            "ratio",
        ),
        Row(
            "start.cold",
            median["cold, to the first step"],
            median["Keras as a script, to the first step"],
            "a script that imports Keras",
            "s",
        ),
    ]


BENCHMARK = Benchmark("start", ("start.running", "start.first_step", "start.cold"), measure)
