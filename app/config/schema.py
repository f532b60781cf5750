"""What may be where in a config, read from its models: for messages about keys, and for paths that are new."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

from app.config.models import ComponentEntry
from app.config.validation import BaseModel


def schema_at(root: type[BaseModel], path: Iterable[str | int]) -> Any:
    """Return the model or type at a path below a model, None where the models say nothing."""
    schema: Any = root
    for key in path:
        schema = schema_of(schema, str(key))
    return schema


def schema_of(schema: Any, key: str) -> Any:
    """Return the model or type of what a key leads to; all that lies within a component is taken for a component."""
    if schema is ComponentEntry:
        return schema
    if is_model(schema):
        return _bare(schema.model_fields[key].annotation) if key in schema.model_fields else None
    arguments = typing.get_args(schema)
    return _bare(arguments[-1]) if arguments else None


def is_model(schema: Any) -> TypeGuard[type[BaseModel]]:
    """Return whether a schema is a model, and so knows its keys."""
    return isinstance(schema, type) and issubclass(schema, BaseModel)


def allows_null(root: type[BaseModel], path: Sequence[str | int]) -> bool:
    """Return whether null may be at a path below a model; where the models say nothing, it may."""
    owner = schema_at(root, path[:-1])
    if not path or not is_model(owner) or owner is ComponentEntry or path[-1] not in owner.model_fields:
        return True
    return type(None) in typing.get_args(owner.model_fields[str(path[-1])].annotation)


def _bare(annotation: Any) -> Any:
    """Return an annotation without ``Annotated`` and ``| None``."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _bare(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return _bare(next(each for each in typing.get_args(annotation) if each is not type(None)))
    return annotation
