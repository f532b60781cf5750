"""A whole training with everything on, over the same training without us: of a table, of images, of texts."""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from app.config.loading import LoadedConfig
from app.records.layout import Workspace
from tests.bench.report import Benchmark, Row, spread
from tests.bench.runs import BareRun, OurRun, example, train, train_bare, warm_spare

PAIRS = 7
EPOCHS = 40
#: Of images and texts: samples a step, and epochs.
ARRAY_BATCH, ARRAY_EPOCHS = 32, 3
GOAL = 1.05
#: The goal is meant for steps that are as short as this: the longer they are, the easier it is.
LONGEST_STEP = 2e-3
#: Relative; two trainings of one seed differ by rounding at most.
_SAME_LOSS = 1e-4


def measure(quick: bool) -> list[Row]:
    """model.fit on a table with series, TensorBoard, MLflow and Comet on, over the same bare model.fit."""
    config = example(
        "model.network.0.units=128",
        "model.network.1.units=64",
        'training.samples={"fit": 0.8, "val": 0.1, "test": 0.1}',
        "training.batch_size=2",
        f"training.epochs={2 if quick else EPOCHS}",
    )
    return _measure("training", config, quick)


def measure_images(quick: bool) -> list[Row]:
    """The same on as many images as MNIST has, of its size, with a small convolutional network."""
    rng = np.random.default_rng(0)
    count = 500 if quick else 60_000
    arrays = {"X": rng.integers(0, 256, (count, 28, 28, 1), np.uint8), "y": rng.integers(0, 10, count)}
    network = [
        {"type": "rescaling", "scale": 1 / 255},
        {"type": "conv2d", "filters": 8, "kernel_size": 3, "strides": 2, "activation": "relu"},
        {"type": "max_pooling2d", "pool_size": 2},
        {"type": "flatten"},
        {"type": "dense", "units": 10, "activation": "softmax"},
    ]
    return _measure_arrays("training_images", arrays, network, quick)


def measure_texts(quick: bool) -> list[Row]:
    """The same on texts as numbers of their words, 80 a text, with an embedding."""
    rng = np.random.default_rng(0)
    count = 500 if quick else 25_000
    arrays = {"X": rng.integers(0, 10_000, (count, 80), np.int32), "y": rng.integers(0, 2, count)}
    network = [
        {"type": "embedding", "input_dim": 10_000, "output_dim": 16},
        {"type": "global_average_pooling1d"},
        {"type": "dense", "units": 2, "activation": "softmax"},
    ]
    return _measure_arrays("training_texts", arrays, network, quick)


def _measure_arrays(name: str, arrays: dict[str, Any], network: list[dict[str, Any]], quick: bool) -> list[Row]:
    """Measure the training of a classifier on arrays, which both sides read from one .npz file."""
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        path = Path(home) / "arrays.npz"
        np.savez(path, **arrays)
        compilation = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
        model = {"input_shape": list(arrays["X"].shape[1:]), "network": network, "compilation": compilation}
        dataset = {"name": "arrays", "parameters": {"path": str(path)}, "seed": 0}
        config = example(
            f"model={json.dumps(model)}",
            f"dataset={json.dumps(dataset)}",
            'training.samples={"fit": 0.8, "val": 0.1, "test": 0.1}',
            f"training.batch_size={ARRAY_BATCH}",
            f"training.epochs={1 if quick else ARRAY_EPOCHS}",
        )
        return _measure(name, config, quick)


def _measure(name: str, config: LoadedConfig, quick: bool) -> list[Row]:
    """Measure pairs of trainings of one config, bare and ours.

    Each side trains in a process of its own, which starts when the other one has ended; ours is handed to a warm spare
    that has come to rest. A first pair warms the disk's cache and is left out. The time is that of ``model.fit``, the
    first step's tracing and the validations in it.
    """
    pairs = 1 if quick else PAIRS
    bare: list[BareRun] = []
    ours: list[OurRun] = []
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        workspace = Workspace.at(Path(home))
        for number in range(pairs + 1):
            bare.append(train_bare("fit", config))
            with warm_spare() as spare:
                ours.append(train(config, workspace, spare))
            _check_same(bare[-1], ours[-1])
            ratio = ours[-1].seconds / bare[-1].seconds
            which = f"pair {number}" if number else "warm-up"
            print(f"{which}: bare {bare[-1].seconds:.2f} s, ours {ours[-1].seconds:.2f} s, {ratio:.3f}", flush=True)
        again = [train_bare("fit", config).seconds for _ in range(2)]
        del bare[0], ours[0]
        _print_details(bare, ours)
        print(f"bare against bare: {again[0]:.2f} s, {again[1]:.2f} s, {again[1] / again[0]:.3f}")
        ratios = [mine.seconds / peer.seconds for mine, peer in zip(ours, bare, strict=True)]
        print(f"ratio of the pairs: {spread(ratios)}")
        fastest = min(run.seconds for run in ours) / min(run.seconds for run in bare)
        print(f"ratio of the fastest of each side, which other work disturbs least: {fastest:.3f}")
        return [
            Row(
                name,
                statistics.median(run.seconds for run in ours),
                statistics.median(run.seconds for run in bare),
                "bare model.fit",
                "s",
                GOAL,
                "ratio",
                pair_ratio=statistics.median(ratios),
            )
        ]


def _check_same(bare: BareRun, ours: OurRun) -> None:
    """Refuse to compare two trainings that did not do the same, or of which ours did not log every step."""
    if not np.isclose(ours.losses[0], bare.losses[0], rtol=_SAME_LOSS):
        raise RuntimeError(f"not the same training: the first losses are {ours.losses[0]} and {bare.losses[0]} (bare)")
    if len(ours.step_times) != bare.steps:
        raise RuntimeError(f"{len(ours.step_times)} steps are in the series, but {bare.steps} were made")


def _print_details(bare: list[BareRun], ours: list[OurRun]) -> None:
    step = statistics.median(run.seconds / run.steps for run in bare)
    print(f"a bare step takes {step * 1000:.2f} ms, validation in it; {bare[0].steps} steps a side")
    if step > LONGEST_STEP:
        print(f"NOTE: the goal is for steps of at most {LONGEST_STEP * 1000:g} ms.")
    print(f"bare: {spread([run.seconds for run in bare], 's')}")
    print(f"ours: {spread([run.seconds for run in ours], 's')}")
    parts = {
        "start, submit to running": [run.running - run.submitted for run in ours],
        "start, running to fit": [run.when("stage_begin", "fit_model") - run.running for run in ours],
        "close, fit to end of the run (evaluates and saves)": [
            run.when("end") - run.when("stage_end", "fit_model") for run in ours
        ],
        "close, end of the run to closed mirrors": [run.gone - run.when("end") for run in ours],
        "keeper's CPU during fit": [_keeper_cpu(run) for run in ours],
    }
    for name, values in parts.items():
        print(f"{name}: {spread(values, 's')}")


def _keeper_cpu(run: OurRun) -> float:
    """Return the CPU seconds that the keeper used while the model was fitted, trackers in it."""
    times, seconds = zip(*run.cpu, strict=True)
    ends = (run.when("stage_begin", "fit_model"), run.when("stage_end", "fit_model"))
    begin, end = np.interp(ends, times, seconds)
    return float(end - begin)


BENCHMARKS = [
    Benchmark("training", ("training",), measure),
    Benchmark("training_images", ("training_images",), measure_images),
    Benchmark("training_texts", ("training_texts",), measure_texts),
]
