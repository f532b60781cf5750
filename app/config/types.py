"""The types of component parameters, as the catalog writes them.

A type is one or more terms joined by ``|``: ``bool``, ``int``, ``float`` (an int will do), ``str``, ``dict``, ``null``,
``any``, ``path`` (of a file or folder, relative to the config), ``shape`` (a list of ints and nulls), or a kind of
component such as ``initializer`` (its id, or an object with its ``type`` and parameters). A term followed by ``[]`` is
a list of such values, by ``[2]`` a list of two.
"""

from __future__ import annotations

import math
from typing import Any

#: Kinds of components that can be the value of another component's parameter.
KINDS = ("activation", "initializer", "regularizer", "constraint", "layer", "optimizer", "schedule")

_NAMES = {
    "bool": ("true or false", "true or false values"),
    "int": ("a whole number", "whole numbers"),
    "float": ("a number", "numbers"),
    "str": ("a text", "texts"),
    "path": ("a path", "paths"),
    "dict": ("an object", "objects"),
    "null": ("null", "nulls"),
    "any": ("any value", "values"),
    "shape": ("a list of whole numbers", "lists of whole numbers"),
}


def fits(type_: str, value: Any) -> bool:
    """Return whether a value from a JSON document is of a type. A component is only checked to look like one."""
    return any(_fits(term, value) for term in type_.split("|"))


def split_list(term: str) -> tuple[str, int | None] | None:
    """Return a list term's item term and its length (None: any); None if the term is no list."""
    if not term.endswith("]"):
        return None
    item, _, length = term[:-1].rpartition("[")
    return item, int(length) if length else None


def _fits(term: str, value: Any) -> bool:
    if items := split_list(term):
        item, length = items
        return isinstance(value, list) and length in (None, len(value)) and all(_fits(item, each) for each in value)
    if term == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if term == "float":
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if term == "shape":
        return isinstance(value, list) and all(each is None or _fits("int", each) for each in value)
    if term in KINDS:
        return isinstance(value, str | dict)
    python = {"bool": bool, "str": str, "path": str, "dict": dict, "null": type(None), "any": object}
    return isinstance(value, python[term])


def describe(type_: str) -> str:
    """Return a type in words: "a whole number, a list of 2 whole numbers or null"."""
    words = [_words(term, 0) for term in type_.split("|")]
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _words(term: str, plural: int) -> str:
    if items := split_list(term):
        item, length = items
        counted = f"{length} " if length else ""
        return f"{'lists' if plural else 'a list'} of {counted}{_words(item, 1)}"
    article = "an" if term[0] in "aeiou" else "a"
    return _NAMES[term][plural] if term in _NAMES else f"{term}s" if plural else f"{article} {term}"
