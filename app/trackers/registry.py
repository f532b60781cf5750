"""Tracker types by the id that a config names them with; a library is imported when its tracker is first wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

from app.trackers.base import Tracker

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


def preload(types: Iterable[str]) -> None:
    """Import the libraries of these types, so that their trackers start at once.

    One that cannot be imported is passed over: its tracker says so when a run wants it.
    """
    for type_id in types:
        with suppress(ImportError, ValueError):
            tracker_class(type_id)
