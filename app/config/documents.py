"""Reading a config file into a plain document: the JSON as it stands, nothing filled in."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from app.config.problems import ConfigError, Problem

Document = dict[str, Any]

_TEXT_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def read_document(path: str | Path) -> Document:
    """Return the object in a JSON file, which may have ``//`` and ``/* */`` comments outside its texts.

    Raises:
        ConfigError: it is not there, is no UTF-8, no JSON (with line and column), no object, or has a key twice or a
            number that JSON does not have.
    """
    return parse_document(read_bytes(path), str(path))


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a config file.

    Raises:
        ConfigError: it is not there or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ConfigError([Problem("", "there is no such file")], str(path)) from None
    except OSError as error:
        raise ConfigError([Problem("", f"it cannot be read: {error.strerror}")], str(path)) from None


def parse_document(content: bytes, source: str = "") -> Document:
    """Return the object in the content of a JSON file; as :func:`read_document`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError([Problem("", f"byte {error.start} is not UTF-8", "text saved as UTF-8")], source) from None
    repeated: list[tuple[dict[str, Any], str]] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        seen: set[str] = set()
        for key, _ in items:
            if key in seen:
                repeated.append((found, key))
            seen.add(key)
        return found

    bare = _TEXT_OR_COMMENT.sub(_blank, text)
    try:
        document = json.loads(bare, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise ConfigError([_syntax(bare, error)], source) from None
    except RecursionError:
        raise ConfigError([Problem("", "it is nested too deeply")], source) from None
    except ValueError as error:
        raise ConfigError([Problem("", f"it is not JSON: {error}")], source) from None
    if not isinstance(document, dict):
        raise ConfigError([Problem("", f"it holds {name_of(document)}", "an object: { ... }")], source)
    problems = []
    for path, value in walk(document):
        problems += [Problem(join(path, key), "the key is there twice", "once") for at, key in repeated if at is value]
        if isinstance(value, float) and not math.isfinite(value):
            problems.append(Problem(join(path), "JSON has no NaN and no Infinity", "a finite number"))
    if problems:
        raise ConfigError(problems, source)
    return document


def has_comments(content: bytes) -> bool:
    """Return whether the content of a JSON file has comments, which a document does not keep."""
    text = content.decode("utf-8-sig", "replace")
    return any(not found[0].startswith('"') for found in _TEXT_OR_COMMENT.finditer(text))


def walk(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every value in a document with its path, in the order of the document, the document itself first."""
    yield path, value
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from walk(item, (*path, key))


def join(path: Iterable[str | int], *keys: str | int) -> str:
    """Return a path as it is written: ``model.network.1.units``."""
    return ".".join(str(key) for key in (*path, *keys))


def absolute(path: str, folder: Path) -> str:
    """Return a path of a config as one that does not depend on where the config lies: ``folder`` is where it does."""
    return os.path.normpath(folder / os.path.expanduser(path))


def name_of(value: Any) -> str:
    """Return what a value is, in words: "a list"."""
    if value is None:
        return "null"
    names = {bool: "true or false", str: "a text", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object")


def show(value: Any) -> str:
    """Return a value as a message shows it: as JSON, unless that is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else name_of(value)


def _blank(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)


def _syntax(text: str, error: json.JSONDecodeError) -> Problem:
    """Return a decoder's complaint in words, with what people do who write Python or JavaScript."""
    rest = text[error.pos :]
    before = text[: error.pos].rstrip()
    if not text.strip():
        return Problem("", "the file is empty", "an object: { ... }")
    if rest.startswith("'"):
        hint = "texts take double quotes"
    elif match := re.match(r"True|False|None", rest):
        hint = {"True": "true", "False": "false", "None": "null"}[match[0]]
    elif rest.startswith("#"):
        hint = "comments start with //"
    elif rest.startswith("/*"):
        hint = "a comment that starts with /* ends with */"
    elif before.endswith(",") and rest[:1] in ("}", "]"):
        hint = "no comma after the last item"
    elif rest.startswith(","):
        hint = "a value before the comma, and no comma after the last item"
    else:
        hint = ""
    message = error.msg[0].lower() + error.msg[1:]
    return Problem("", f"it is not JSON: line {error.lineno}, column {error.colno}: {message}", hint)
