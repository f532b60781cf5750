"""The datasets that need no network: the Boston table that we ship, and scikit-learn's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app.engine.data.source import Parameters, Place, Portions
from app.engine.ending import TrainingError
from app.engine.samples import Samples
from app.resources import resource

BOSTON = resource("datasets", "boston_housing.csv")


def load_boston_housing(parameters: Parameters, place: Place) -> Portions:
    """Return the table of StatLib; its last column is the target.

    Raises:
        TrainingError: it is not there, or not that table.
    """
    try:
        table = np.loadtxt(BOSTON, delimiter=",", skiprows=1, dtype=np.float64)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"dataset.name: {BOSTON} cannot be read ({error}). It is part of Trackside: install it again, or put the "
            "506 x 14 table of StatLib there, with a header line and medv as the last column"
        ) from error
    if table.shape[1] != 14:
        raise TrainingError(f"dataset.name: {BOSTON} has {table.shape[1]} columns; expected 14, medv as the last")
    return Portions.of(Samples(table[:, :-1].astype(np.float32), table[:, -1].astype(np.float32)))


def from_sklearn(name: str) -> Callable[[Parameters, Place], Portions]:
    """Return what loads a dataset of scikit-learn by its name."""

    def load(parameters: Parameters, place: Place) -> Portions:
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"load_{name}")()
        # Classes stay whole numbers; what is measured becomes float32, Keras' own type.
        y = bunch.target
        target = y.astype(np.int64) if np.issubdtype(y.dtype, np.integer) else y.astype(np.float32)
        names = tuple(str(each) for each in getattr(bunch, "target_names", ()))
        return Portions.of(Samples(bunch.data.astype(np.float32), target, names))

    return load
