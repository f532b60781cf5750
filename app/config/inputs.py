"""The files and folders that a config reads: whether they are there, told before anything is recorded or started."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.config.catalog import load_catalog
from app.config.documents import join
from app.config.problems import Problem, closest

#: Components that read what their paths name: section, kind, key of the settings.
_READERS = (("dataset", "dataset", "parameters"), ("model", "model", "hyperparameters"))


def check_inputs(document: Mapping[str, Any], folder: Path) -> list[Problem]:
    """Return a problem for each file or folder that a config reads and that is not there.

    Args:
        document: the config.
        folder: what a relative path starts from.
    """
    problems = []
    for place, text in _paths(document):
        path = Path(os.path.normpath(folder / os.path.expanduser(text)))
        if not os.path.exists(path):
            problems.append(Problem(place, f"there is no {path}", _nearest(path)))
    return problems


def _paths(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield where each path that is read stands, and the path."""
    for section, kind, key in _READERS:
        part = document.get(section)
        if not isinstance(part, Mapping):
            continue
        if section == "model" and isinstance(weights := part.get("weights"), str) and weights:
            yield "model.weights", weights
        name, settings = part.get("name"), part.get(key)
        component = load_catalog().get(kind, name) if isinstance(name, str) else None
        if component is None or not isinstance(settings, Mapping):
            continue
        for parameter in component.parameters:
            value = settings.get(parameter.name)
            if "path" in parameter.type.split("|") and isinstance(value, str) and value not in ("", *parameter.choices):
                yield join((section, key), parameter.name), value


def _nearest(path: Path) -> str:
    """Return how far a path is right, for whoever has mistyped it or looks elsewhere."""
    above = next(each for each in path.parents if each.exists())
    if above != path.parent:
        return f"a path that is there; {above} is the last folder of it that is"
    try:
        near = closest(path.name, os.listdir(above))
    except OSError:
        near = None
    return f"a path that is there, such as {near!r} in the same folder" if near else "a path that is there"
