"""How long it takes until what event files hold is there, beside TensorBoard's two readers."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.report import Benchmark, Row, spread

ROUNDS = 3
SCALARS = 1_000_000
RUNS, STEPS = 1_000, 500
TAGS = ("loss", "accuracy")
#: So many runs are written, the others are copies of them.
DIFFERENT_RUNS = 20
ROOT = Path(__file__).resolve().parents[2]

RUST = "TensorBoard's data server, all points over gRPC"


def measure(quick: bool) -> list[Row]:
    """Reading event files: a million scalars of one file, the same again, and a thousand runs.

    Each reader works in a process of its own and is ready when the clock starts, but for the data server, whose start
    takes hundredths of a second. All find the files in the memory of the system. We check both checksums of every
    record, as EventAccumulator does; the data server checks none unless a record is broken. Points, steps and times are
    compared before anything is reported.
    """
    scalars, runs = (SCALARS // 50, RUNS // 50) if quick else (SCALARS, RUNS)
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        one, many, cache = Path(home, "one"), Path(home, "many"), Path(home, "cache")
        _apart("write", one, scalars, runs, many)
        found: dict[str, list[float]] = {}
        for round_number in range(1 if quick else ROUNDS):
            shutil.rmtree(cache, ignore_errors=True)
            sums = {}
            for name, reader, *arguments in (
                ("ours", "trackside", one, cache),
                ("again", "trackside", one, cache),
                ("rust", "data_server", one, 1, scalars - 1),
                ("our runs", "trackside", many, cache),
                ("rust runs", "data_server", many, runs * len(TAGS), STEPS - 1),
            ):
                seconds, sums[name] = _apart(reader, *arguments)
                found.setdefault(name, []).append(seconds)
            if round_number == 0:
                seconds, sums["accumulator"] = _apart("accumulator", one)
                found["accumulator"] = [seconds]
            _compare(sums, {"ours": ("again", "rust", "accumulator"), "our runs": ("rust runs",)})
    for name, seconds_of in found.items():
        print(f"{name}: {spread(seconds_of, 's')}")
    middle = {name: statistics.median(values) for name, values in found.items()}
    return [
        Row("event_files.cold", middle["ours"], middle["rust"], RUST, "s", 0.5, "ratio"),
        Row("event_files.accumulator", middle["ours"], middle["accumulator"], "EventAccumulator", "s", 1 / 15, "ratio"),
        Row("event_files.again", middle["again"] * 1e3, middle["rust"] * 1e3, RUST, "ms", 50.0, "ours"),
        Row("event_files.runs", middle["our runs"], middle["rust runs"], RUST, "s", 1.0, "ratio"),
    ]


def _compare(sums: dict[str, Any], same: dict[str, tuple[str, ...]]) -> None:
    for name, others in same.items():
        for other in others:
            if other in sums and sums[other] != sums[name]:
                raise RuntimeError(f"{name} and {other} have found different points: {sums[name]}, {sums[other]}")


def _apart(command: str, *arguments: object) -> Any:
    """Return what a command of this module gives, in a process of its own."""
    line = [sys.executable, "-m", "tests.bench.event_files", command, *map(str, arguments)]
    process = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"{command} failed:\n{process.stderr[-4000:]}")
    return json.loads(process.stdout.splitlines()[-1])


def write(one: str, scalars: str, runs: str, many: str) -> None:
    """Write the logdirs with TensorFlow's own writer of records."""
    import tensorflow as tf
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    def log(folder: Path, steps: int, tags: tuple[str, ...], seed: int) -> None:
        folder.mkdir(parents=True)
        values = np.random.default_rng(seed).normal(size=(steps, len(tags))).astype(np.float32).tolist()
        with tf.io.TFRecordWriter(str(folder / "events.out.tfevents.1700000000.host.1.0")) as writer:
            writer.write(Event(wall_time=1.7e9, file_version="brain.Event:2").SerializeToString())
            for step, of_step in enumerate(values):
                for tag, value in zip(tags, of_step, strict=True):
                    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
                    writer.write(Event(wall_time=1.7e9 + step / 3, step=step, summary=summary).SerializeToString())

    log(Path(one, "run"), int(scalars), TAGS[:1], 0)
    for number in range(int(runs)):
        folder = Path(many, f"run{number:04}")
        if number < DIFFERENT_RUNS:
            log(folder, STEPS, TAGS, number)
        else:
            shutil.copytree(Path(many, f"run{number % DIFFERENT_RUNS:04}"), folder)


def _sums(count: int, steps: Any, times: Any, values: Any) -> list[float]:
    """Return what two readers have in common that have read the same, in whichever order of runs."""
    return [count, *(float(np.sort(each.astype(np.float64)).sum()) for each in (steps, times, values))]


def trackside(folder: str, cache: str) -> tuple[float, list[float]]:
    from app.records.sources.tensorboard import TensorBoardSource

    begin = time.perf_counter()
    source = TensorBoardSource(Path(folder), Path(cache))
    runs = list(source.read_many(sorted(source.scan({}).changed)))
    points = [source.series(run.key, metric) for run in runs for metric in run.metrics]
    seconds = time.perf_counter() - begin
    found = np.concatenate(points)
    return seconds, _sums(len(found), found["step"], found["time"], found["value"])


def accumulator(folder: str) -> tuple[float, list[float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    EventAccumulator(tempfile.gettempdir()).Reload()  # it imports TensorFlow when it is first used
    begin = time.perf_counter()
    reader = EventAccumulator(str(Path(folder, "run")), {"scalars": 0, "tensors": 0}).Reload()
    points = [point for tag in reader.Tags()["scalars"] for point in reader.Scalars(tag)]
    seconds = time.perf_counter() - begin
    return seconds, _sums(len(points), *np.array([[each.step, each.wall_time, each.value] for each in points]).T)


@contextmanager
def _server(folder: str) -> Iterator[Callable[[], Any]]:
    """Start the data server; yield what returns a stub once it listens."""
    import grpc
    from tensorboard.data.proto.data_provider_pb2_grpc import TensorBoardDataProviderStub
    from tensorboard_data_server import server_binary

    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        port = Path(home, "port")
        command = [server_binary(), "--logdir", folder, "--reload", "once", "--samples-per-plugin", "scalars=all"]
        command += ["--port", "0", "--port-file", str(port), "--die-after-stdin"]

        def stub() -> Any:
            while not (port.exists() and port.read_text().endswith("\n")):
                time.sleep(0.001)
            unlimited = [("grpc.max_receive_message_length", -1)]
            return TensorBoardDataProviderStub(grpc.insecure_channel(f"localhost:{int(port.read_text())}", unlimited))

        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            try:
                yield stub
            finally:
                process.kill()


def data_server(folder: str, series: str, last_step: str) -> tuple[float, list[float]]:
    """Ask until every series has its last step, then for all points."""
    from tensorboard.data.proto import data_provider_pb2 as pb

    plugin = pb.PluginFilter(plugin_name="scalars")
    request = pb.ListScalarsRequest(plugin_filter=plugin)
    everything = pb.ReadScalarsRequest(plugin_filter=plugin, downsample=pb.Downsample(num_points=2**40))
    begin = time.perf_counter()
    with _server(folder) as stub_when_listening:
        stub = stub_when_listening()
        while True:
            tags = [tag for run in stub.ListScalars(request, wait_for_ready=True).runs for tag in run.tags]
            if len(tags) == int(series) and all(tag.metadata.max_step == int(last_step) for tag in tags):
                break
            time.sleep(0.005)
        answer = stub.ReadScalars(everything)
        data = [tag.data for run in answer.runs for tag in run.tags]
        steps, times, values = (
            np.concatenate([np.array(getattr(each, name)) for each in data]) for name in ("step", "wall_time", "value")
        )
        seconds = time.perf_counter() - begin
    return seconds, _sums(len(steps), steps, times, values)


BENCHMARK = Benchmark(
    "event_files", tuple(f"event_files.{name}" for name in ("cold", "accumulator", "again", "runs")), measure
)

_COMMANDS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (write, trackside, accumulator, data_server)
}

if __name__ == "__main__":
    print(json.dumps(_COMMANDS[sys.argv[1]](*sys.argv[2:])))
