"""Values of a config as they are typed in a field: JSON, a text without quotes, or a list without brackets."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from app.config.types import fits


class Absent:
    """The type of ``ABSENT``."""

    def __repr__(self) -> str:
        return "ABSENT"


#: What stands where a document has no such key.
ABSENT: Final = Absent()

_LOOSE_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def parse(text: str, type_: str) -> Any:
    """Return what a text means where a value of a type (see :mod:`app.config.types`) is wanted; "" is ``ABSENT``.

    A text that can mean nothing of the type is returned as JSON, or else as it stands: the check will name it.
    """
    text = text.strip()
    if not text:
        return ABSENT
    meanings = [*_json(text), text, *_json(f"[{text}]"), [word.strip() for word in text.split(",") if word.strip()]]
    return next((meaning for meaning in meanings if fits(type_, meaning)), meanings[0])


def show(value: Any, type_: str) -> str:
    """Return a value as the text that :func:`parse` makes it of."""
    if value is ABSENT:
        return ""
    loose = value if isinstance(value, str) else ", ".join(value) if _is_texts(value) else ""
    if loose.isprintable() and same(parse(loose, type_), value):
        return loose
    return json.dumps(value, ensure_ascii=False)


def same(one: Any, other: Any) -> bool:
    """Return whether two values are written alike: 1, 1.0 and true are three, objects differ by the order of keys."""
    if one is ABSENT or other is ABSENT:
        return one is other
    return json.dumps(one) == json.dumps(other)


def _json(text: str) -> list[Any]:
    try:
        return [json.loads(text, parse_constant=_refuse)]
    except (ValueError, RecursionError):
        return [float(text)] if _LOOSE_NUMBER.fullmatch(text) else []


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")
