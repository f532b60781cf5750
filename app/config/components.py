"""Checking the components of a config against the catalog: ids, parameters, types, bounds and choices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.config.catalog import Parameter, load_catalog
from app.config.documents import join, name_of, show
from app.config.problems import Problem, listed, unknown
from app.config.types import KINDS, describe, fits, split_list

Path = tuple[str | int, ...]

#: The layer that is a whole application of Keras, and its setting that says which.
APPLICATION = "application"
_USERS_OWN = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def check_component(path: Path, kind: str, value: str | Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a component, given by its id or as an object with its ``type`` and parameters.

    An object without a text as ``type`` is the business of whoever found it: nothing else can be said about it.
    """
    if isinstance(value, str):
        id, options, place = value, {}, path
    elif isinstance(value.get("type"), str):
        id, options, place = value["type"], {key: value[key] for key in value if key != "type"}, (*path, "type")
    else:
        return []
    if problems := check_id(place, kind, id):
        return problems
    component = load_catalog().get(kind, id)
    if component is None:
        return []  # code of the user's own that lies elsewhere: only it knows what it takes
    problems = []
    for parameter in component.parameters:
        if parameter.required and parameter.name not in options:
            problems.append(Problem(join(path, parameter.name), f"{component.id} needs it", _wanted(parameter)))
    for name, option in options.items():
        if found := component.parameter(name):
            problems += _check_option((*path, name), found, option)
        elif not component.info.get("open"):
            names = [parameter.name for parameter in component.parameters]
            problems.append(Problem(join(path, name), *unknown(f"parameter of {component.id}", name, names)))
    return problems


def is_users_own(id: str) -> bool:
    """Return whether an id names a class or a function of the user's own, as ``module:Name``."""
    return _USERS_OWN.fullmatch(id) is not None


def check_id(path: Path, kind: str, id: str) -> list[Problem]:
    """Return a problem if the catalog has no component of that kind and id; the closest one is named."""
    catalog = load_catalog()
    if catalog.get(kind, id) or is_users_own(id):
        return []
    near = catalog.closest(kind, id)
    message = f"no {kind} is called {id!r}" + (f"; did you mean {near!r}?" if near else "")
    elsewhere = [other for other in catalog.kinds if catalog.get(other, id)]
    if not near and elsewhere:
        message += f"; it is a kind of {' and of '.join(elsewhere)}"
    return [Problem(join(path), message, listed(id, catalog.ids(kind), near))]


def _check_option(path: Path, parameter: Parameter, value: Any) -> list[Problem]:
    if not fits(parameter.type, value):
        return [Problem(join(path), f"is {name_of(value) if parameter.secret else show(value)}", _wanted(parameter))]
    for term in parameter.type.split("|"):
        if term in KINDS and isinstance(value, str | dict):
            return _check_nested(path, term, value)
        items = split_list(term)
        if items and items[0] in KINDS and isinstance(value, list):
            return [problem for i, item in enumerate(value) for problem in _check_nested((*path, i), items[0], item)]
    is_free = "path" in parameter.type.split("|")
    if isinstance(value, str) and parameter.choices and value not in parameter.choices and not is_free:
        message, _ = unknown("choice", value, parameter.choices)
        return [Problem(join(path), message, ", ".join(parameter.choices))]
    numbers = value if isinstance(value, list) else [value]
    if any(_outside(parameter, number) for number in numbers):
        return [Problem(join(path), f"is {value}", _bounds(parameter))]
    return []


def _check_nested(path: Path, kind: str, value: str | dict[str, Any]) -> list[Problem]:
    if isinstance(value, dict) and not isinstance(value.get("type"), str):
        return [Problem(join(path, "type"), "is missing or no text", f"the id of a component of the kind {kind}")]
    component = load_catalog().get(kind, value if isinstance(value, str) else value["type"])
    if kind == "layer" and component is not None and component.id == APPLICATION:
        # It is built for the shape of what comes before it, which only the network knows.
        message = f"{APPLICATION} cannot be within another layer"
        return [Problem(join(path), message, "a layer of Keras here, or it as a layer of model.network")]
    return check_component(path, kind, value)


def _outside(parameter: Parameter, number: Any) -> bool:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return False
    low, high = parameter.minimum, parameter.maximum
    return (low is not None and number < low) or (high is not None and number > high)


def _bounds(parameter: Parameter) -> str:
    if parameter.maximum is None:
        return f"{parameter.minimum} or more"
    return f"{parameter.minimum} to {parameter.maximum}"


def _wanted(parameter: Parameter) -> str:
    return describe(parameter.type) + (f"; {parameter.doc}" if parameter.doc else "")
