"""annotations.json: what people add to a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.records.files import RecordError, read_json


@dataclass(frozen=True, slots=True)
class Annotations:
    """What people added to a run; "" and False stand for nothing.

    Attributes:
        name: the name to show instead of the run's own.
        group: what it is grouped under.
        notes: free text.
        colour: the colour that a person picked, ``#rrggbb``.
        star, archived: marks.
        tags: tags by name; they win over the run's own.
    """

    name: str = ""
    group: str = ""
    notes: str = ""
    colour: str = ""
    star: bool = False
    archived: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


def read_annotations(path: Path | str) -> Annotations:
    """Return what an annotations.json holds; what is not of its form is passed over.

    Raises:
        MissingFileError: the file is not there.
        RecordError: it cannot be read or is no JSON object.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise RecordError(f"{path}: expected an object")
    return annotations_of(value)


def annotations_of(value: Mapping[str, Any]) -> Annotations:
    """Return annotations from their JSON object: each key with ``{"value", "time"}``, or with the value alone."""

    def text(key: str) -> str:
        found = _value(value.get(key))
        return found if isinstance(found, str) else ""

    tags = value.get("tags")
    named = {name: _value(item) for name, item in tags.items()} if isinstance(tags, dict) else {}
    return Annotations(
        name=text("name"),
        group=text("group"),
        notes=text("notes"),
        colour=text("colour"),
        star=_value(value.get("star")) is True,
        archived=_value(value.get("archived")) is True,
        tags={name: item for name, item in named.items() if isinstance(item, str)},
    )


def _value(item: Any) -> Any:
    return item.get("value") if isinstance(item, dict) else item
