"""A config as text: written in few lines, and changed in place so that comments and line breaks elsewhere stay."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Path = tuple[str | int, ...]

INDENT = 2
_WIDTH = 80
_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_WORD = re.compile(r"[^\s,\]}/]+")


def render(value: Any, margin: int = 0, before: int = 0) -> str:
    """Return a value as JSON; what fits stands on one line, a section of the document always on lines of its own.

    Args:
        value: what to write.
        margin: columns that the line it begins on is indented by.
        before: columns that are taken on that line.
    """
    short = _dumps(value)
    is_document = not margin and isinstance(value, Mapping)
    if not isinstance(value, Mapping | list) or not value or (not is_document and before + len(short) < _WIDTH):
        return short
    inner = margin + INDENT
    if isinstance(value, Mapping):
        heads = [f"{_dumps(str(key))}: " for key in value]
        items = [
            head + render(item, inner, inner + len(head)) for head, item in zip(heads, value.values(), strict=True)
        ]
        opening, closing = "{", "}"
    else:
        items = [render(item, inner, inner) for item in value]
        opening, closing = "[", "]"
    lines = ",\n".join(" " * inner + item for item in items)
    return f"{opening}\n{lines}\n{' ' * margin}{closing}"


def spans(text: str) -> dict[Path, tuple[int, int]]:
    """Return where the value of every path stands in a text that is JSON with comments."""
    found: dict[Path, tuple[int, int]] = {}
    _scan(text, _skip(text, 0), (), found)
    return found


def replace(text: str, path: Path, value: Any) -> str:
    """Return a text whose value at a path is another; the path must be there."""
    start, end = spans(text)[path]
    line = text[text.rfind("\n", 0, start) + 1 : start]
    margin = len(line) - len(line.lstrip(" "))
    return text[:start] + render(value, margin, len(line)) + text[end:]


def _scan(text: str, at: int, path: Path, found: dict[Path, tuple[int, int]]) -> int:
    """Note the value that begins at a position, and return where it ends."""
    start = at
    if text[at] in "{[":
        closing = "}" if text[at] == "{" else "]"
        index = 0
        at = _skip(text, at + 1)
        while text[at] != closing:
            key: str | int = index
            if closing == "}":
                match = _TEXT.match(text, at)
                assert match is not None
                key = json.loads(match[0])
                at = _skip(text, _skip(text, match.end()) + 1)
            at = _skip(text, _scan(text, at, (*path, key), found))
            if text[at] == ",":
                at = _skip(text, at + 1)
            index += 1
        at += 1
    else:
        match = _TEXT.match(text, at) or _WORD.match(text, at)
        assert match is not None
        at = match.end()
    found[path] = (start, at)
    return at


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    assert match is not None
    return match.end()


def _dumps(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # Half a surrogate pair is no UTF-8: it stays escaped.
    return text if text.isascii() or text.encode("utf-8", "replace").decode() == text else json.dumps(value)
