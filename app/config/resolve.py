"""The complete form of a config: every default visible, every component an entry with all its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.config.catalog import load_catalog
from app.config.checking import PLACES
from app.config.documents import Document
from app.config.loading import LoadedConfig
from app.config.types import KINDS, split_list


def resolve(loaded: LoadedConfig) -> Document:
    """Return the config with every default filled in, ids in the catalog's form, and its source under ``source``.

    The result is a config itself, and resolves to itself.
    """
    document = loaded.config.model_dump()
    for place, kind in PLACES:
        _replace(document, place, kind)
    document["dataset"]["name"] = load_catalog().require("dataset", document["dataset"]["name"]).id
    document["source"] = dict(loaded.source)
    return document


def resolve_component(kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with the catalog's id as its type and a value for every parameter, in the catalog's order.

    A parameter whose value is a component stays an id where it is one; an entry is filled in too.
    """
    component = load_catalog().require(kind, entry["type"])
    values = {p.name: _resolve_value(p.type, entry.get(p.name, p.default)) for p in component.parameters}
    return {"type": component.id, **values}


def _replace(at: Any, place: tuple[str | int, ...], kind: str) -> None:
    """Resolve the components at a place (see :data:`PLACES`) below a value."""
    key, *rest = place
    if at is None:
        return
    for index in range(len(at)) if key == "*" else [key]:
        if rest:
            _replace(at[index], tuple(rest), kind)
        else:
            at[index] = resolve_component(kind, at[index])


def _resolve_value(type_: str, value: Any) -> Any:
    for term in type_.split("|"):
        item, _ = split_list(term) or ("", None)
        if item in KINDS and isinstance(value, list):
            return [_resolve_value(item, each) for each in value]
        if term in KINDS and isinstance(value, dict):
            return resolve_component(term, value)
        if term in KINDS and isinstance(value, str):
            return load_catalog().require(term, value).id
    return value
