"""The user's data: how much memory a training on it takes, and how much sooner a cached dataset is there."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.report import Benchmark, Row

_MB = 1 << 20
#: What a worker that trains on a CSV of 1 GB may take, TensorFlow's own included.
_MOST_MEMORY = 1500
#: The second start of a cached dataset over the first.
_LATER_START = 1 / 5
#: Peak memory of a training from the cache, above that of the idle worker, over the size of the array.
_MOST_OF_ARRAY = 1.3
_EPOCHS = 2
#: What is in memory takes both sides one of two amounts, 8 MB apart, by chance: of so many pairs the mean is taken.
_PAIRS = 5
_BARE = Path(__file__).with_name("bare_data.py")


def measure(quick: bool) -> list[Row]:
    """Trainings on a CSV of 1 GB and on arrays of 500 and 200 MB: their memory, and the time of their starts.

    Each training is a process of its own, and the pages of the files are in the disk's cache for all of them, so that
    not the disk is measured. Memory is the peak of the process above what it had when everything was imported; of the
    CSV, all of it. What is larger than 256 MB is read from the cache in batches, the 200 MB are in memory.
    """
    csv_mb, large_mb, small_mb, limit = (20, 20, 8, 10 * _MB) if quick else (1000, 500, 200, None)
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        folder = Path(home)
        table, large, small = folder / "table.csv", folder / "large.npz", folder / "small.npz"
        _write_csv(table, csv_mb)
        _write_npz(large, large_mb)
        _write_npz(small, small_mb)
        csv = [_ours("csv", {"path": str(table), "target": "y"}, folder, limit) for _ in range(2)]
        batches = [_ours("arrays", {"path": str(large)}, folder, limit) for _ in range(2)]
        pairs = [
            (_ours("arrays", {"path": str(small)}, folder, limit), _bare(small)) for _ in range(1 if quick else _PAIRS)
        ]
        bare = {path.name: _bare(path) for path in (table, large)}
    for name, runs in (
        ("csv, first start", (csv[0], bare["table.csv"])),
        ("csv, second start", (csv[1], bare["table.csv"])),
        (f"{large_mb} MB, first start", (batches[0], bare["large.npz"])),
        (f"{large_mb} MB, second start", (batches[1], bare["large.npz"])),
        *((f"{small_mb} MB in memory", pair) for pair in pairs),
    ):
        ours, peer = (
            f"{run['mb']:.0f} MB above {run['idle_mb']:.0f} MB, loaded in {run['load_seconds']:.2f} s, "
            f"all in {run['seconds']:.2f} s"
            for run in runs
        )
        print(f"{name}: {ours}; bare {peer}")
    peak = max(run["idle_mb"] + run["mb"] for run in csv)
    bare_peak = bare["table.csv"]["idle_mb"] + bare["table.csv"]["mb"]
    loads = [run["load_seconds"] for run in batches]
    large_peer = bare["large.npz"]["mb"]
    small_ours, small_peer = (statistics.fmean(run["mb"] for run in runs) for runs in zip(*pairs, strict=True))
    return [
        Row("csv_memory", peak, bare_peak, "pandas and bare model.fit", "MB", _MOST_MEMORY, "ours"),
        Row("second_start", loads[1], loads[0], "first start", "s", _LATER_START, "ratio"),
        Row("batches_memory", batches[1]["mb"], large_mb, "size of the array", "MB", _MOST_OF_ARRAY, "ratio"),
        Row("batches_beside_bare", batches[1]["mb"], large_peer, "bare model.fit", "MB", 1.0, "ratio"),
        Row("arrays_memory", small_ours, small_peer, "bare model.fit", "MB", 1.0, "ratio"),
    ]


def _write_csv(path: Path, megabytes: int) -> None:
    """Write 20 columns of numbers, one of categories and a target, the same million bytes again and again."""
    rng = np.random.default_rng(0)
    rows = [
        f"{','.join(f'{number:.5f}' for number in numbers)},{'red green blue'.split()[number % 3]},{numbers[0]:.3f}\n"
        for number, numbers in enumerate(rng.normal(size=(6_000, 20)))
    ]
    block = "".join(rows).encode()
    with open(path, "wb") as file:
        file.write(",".join([*(f"x{number}" for number in range(20)), "colour", "y"]).encode() + b"\n")
        for _ in range(megabytes * 10**6 // len(block)):
            file.write(block)


def _write_npz(path: Path, megabytes: int) -> None:
    rows = megabytes * _MB // (784 * 4)
    X = np.random.default_rng(0).random((rows, 784), dtype=np.float32)
    np.savez(path, X=X, y=X[:, 0])


def _ours(name: str, parameters: dict[str, str], folder: Path, limit: int | None) -> dict[str, float]:
    layers = [{"type": "dense", "units": 32, "activation": "relu"}, {"type": "dense", "units": 1}]
    config: dict[str, Any] = {
        "model": {"network": layers, "compilation": {"optimizer": "adam", "loss": "mse"}},
        "dataset": {"name": name, "parameters": parameters},
        "training": {"samples": {"fit": 1.0}, "batch_size": 1024, "epochs": _EPOCHS},
    }
    return _run(["-m", "tests.bench.our_data", str(folder)], json.dumps({"config": config, "limit": limit}))


def _bare(path: Path) -> dict[str, float]:
    return _run(["-P", str(_BARE), str(path), str(_EPOCHS)], "")


def _run(arguments: list[str], job: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, *arguments], input=job, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


BENCHMARK = Benchmark(
    "data",
    ("csv_memory", "second_start", "batches_memory", "batches_beside_bare", "arrays_memory"),
    measure,
)
