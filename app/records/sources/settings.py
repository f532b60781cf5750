"""What the config of an execution sets, read once for the many runs that have the same one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.config.params import params
from app.records.sources.base import Param
from app.records.sources.json_text import parse_json


@dataclass(frozen=True, slots=True)
class Settings:
    """Params and tags by their name; several runs may share them, so nobody changes them."""

    params: Mapping[str, Param] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@functools.lru_cache(maxsize=256)
def settings_of(config: bytes) -> Settings:
    """Return what a config sets, one with every default or one as it was submitted.

    Args:
        config: the content of its file.

    Raises:
        ValueError: it is no JSON object, or nested too deeply.
    """
    value = parse_json(config)
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object")
    try:
        return Settings(params(value), _tags(value))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _tags(config: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a config: those of its experiment, then those of its tracking."""
    found: dict[str, str] = {}
    for part in ("experiment", "tracking"):
        match config.get(part):
            case {"tags": dict() as tags}:
                found |= {name: "" if text is None else str(text) for name, text in tags.items()}
            case {"tags": [*names]}:
                found |= {name: "" for name in names if isinstance(name, str)}
    return found
