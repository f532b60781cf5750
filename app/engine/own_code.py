"""Components of the user's own in the worker: what they must be able to do, loading them, making them.

A dataset, preprocessor, transformer or model is any class with the methods below; it needs no base class. Its
constructor gets the settings of its entry in the config by name. Callbacks, layers and metrics derive from Keras'.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import keras

from app.config.own_code import OwnCodeError, fault_of, load, place_of
from app.config.trust import is_trusted, why_untrusted
from app.engine.ending import TrainingError


@runtime_checkable
class Dataset(Protocol):
    """Where samples come from. ``class_names``, if it has them, are what the classes are called, by their numbers."""

    def load(self) -> tuple[Any, Any]:
        """Return features and targets, samples first, as many of each.

        Both are arrays, or arrays by the name of a model's input or output. An ``h5py.Dataset`` or a ``numpy.memmap``
        stays on the disk.
        """


@runtime_checkable
class Preprocessor(Protocol):
    """What is done to all features alike, without learning from them."""

    def transform(self, X: Any) -> Any:
        """Return the features, samples first, as they go on; as many rows as came."""


@runtime_checkable
class Transformer(Protocol):
    """What learns from the rows that are trained on, and is then done to all features; as scikit-learn's are."""

    def fit(self, X: Any) -> Any:
        """Learn from features, samples first; return itself."""

    def transform(self, X: Any) -> Any:
        """Return features, samples first, as they go on; as many rows as came."""


@runtime_checkable
class Model(Protocol):
    """What makes a Keras model."""

    def build(self, input_shape: tuple[int | None, ...]) -> Any:
        """Return a ``keras.Model`` for samples of this shape, without the batch.

        It is compiled as ``model.compilation`` says, and may be compiled already where the config says nothing.
        """


#: What an object of each kind has to be; of other kinds, whatever the code makes is taken.
_KINDS: dict[str, Any] = {
    "dataset": Dataset,
    "preprocessor": Preprocessor,
    "transformer": Transformer,
    "model": Model,
    "callback": keras.callbacks.Callback,
    "layer": keras.layers.Layer,
    "metric": keras.metrics.Metric,
    "optimizer": keras.optimizers.Optimizer,
    "schedule": keras.optimizers.schedules.LearningRateSchedule,
}


class _Workspace:
    """The workspace of this worker's one run."""

    root: Path | None = None


def open_workspace(root: Path) -> None:
    """Say whose own code this process may load, once the user trusts it."""
    _Workspace.root = root


def load_own(id: str, kind: str) -> Any:
    """Return the class or function that ``module:Name`` names.

    Args:
        id: the id; the module lies in the workspace's ``components/`` or is installed.
        kind: of what it is to be one, for the message.

    Raises:
        TrainingError: the workspace is not trusted, there is no such module or name, or the module fails; file and line
            are named.
    """
    root = _Workspace.root
    if root is None:
        raise TrainingError(f"{id} ({kind}): own code runs only in the workspace of a run")
    if not is_trusted(root):
        raise TrainingError(f"{why_untrusted(id, root)}; if you know that code: trackside trust {root}")
    try:
        found = load(id, root)
    except OwnCodeError as error:
        raise TrainingError(f"{id} ({kind}): {error}") from error
    if not callable(found):
        raise TrainingError(f"{id} ({kind}): is no class and no function, but {type(found).__name__}")
    return found


def make_own(id: str, kind: str, options: Mapping[str, Any], where: str) -> Any:
    """Return an object of a class of the user's own.

    Args:
        id: the class.
        kind: what it is to be.
        options: what its constructor gets, by name.
        where: its path in the config.

    Raises:
        TrainingError: it cannot be loaded, refuses its settings, or lacks a method of its kind.
    """
    cls = load_own(id, kind)
    try:
        made = cls(**options)
    except Exception as error:
        raise TrainingError(f"{where} ({id}): {own_fault(error)}") from error
    wanted = _KINDS.get(kind)
    if wanted is not None and not isinstance(made, wanted):
        raise TrainingError(f"{where} ({id}): is no {kind}: {_lacks(made, wanted)}")
    return made


def own_fault(error: BaseException) -> str:
    """Return what an exception says, with file and line where it came out of the user's own code."""
    return fault_of(error, _Workspace.root) if _Workspace.root is not None else f"{type(error).__name__}: {error}"


def place_in_own(error: BaseException) -> str:
    """Return file and line of the user's own code that an exception came out of, "" if it came from elsewhere."""
    return place_of(error, _Workspace.root) if _Workspace.root is not None else ""


def _lacks(made: Any, wanted: Any) -> str:
    if not getattr(wanted, "_is_protocol", False):
        return f"it does not derive from {wanted.__module__.partition('.')[0]}'s {wanted.__name__}"
    methods = [name for name in vars(wanted) if not name.startswith("_") and not hasattr(made, name)]
    return f"it has no method {' and no method '.join(methods)}"
