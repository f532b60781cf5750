"""The complete form of a config: every default visible, every component an entry with all its parameters."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.config.catalog import Component, load_catalog
from app.config.checking import NAMED, components
from app.config.components import is_users_own
from app.config.documents import Document, absolute
from app.config.loading import LoadedConfig
from app.config.types import KINDS, split_list

#: Paths that a config has besides those of its components: section and key.
PATHS = (("session", "python"), ("model", "weights"))


def resolve(loaded: LoadedConfig) -> Document:
    """Return the config with every default filled in, ids in the catalog's form, and its source under ``source``.

    Paths are absolute. The result is a config itself, and resolves to itself.
    """
    document = loaded.config.model_dump()
    for path, kind, entry in list(components(document)):
        _put(document, path, resolve_component(kind, entry))
    for section, kind, settings in NAMED:
        if document[section]["name"] is not None:
            named = resolve_component(kind, {**document[section][settings], "type": document[section]["name"]})
            document[section]["name"] = named.pop("type")
            document[section][settings] = named
    document = with_absolute_paths(document, loaded.folder)
    document["source"] = dict(loaded.source)
    return document


def resolve_component(kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with the catalog's id as its type and a value for every parameter, in the catalog's order.

    A parameter whose value is a component stays an id where it is one; an entry is filled in too.
    """
    if is_users_own(entry["type"]):
        return dict(entry)
    component = load_catalog().require(kind, entry["type"])
    values = {
        p.name: _resolve_value(p.type, entry.get(p.name, p.default))
        for p in component.parameters
        if p.name in entry or not p.required  # the size of the last layer may be left to the dataset
    }
    return {"type": component.id, **values}


def with_absolute_paths(document: Mapping[str, Any], folder: Path) -> Document:
    """Return a copy of a config in which what the catalog says is a path no longer depends on where the config lies."""
    changed: Document = copy.deepcopy(dict(document))
    for section, key in PATHS:
        part = changed.get(section)
        if isinstance(part, dict) and isinstance(value := part.get(key), str) and value:
            part[key] = absolute(value, folder)
    for section, kind, settings in NAMED:
        part = changed.get(section)
        name = part.get("name") if isinstance(part, dict) else None
        component = load_catalog().get(kind, name) if isinstance(name, str) else None
        if component is not None and isinstance(part, dict):
            _make_absolute(component, part.get(settings), folder)
    for _, kind, entry in components(changed):
        component = load_catalog().get(kind, entry["type"]) if isinstance(entry, dict) and "type" in entry else None
        if component is not None:
            _make_absolute(component, entry, folder)
    return changed


def _make_absolute(component: Component, options: Any, folder: Path) -> None:
    for parameter in component.parameters if isinstance(options, dict) else ():
        value = options.get(parameter.name)
        is_path = isinstance(value, str) and value and value not in parameter.choices
        if is_path and "path" in parameter.type.split("|"):
            options[parameter.name] = absolute(value, folder)


def _put(document: Any, path: Sequence[str | int], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


def _resolve_value(type_: str, value: Any) -> Any:
    for term in type_.split("|"):
        item, _ = split_list(term) or ("", None)
        if item in KINDS and isinstance(value, list):
            return [_resolve_value(item, each) for each in value]
        if term in KINDS and isinstance(value, dict):
            return resolve_component(term, value)
        if term in KINDS and isinstance(value, str):
            return value if is_users_own(value) else load_catalog().require(term, value).id
    return value
