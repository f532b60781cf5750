"""Where the samples come from: datasets by name, and the HDF5 cache in front of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from app.config.models import DatasetConfig
from app.engine.ending import TrainingError
from app.engine.own_code import make_own, own_fault
from app.records.log import logger
from app.resources import resource

log = logger("Dataset")

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """Features ``X`` (samples first) and targets ``y`` (as many)."""

    X: Array
    y: Array

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.X)


@dataclass(frozen=True)
class Source:
    """How a dataset is read.

    A cached copy is the same as long as ``files`` have the same sizes and times, and ``version`` is the same: it goes
    up whenever ``load`` gives other samples than before.
    """

    load: Callable[[], Samples]
    files: tuple[Path, ...] = ()
    version: int = 1


def load_dataset(name: str, cache: Path) -> Samples:
    """Return a dataset, from the cache where it is there and whole, else from its source and into the cache.

    Args:
        name: the dataset's id in the catalog.
        cache: the workspace's folder of cached datasets.

    Raises:
        TrainingError: the dataset cannot be had; the text says what to do about it.
    """
    source = SOURCES[name]
    cached = cache / f"{name}-{_cache_key(name, source)}.h5"
    for path in (cached, *_older_caches(cache, name)):
        if os.path.isfile(path):
            log.info("Dataset already exists on cache. Retrieving ...")
            samples = _read_cache(path)
            if samples is not None:
                return samples
    log.info("Reading dataset ...")
    try:
        samples = source.load()
    except TrainingError:
        raise
    except Exception as error:
        raise TrainingError(f"dataset.name: {name} could not be loaded: {type(error).__name__}: {error}") from error
    if len(samples.X) != len(samples.y) or not len(samples):
        raise TrainingError(f"dataset.name: {name} has {len(samples.X)} samples and {len(samples.y)} targets")
    log.info("Saving dataset to cache ...")
    try:
        _write_cache(cached, samples)
    except (OSError, RuntimeError) as error:  # h5py has either for a full disk
        log.warning("The dataset could not be saved to the cache (%s); it will be read again next time", error)
    return samples


def load_own_dataset(config: DatasetConfig) -> Samples:
    """Return what a dataset of the user's own loads; it is not cached, since only its code knows when it changes.

    Raises:
        TrainingError: it cannot be made, fails, or returns something else than features and as many targets.
    """
    where = f"dataset.name ({config.name})"
    dataset = make_own(config.name, "dataset", config.parameters, "dataset.parameters")
    try:
        X, y = dataset.load()
    except Exception as error:
        raise TrainingError(f"{where}: {own_fault(error)}") from error
    samples = Samples(*(part if hasattr(part, "shape") else np.asarray(part) for part in (X, y)))
    if len(samples.X) != len(samples.y) or not len(samples):
        raise TrainingError(f"{where}: its load() returns {len(samples.X)} samples and {len(samples.y)} targets")
    return samples


def _cache_key(name: str, source: Source) -> str:
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in source.files if path.exists()]
    facts = {"name": name, "parameters": {}, "files": stats, "version": source.version}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def _older_caches(cache: Path, name: str) -> tuple[Path, Path]:
    """Return the files that the older systems cached a dataset in: by class name, later by the dataset's own."""
    return cache / f"{name.title().replace('_', '')}.h5", cache / f"{name}.h5"


def _read_cache(path: Path) -> Samples | None:
    try:
        with h5py.File(path, "r") as file:
            samples = Samples(file["X"][()], file["y"][()])
            if len(samples.X) != len(samples.y) or not len(samples):
                raise ValueError(f"{len(samples.X)} samples and {len(samples.y)} targets")
    # A file that was cut off is an OSError, RuntimeError or KeyError of h5py, a group in place of a table a TypeError.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        log.warning("The cached dataset %s cannot be read (%s); it is left out and the dataset read anew", path, error)
        return None
    return samples


def _write_cache(path: Path, samples: Samples) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{np.random.default_rng().integers(1 << 40):x}.partial")
    try:
        with h5py.File(partial, "w") as file:
            file.create_dataset("X", data=samples.X, compression="gzip", compression_opts=1)
            file.create_dataset("y", data=samples.y, compression="gzip", compression_opts=1)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _boston_housing() -> Samples:
    path = _BOSTON
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float64)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"dataset.name: {path} cannot be read ({error}). It is part of Trackside: install it again, or put the "
            "506 x 14 table of StatLib there, with a header line and medv as the last column"
        ) from error
    if table.shape[1] != 14:
        raise TrainingError(f"dataset.name: {path} has {table.shape[1]} columns; expected 14, medv as the last")
    return Samples(table[:, :-1].astype(np.float32), table[:, -1].astype(np.float32))


def _from_sklearn(name: str) -> Callable[[], Samples]:
    def load() -> Samples:
        import sklearn.datasets

        X, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
        # Classes stay whole numbers; what is measured becomes float32, Keras' own type.
        target = y.astype(np.int64) if np.issubdtype(y.dtype, np.integer) else y.astype(np.float32)
        return Samples(X.astype(np.float32), target)

    return load


def _from_keras(name: str, *files: str) -> Callable[[], Samples]:
    """Return what downloads a dataset of Keras; ``files`` are below Keras' folder ``datasets`` once it has."""

    def load() -> Samples:
        import keras

        log.info("Downloading dataset ...")
        try:
            (x_fit, y_fit), (x_test, y_test) = getattr(keras.datasets, name).load_data()
        except Exception as error:
            folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"
            raise TrainingError(
                f"dataset.name: {name} could not be downloaded ({error}). Connect to the network and run again, or "
                f"download it elsewhere and put it here as {' and '.join(str(folder / file) for file in files)}"
            ) from error
        X, y = np.concatenate([x_fit, x_test]), np.concatenate([y_fit, y_test])
        return Samples(X, y.reshape(len(y)) if y.ndim == 2 and y.shape[1] == 1 else y)

    return load


_BOSTON = resource("datasets", "boston_housing.csv")

#: Every dataset of the catalog by its id.
SOURCES: dict[str, Source] = {
    "boston_housing": Source(_boston_housing, (_BOSTON,)),
    **{name: Source(_from_sklearn(name)) for name in ("diabetes", "iris", "wine", "breast_cancer", "digits")},
    "mnist": Source(_from_keras("mnist", "mnist.npz")),
    "fashion_mnist": Source(
        _from_keras(
            "fashion_mnist",
            "fashion-mnist/train-labels-idx1-ubyte.gz",
            "fashion-mnist/train-images-idx3-ubyte.gz",
            "fashion-mnist/t10k-labels-idx1-ubyte.gz",
            "fashion-mnist/t10k-images-idx3-ubyte.gz",
        )
    ),
    # Keras keeps the archives under these names, not under those of the site.
    "cifar10": Source(_from_keras("cifar10", "cifar-10-batches-py-target_archive")),
    "cifar100": Source(_from_keras("cifar100", "cifar-100-python-target_archive")),
    "california_housing": Source(_from_keras("california_housing", "california_housing.npz")),
}
