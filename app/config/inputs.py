"""The data and the weights that a config reads: whether they are there, told before anything is recorded or started."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from app.config.catalog import load_catalog
from app.config.components import is_users_own
from app.config.documents import absolute
from app.config.problems import Problem, closest

#: Of a folder with more files than these none is suggested: looking for one that is alike takes too long.
_MOST_NAMES = 1000


def check_inputs(document: Mapping[str, Any], folder: Path) -> list[Problem]:
    """Return a problem for the data, and for weights, of a config that are not there.

    What a component of the user's own does with its paths is its own: it may make what they name.

    Args:
        document: the config.
        folder: what a relative path starts from.
    """
    problems = []
    for place, text in _paths(document):
        path = absolute(text, folder)
        if not os.path.exists(path):
            problems.append(Problem(place, f"there is no {path}", _nearest(Path(path))))
    return problems


def _paths(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield where each path that is read stands, and the path."""
    model = document.get("model")
    weights = model.get("weights") if isinstance(model, Mapping) else None
    if isinstance(weights, str) and weights:
        yield "model.weights", weights
    for section, kind, key, name in (
        ("dataset", "dataset", "parameters", "path"),
        ("model", "model", "hyperparameters", "weights"),
    ):
        match document.get(section):
            case {"name": str(id), **rest} if not is_users_own(id):
                component = load_catalog().get(kind, id)
                parameter = component.parameter(name) if component else None
                settings = rest.get(key)
                value = settings.get(name) if isinstance(settings, Mapping) else None
                if parameter is None or "path" not in parameter.type.split("|"):
                    continue
                if isinstance(value, str) and value not in ("", *parameter.choices):
                    yield f"{section}.{key}.{name}", value


def _nearest(path: Path) -> str:
    """Return how far a path is right, for whoever has mistyped it or looks elsewhere."""
    above = next((each for each in path.parents if os.path.exists(each)), path.parent)
    if above != path.parent:
        return f"a path that is there; {above} is the last folder of it that is"
    try:
        with os.scandir(above) as entries:
            names = {entry.name.lower(): entry.name for entry in islice(entries, _MOST_NAMES + 1)}
        if path.suffix:  # a config is no data
            names = {low: name for low, name in names.items() if low.endswith(path.suffix.lower())}
    except OSError:
        names = {}
    near = closest(path.name, names) if len(names) <= _MOST_NAMES else None
    return f"a path that is there, such as {names[near]!r} in the same folder" if near else "a path that is there"
