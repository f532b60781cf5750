"""The JSON Schema (draft 2020-12) of a config: the models' own, with every component of the catalog in its places.

With it an editor completes ids and parameters, shows their docs, and marks what is wrong, as far as a schema can tell:
that parts fit together is checked by :mod:`app.config.consistency` alone.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from app.config.catalog import Catalog, Component, Parameter, load_catalog
from app.config.checking import NAMED, PLACES
from app.config.models import ComponentEntry, TrainingConfig
from app.config.types import KINDS, split_list

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ENTRY = f"#/$defs/{ComponentEntry.__name__}"
#: Classes and functions of the user's own; any settings.
_OWN = r"^[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*$"
_TERMS: dict[str, Schema] = {
    "bool": {"type": "boolean"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "path": {"type": "string"},
    "dict": {"type": "object"},
    "null": {"type": "null"},
    "any": {},
    "shape": {"type": "array", "items": {"type": ["integer", "null"]}},
}


def config_schema() -> Schema:
    """Return the schema of a config, with the components that there are here."""
    catalog = load_catalog()
    schema = _loosened(TrainingConfig.model_json_schema())
    definitions = schema["$defs"]
    for place, kind in PLACES:
        keys = [str(key) for key in place if key not in ("*", "@")]
        owner = functools.reduce(lambda at, key: _model(at["properties"][key], definitions), keys[:-1], schema)
        owner["properties"][keys[-1]] = _with_kind(owner["properties"][keys[-1]], kind)
    for section, kind, settings in NAMED:
        _name_components(_model(schema["properties"][section], definitions), kind, settings, catalog)
    for kind in sorted({*(kind for _, kind in PLACES), *KINDS}):
        definitions |= _definitions(kind, catalog)
    del definitions[ComponentEntry.__name__]
    return {"$schema": DIALECT, **schema, "title": "Trackside config"}


def _loosened(schema: Any) -> Any:
    """Return a schema whose choices may overlap: an object with one type is an output's name to who does not look."""
    if isinstance(schema, dict):
        return {"anyOf" if key == "oneOf" else key: _loosened(value) for key, value in schema.items()}
    return [_loosened(item) for item in schema] if isinstance(schema, list) else schema


def _model(schema: Schema, definitions: Schema) -> Schema:
    """Return the definition that a property refers to, alone or beside null."""
    reference = next(each["$ref"] for each in (schema, *schema.get("anyOf", ())) if "$ref" in each)
    found: Schema = definitions[reference.rpartition("/")[2]]
    return found


def _with_kind(schema: Any, kind: str) -> Any:
    """Return a schema with the components of a kind in place of any."""
    if isinstance(schema, list):
        return [_with_kind(item, kind) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("$ref") == _ENTRY:
        return {**schema, "$ref": f"#/$defs/{kind}"}
    if {"$ref": _ENTRY} in schema.get("anyOf", ()):  # the other one is a text: the id alone
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**rest, "$ref": f"#/$defs/{kind}_or_id"}
    return {key: _with_kind(value, kind) for key, value in schema.items()}


def _name_components(owner: Schema, kind: str, settings: str, catalog: Catalog) -> None:
    """Let a model's or dataset's name be one of the catalog, and its settings be that one's parameters."""
    name = owner["properties"]["name"]
    null = [{"type": "null"}] if "anyOf" in name else []
    rest = {key: value for key, value in name.items() if key not in ("anyOf", "type")}
    owner["properties"]["name"] = {**rest, "anyOf": [*_id_alone(kind, catalog)["anyOf"], *null]}
    known = [
        {
            "if": {"properties": {"name": _id(component)}, "required": ["name"]},
            "then": {"properties": {settings: _parameters(component)}},
        }
        for component in _components(kind, catalog)
    ]
    if known:
        owner["allOf"] = known


def _definitions(kind: str, catalog: Catalog) -> Schema:
    """Return a kind's definitions: as an object, as an id alone, as either."""
    own = {
        "type": "object",
        "title": "module:Class",
        "description": f"A {kind} of your own, with any settings.",
        "properties": {"type": {"type": "string", "pattern": _OWN}},
        "required": ["type"],
    }
    known = [component for component in _components(kind, catalog) if ":" not in component.id]
    mine = [component for component in _components(kind, catalog) if ":" in component.id]
    if mine:
        own = {**own, "not": {"properties": {"type": {"enum": [component.id for component in mine]}}}}
    return {
        kind: {"oneOf": [*(_object(component) for component in (*known, *mine)), own]},
        f"{kind}_id": _id_alone(kind, catalog),
        f"{kind}_or_id": {"anyOf": [{"$ref": f"#/$defs/{kind}_id"}, {"$ref": f"#/$defs/{kind}"}]},
    }


def _components(kind: str, catalog: Catalog) -> Iterator[Component]:
    return (catalog.require(kind, id) for id in catalog.ids(kind))


def _object(component: Component) -> Schema:
    schema = _parameters(component)
    required = ["type", *schema.pop("required", ())]
    properties = {"type": {**_id(component), "description": component.doc}, **schema.pop("properties")}
    title = {"title": component.id, "description": component.doc}
    return {**title, **schema, "properties": properties, "required": required}


def _parameters(component: Component) -> Schema:
    """Return the schema of a component's settings."""
    required = [parameter.name for parameter in component.parameters if parameter.required]
    return {
        "type": "object",
        "properties": {parameter.name: _parameter(parameter) for parameter in component.parameters},
        **({"required": required} if required else {}),
        **({} if component.info.get("open") else {"additionalProperties": False}),
    }


def _parameter(parameter: Parameter) -> Schema:
    terms = [_term(term, parameter) for term in parameter.type.split("|")]
    schema: Schema = dict(terms[0]) if len(terms) == 1 else {"anyOf": terms}
    if parameter.doc:
        schema["description"] = parameter.doc
    if not parameter.required:
        schema["default"] = parameter.default
    return schema


def _term(term: str, parameter: Parameter) -> Schema:
    if items := split_list(term):
        item, length = items
        bounds = {} if length is None else {"minItems": length, "maxItems": length}
        return {"type": "array", "items": _term(item, parameter), **bounds}
    if term in KINDS:
        return {"$ref": f"#/$defs/{term}_or_id"}
    schema = dict(_TERMS[term])
    if term == "str" and parameter.choices:
        schema["enum"] = list(parameter.choices)
    if term in ("int", "float"):
        schema |= {"minimum": parameter.minimum} if parameter.minimum is not None else {}
        schema |= {"maximum": parameter.maximum} if parameter.maximum is not None else {}
    return schema


def _id(component: Component) -> Schema:
    """Return the schema of all names of a component: its id first, which is what an editor offers."""
    names = [component.id, *component.aliases]
    if ":" in component.id:
        return {"const": component.id}
    return {"anyOf": [{"enum": names}, {"type": "string", "pattern": f"^({'|'.join(map(_spellings, names))})$"}]}


def _id_alone(kind: str, catalog: Catalog) -> Schema:
    found = list(_components(kind, catalog))
    names = [name for component in found for name in (component.id, *component.aliases) if ":" not in name]
    offered = [{"const": component.id, "description": component.doc} for component in found]
    others = [{"type": "string", "pattern": f"^({'|'.join(map(_spellings, names))})$"}] if names else []
    return {"anyOf": [*offered, *others, {"type": "string", "pattern": _OWN}]}


def _spellings(name: str) -> str:
    """Return a pattern of all the ways in which the catalog takes a name: other capitals, other underscores."""
    letters = [letter for letter in name if letter != "_"]
    return (
        "_*"
        + "_*".join(
            f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else re.escape(letter) for letter in letters
        )
        + "_*"
    )
