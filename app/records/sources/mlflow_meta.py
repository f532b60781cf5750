"""The ``meta.yaml`` of MLflow's file stores: one flat mapping, read without a YAML library.

MLflow writes it with PyYAML's safe dumper in block style: a line ``key: value`` each, values plain or quoted, long ones
folded over indented lines (https://yaml.org/spec/1.1/, chapters 9.1 and 9.2). That is all that is read here: several
times faster than a YAML parser, and no nesting, alias or tag of a hostile file is ever followed.
"""

from __future__ import annotations

import re

_ENTRY = re.compile(r"^(\w+):(?!\S)(.*(?:\n(?!\w).*)*)", re.MULTILINE)
_ESCAPED_BREAK = re.compile(r"(?<!\\)((?:\\\\)*)\\\n[ \t]*")
_FOLD = re.compile(r"[ \t]*\n((?:[ \t]*\n)*)[ \t]*")
_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U(000[0-9A-Fa-f]{5}|0010[0-9A-Fa-f]{4})|(.))", re.DOTALL
)
_ESCAPED = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
_NULLS = frozenset(["", "~", "null", "Null", "NULL"])


def parse_meta(text: str) -> dict[str, str]:
    """Return the scalars of a mapping as text, numbers too; what is null, nested or cut short is left out."""
    values: dict[str, str] = {}
    for key, raw in _ENTRY.findall(text.replace("\r\n", "\n")):
        value = raw.strip(" \t\r\n")
        if value in _NULLS:
            continue
        quote = value[0]
        if quote in "'\"":
            if len(value) < 2 or value[-1] != quote:
                continue
            value = value[1:-1]
            if quote == '"':
                value = _ESCAPE.sub(_unescape, _fold(_ESCAPED_BREAK.sub(r"\1", value)))
            else:
                value = _fold(value).replace("''", "'")
        elif quote in "[{|>&*!#" or value.startswith("- "):
            continue
        else:
            value = _fold(value.partition(" #")[0].rstrip(" "))
        values[key] = value
    return values


def _fold(value: str) -> str:
    """Join the lines of a scalar: a lone break is a space, further ones stand for themselves."""
    return _FOLD.sub(lambda match: "\n" * match[1].count("\n") or " ", value) if "\n" in value else value


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    return chr(int(code, 16)) if code else _ESCAPED.get(match[4], match[4])
