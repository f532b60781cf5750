"""Steps of a config, and tables of which there are more rows than go into the room that is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from app.config.checking import check
from app.engine.pipeline import Room, Split
from app.engine.preprocessing.steps import Step, make_preprocessor, make_transformer
from app.engine.samples import Samples, Stored
from tests.engine.conftest import document, entry

#: Nothing that is made may be in memory.
NO_ROOM = Room(limit=0)


def preprocessor(type: str, **options: Any) -> Step:
    """Return a preprocessor of a config that passes the checks."""
    assert check(document(dataset__preprocessors=[{"type": type, **options}], model__input_shape=None)) == []
    return make_preprocessor(entry("preprocessor", type, **options), "dataset.preprocessors.0")


def transformer(type: str, **options: Any) -> Step:
    """Return a transformer of a config that passes the checks."""
    assert check(document(dataset__transformers=[{"type": type, **options}], model__input_shape=None)) == []
    return make_transformer(entry("transformer", type, **options), "dataset.transformers.0")


def texts_of(*texts: str) -> Any:
    """Return texts as features."""
    made = np.empty(len(texts), object)
    made[:] = texts
    return made


def split_of(X: Any, y: Any, fit: int) -> Split:
    """Return samples of which the first are fitted on, and the others validated on; there are none to test on."""
    samples = Samples(X, y)
    return Split(samples.take(slice(0, fit)), samples.take(slice(fit, None)), samples.take(slice(0, 0)))


@pytest.fixture
def on_disk(tmp_path: Path) -> Callable[[Any], Stored]:
    """Return what writes an array to an HDF5 file and gives it as one that is read when it is asked for."""

    def write(array: Any) -> Stored:
        file = h5py.File(tmp_path / f"{len(list(tmp_path.iterdir()))}.h5", "w")
        texts = array.dtype == object
        file.create_dataset("X", data=array, dtype=h5py.string_dtype() if texts else None, chunks=(8, *array.shape[1:]))
        return Stored(file["X"])

    return write
