"""Datasets of the user's own."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from app.config.models import DatasetConfig
from app.engine.data.cache import fault_of
from app.engine.ending import TrainingError
from app.engine.own_code import make_own, own_fault
from app.engine.samples import Samples, Stored


def load_own_dataset(config: DatasetConfig) -> Samples:
    """Return what a dataset of the user's own loads; it is not cached, since only its code knows when it changes.

    Raises:
        TrainingError: it cannot be made, fails, or returns something else than features and as many targets.
    """
    where = f"dataset.name ({config.name})"
    dataset = make_own(config.name, "dataset", config.parameters, "dataset.parameters")
    try:
        X, y = dataset.load()
        names = tuple(map(str, getattr(dataset, "class_names", ())))
        samples = Samples(_arrays(X), _arrays(y), names)
    except Exception as error:
        raise TrainingError(f"{where}: {own_fault(error)}") from error
    if fault := fault_of(samples):
        raise TrainingError(f"{where}: its load() returns {fault}")
    return samples


def _arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _arrays(each) for name, each in value.items()}
    if isinstance(value, h5py.Dataset | np.memmap):
        return Stored(value)
    return np.asarray(value)
