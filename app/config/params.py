"""The params of a run: its config as a flat list of names and values. Needs nothing but the config as JSON gave it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Scalar = str | int | float | bool

_NO_SETTINGS = ("params", "tags", "trackers")
_APART = ("source", "tracking", "experiment")


def params(config: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the params of a run: the scalar leaves of a config by dotted path, and ``tracking.params``.

    A component's ``type`` goes under the component's own path (``model.network.1`` is "dense"), items of lists by index
    (``model.input_shape.0``), ``tracking.params`` under their own names. Null, tags, trackers and ``source`` are left
    out.

    Args:
        config: a resolved config, or one as it was submitted: what is missing, or is no object, has no params.
    """
    tracking, experiment = _object(config.get("tracking")), _object(config.get("experiment"))
    found = leaves(tracking.get("params"))
    _add(found, [(key, value) for key, value in experiment.items() if key != "tags"], "experiment.")
    _add(found, [(key, value) for key, value in config.items() if key not in _APART], "")
    _add(found, [(key, value) for key, value in tracking.items() if key not in _NO_SETTINGS], "tracking.")
    return found


def leaves(value: Any) -> dict[str, Scalar]:
    """Return the scalar leaves of JSON's objects and lists by dotted path, as :func:`params` names them."""
    found: dict[str, Scalar] = {}
    if isinstance(value, dict | list):
        _add(found, value.items() if isinstance(value, dict) else enumerate(value), "")
    return found


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _add(found: dict[str, Scalar], items: Iterable[tuple[Any, Any]], path: str) -> None:
    """Add the leaves among the items of an object or a list, whose own path, with its dot, is given."""
    for key, value in items:
        if value is None:
            continue
        own = path[:-1] if key == "type" and path else f"{path}{key}"
        # The exact types are those that JSON gives; thousands of configs come this way when a workspace is opened.
        kind = type(value)
        if kind is dict:
            _add(found, value.items(), f"{own}.")
        elif kind is list:
            _add(found, enumerate(value), f"{own}.")
        else:
            found[own] = value
