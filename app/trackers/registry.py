"""Tracker types by the id that a config names them with; a library is imported when its tracker is first wanted."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from app.config.own_code import OwnCodeError, fault_of, load
from app.config.trust import is_trusted, why_untrusted
from app.trackers.base import MirroredRun, Tracker

_CLASSES = {
    "comet_ml": ("app.trackers.comet", "CometTracker"),
    "mlflow": ("app.trackers.mlflow", "MLflowTracker"),
    "tensorboard": ("app.trackers.tensorboard", "TensorBoardTracker"),
}


def tracker_types() -> list[str]:
    """Return the ids of all trackers."""
    return list(_CLASSES)


def tracker_class(type_id: str) -> type[Tracker]:
    """Return the class of a tracker type, importing its library.

    Raises:
        ValueError: there is no such type; the text lists those that there are.
        ImportError: the library is not installed.
    """
    if type_id not in _CLASSES:
        raise ValueError(f"there is no tracker {type_id!r}; the trackers are {', '.join(_CLASSES)}")
    module, name = _CLASSES[type_id]
    found: type[Tracker] = getattr(import_module(module), name)
    return found


def make_tracker(entry: Mapping[str, Any]) -> Tracker:
    """Make the tracker of an entry of ``tracking.trackers``.

    Raises:
        ValueError: see :func:`tracker_class`, or an option has a value that the tracker does not know.
        TypeError: an option that the tracker does not have.
        ImportError: the library is not installed.
    """
    options = dict(entry)
    return tracker_class(options.pop("type"))(**options)


def make_own_tracker(entry: Mapping[str, Any], run: MirroredRun, root: Path) -> Tracker:
    """Make a tracker of the user's own, which a config names as ``module:Class``.

    A constructor that asks for ``logdir`` or ``run_name``, as those of the older systems did, gets them.

    Args:
        entry: the entry of ``tracking.trackers``.
        run: what is mirrored.
        root: the workspace's folder, in which it must be trusted.

    Raises:
        OwnCodeError: the workspace is not trusted, or its code cannot be had or refuses the options.
    """
    options = dict(entry)
    id = options.pop("type")
    if not is_trusted(root):
        raise OwnCodeError(f"{why_untrusted(id, root)}; if you know that code: trackside trust {root}")
    cls = load(id, root)
    if not (isinstance(cls, type) and issubclass(cls, Tracker)):
        raise OwnCodeError(f"{id} does not derive from app.trackers.base.Tracker")
    try:
        wanted = inspect.signature(cls).parameters
        given = {"logdir": str(run.logdir), "run_name": run.execution_id}
        return cls(**{name: value for name, value in given.items() if name in wanted} | options)
    except Exception as error:
        raise OwnCodeError(fault_of(error, root)) from error


def preload(types: Iterable[str]) -> None:
    """Import the libraries of these types, so that their trackers start at once.

    One that cannot be imported is passed over: its tracker says so when a run wants it.
    """
    for type_id in types:
        with suppress(ImportError, ValueError):
            tracker_class(type_id)
