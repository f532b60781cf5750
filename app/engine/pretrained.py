"""Applications of Keras, as models and as layers, and weights that somebody trained before."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import keras

from app.config.catalog import load_catalog
from app.engine.ending import TrainingError
from app.engine.faults import sentence_of
from app.records.log import logger

log = logger("Model")

#: Weights that Keras downloads; all else is the path of a file.
IMAGENET = "imagenet"
#: What Keras says of a download that failed.
_FAILED = re.compile(r"URL fetch failure on (?P<url>\S+): (?P<why>.*)")
#: The first whose files Keras 3 still reads: before, some layers kept their weights in other forms.
_OLDEST_KERAS = 2


def build_application(id: str, options: Mapping[str, Any], shape: Sequence[int | None], where: str) -> keras.Model:
    """Return an application of Keras.

    Args:
        id: its id in the catalog of models.
        options: its settings; ``weights`` are null, "imagenet" or the path of a file.
        shape: of one sample, without the batch.
        where: the path of its settings in the config.

    Raises:
        TrainingError: it refuses its settings, or its weights cannot be had.
    """
    component = load_catalog().require("model", id)
    name = component.cls.rpartition(".")[2]
    log.info("Building %s of Keras' applications", name)
    settings = {"weights": None, **options}
    weights = settings["weights"]
    if weights not in (None, IMAGENET):
        settings["weights"] = None
    try:
        model = getattr(keras.applications, name)(**settings, input_shape=tuple(shape))
    except Exception as error:
        if failed := _FAILED.search(str(error)):
            raise TrainingError(_how_to_get(component.id, failed["url"], failed["why"], where)) from error
        raise TrainingError(f"{where} ({component.id}): {sentence_of(error)}") from error
    if weights not in (None, IMAGENET):
        load_weights(model, Path(weights), f"{where}.weights")
    return model


def load_weights(model: keras.Model, path: Path, where: str) -> None:
    """Give a model the weights in a file: a whole ``.h5`` or ``.keras`` model of the same layers, or weights alone.

    Nothing of a model in the file but its weights is read: no code of others runs.

    Raises:
        TrainingError: there is no such file, it is cut off or of another kind, or of other layers.
    """
    if not path.is_file():
        raise TrainingError(f"{where}: there is no file {path}")
    if path.suffix in (".h5", ".hdf5"):
        _check_h5(path, where)
    try:
        model.load_weights(path)
    except Exception as error:
        raise TrainingError(f"{where}: {path} has no weights for these layers: {sentence_of(error)}") from error
    log.info("Beginning with the weights in %s", path)


def _check_h5(path: Path, where: str) -> None:
    try:
        with h5py.File(path) as file:
            group = file.get("model_weights", file)
            saved_by = str(_text(file.attrs.get("keras_version", group.attrs.get("keras_version", ""))))
    except OSError as error:
        raise TrainingError(f"{where}: {path} is no HDF5 file, or was cut off: {error}") from error
    major = saved_by.partition(".")[0]
    if major.isdecimal() and int(major) < _OLDEST_KERAS:
        raise TrainingError(
            f"{where}: {path} was saved by Keras {saved_by}, which this Keras cannot read; open it with Keras 2 and "
            "save it again"
        )


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _how_to_get(id: str, url: str, why: str, where: str) -> str:
    """Return what to do about weights that could not be downloaded."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return (
        f"{where}.weights: the weights of {id} could not be downloaded ({why}). Connect to the network and run again; "
        f"or download {url} elsewhere and put it there as {home / 'models' / url.rpartition('/')[2]}; or give the path "
        "of a file of weights"
    )
