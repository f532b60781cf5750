"""Setting single values of a config from outside it: ``training.epochs=3``."""

from __future__ import annotations

import copy
import json
import typing
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from app.config.documents import Document, join, name_of
from app.config.models import ComponentEntry, TrainingConfig
from app.config.problems import ConfigError, Problem, unknown
from app.config.schema import is_model, schema_of


def apply_overrides(document: Mapping[str, Any], overrides: Iterable[str]) -> Document:
    """Return a copy of a document with values set: ``training.epochs=3``, ``model.network.1.units=64``.

    A value is JSON, or else a bare text. Items of lists go by index. Sections that are not there are made. A component
    that was given by its id alone becomes an object when one of its parameters is set.

    Raises:
        ConfigError: with a problem for every override that is no ``path=value`` or has an impossible path.
    """
    changed: Document = copy.deepcopy(dict(document))
    problems = []
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals or not path:
            problems.append(Problem("", f"{path!r} sets nothing", "path=value, such as training.epochs=3"))
            continue
        try:
            _set(changed, path.split("."), parse_value(text))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems, "--set")
    return changed


def parse_value(text: str) -> Any:
    """Return the value that a text stands for: JSON, or else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text


def _set(document: Document, keys: list[str], value: Any) -> None:
    schema: Any = TrainingConfig
    at: Any = document
    for depth, key in enumerate(keys):
        index = _index(at, key, keys[:depth], schema)
        schema = schema_of(schema, key)
        if depth == len(keys) - 1:
            at[index] = value
            return
        inner = at[index] if isinstance(at, list) else at.get(index)
        if isinstance(inner, str) and schema is ComponentEntry:
            inner = at[index] = {"type": inner}
        elif inner is None:
            inner = at[index] = [] if typing.get_origin(schema) is list else {}
        at = inner


def _index(at: Any, key: str, path: list[str], schema: Any) -> Any:
    """Return what indexes a container by the next part of a path.

    Raises:
        ConfigError: nothing can be there.
    """
    place = join(path, key)
    if isinstance(at, list):
        if key.isdecimal() and int(key) < len(at):
            return int(key)
        valid = f"{join(path)}.0 to {join(path)}.{len(at) - 1}" if at else f"{join(path)}=[...]"
        raise ConfigError([Problem(place, f"the list has {len(at)} items", valid)])
    if not isinstance(at, dict):
        raise ConfigError([Problem(place, f"{join(path)} is {name_of(at)} and has no keys", f"{join(path)}=...")])
    if is_model(schema) and schema is not ComponentEntry and key not in schema.model_fields:
        raise ConfigError([Problem(place, *unknown("key", key, schema.model_fields))])
    return key


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
