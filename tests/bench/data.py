"""The user's data: what a table above memory costs, and how much sooner a cached dataset is there."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.bench.report import Benchmark, Row

_MB = 1 << 20
#: What a CSV of 1 GB may take of the memory, all in all.
_MOST_MEMORY = 1500
#: The second start of a cached dataset over the first.
_LATER_START = 1 / 5
#: Peak memory of batches from the cache over the size of the array.
_MOST_OF_ARRAY = 1.3


def measure(quick: bool) -> list[Row]:
    """A CSV of 1 GB and an .npz of 500 MB: the first start, the second one, an epoch of batches; and their memory.

    Each start is a process of its own, and the pages of the files are in the disk's cache for both, so that not the
    disk is measured. Memory is the peak of the process above what it had when everything was imported.
    """
    csv_mb, npz_mb = (20, 20) if quick else (1000, 500)
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        folder = Path(home)
        table, arrays = folder / "table.csv", folder / "arrays.npz"
        _write_csv(table, csv_mb)
        _write_npz(arrays, npz_mb)
        csv = _starts("csv", {"path": str(table), "target": "y"}, folder / "cache", quick)
        npz = _starts("arrays", {"path": str(arrays)}, folder / "cache", quick)
    for name, (first, second) in (("csv", csv), ("npz", npz)):
        print(f"{name}: first start {first['seconds']:.2f} s, {first['mb']:.0f} MB above {first['idle_mb']:.0f} MB")
        print(
            f"{name}: second start {second['seconds']:.3f} s; an epoch of {second['array_mb']:.0f} MB in batches "
            f"{second['epoch_seconds']:.2f} s, {second['mb']:.0f} MB above {second['idle_mb']:.0f} MB"
        )
    peak = max(each["idle_mb"] + each["mb"] for each in csv)
    return [
        Row("csv_memory", peak, csv_mb, "size of the file", "MB", _MOST_MEMORY, "ours"),
        Row("second_start", npz[1]["seconds"], npz[0]["seconds"], "first start", "s", _LATER_START, "ratio"),
        Row("batches_memory", npz[1]["mb"], npz[1]["array_mb"], "size of the array", "MB", _MOST_OF_ARRAY, "ratio"),
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
    np.savez(path, X=X, y=np.arange(rows) % 10)


def _starts(name: str, parameters: dict[str, str], cache: Path, quick: bool) -> list[dict[str, float]]:
    """Load the dataset in two processes, one after the other; the second goes through an epoch of batches too."""
    found = []
    for epoch in (False, True):
        job = json.dumps({"name": name, "parameters": parameters, "cache": str(cache), "epoch": epoch, "quick": quick})
        done = subprocess.run([sys.executable, "-c", _CHILD, job], stdout=subprocess.PIPE, check=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


_CHILD = """
import json, sys, threading, time
from pathlib import Path
import numpy as np, psutil, pyarrow.csv, pyarrow.compute
import app.engine.data.cache as cache
from app.engine.datasets import load_dataset
from app.engine.samples import each

job = json.loads(sys.argv[1])
if job["quick"]:
    cache.MEMORY_LIMIT, cache.SMALL = 1 << 20, 1 << 20
process, peak, over = psutil.Process(), [0], threading.Event()

def watch():
    while not over.wait(0.005):
        peak[0] = max(peak[0], process.memory_info().rss)

idle = process.memory_info().rss
thread = threading.Thread(target=watch)
thread.start()
begin = time.perf_counter()
samples = load_dataset(job["name"], job["parameters"], Path(job["cache"]))
seconds = time.perf_counter() - begin
begin = time.perf_counter()
if job["epoch"]:
    for X, y in samples.batches(128, np.random.default_rng(0)):
        pass
epoch = time.perf_counter() - begin
over.set()
thread.join()
size = sum(np.prod(array.shape) * array.dtype.itemsize for array in each(samples.X).values())
mb = {"mb": (peak[0] - idle) / 2**20, "idle_mb": idle / 2**20, "array_mb": float(size) / 2**20}
print(json.dumps({"seconds": seconds, "epoch_seconds": epoch, **mb}))
"""

BENCHMARK = Benchmark("data", ("csv_memory", "second_start", "batches_memory"), measure)
