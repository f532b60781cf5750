"""Settings of a run that lie beside its curves: what TensorBoard's hparams plugin keeps, and Lightning's hparams.yaml.

Formats: tensorboard/plugins/hparams/plugin_data.proto, google/protobuf/struct.proto, YAML 1.1.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.records.files import MissingFileError, RecordError
from app.records.sources.base import Param
from app.records.sources.wire import Span, fields
from app.records.sources.yaml_file import read_yaml

_MOST_ITEMS = 10_000
_LONGEST_TEXT = 500
_DOUBLE = struct.Struct("<d")
#: By the number of Status in tensorboard/plugins/hparams/api.proto.
_STATES = {1: "finished", 2: "failed"}


@dataclass(slots=True)
class Session:
    """What the hparams plugin keeps of a run.

    Attributes:
        params: its settings.
        state: finished or failed, "" where its end is not told.
        started, ended: seconds since the epoch, None where they are not told.
    """

    params: dict[str, Param] = field(default_factory=dict)
    state: str = ""
    started: float | None = None
    ended: float | None = None

    def take(self, data: bytes) -> None:
        """Take over what an HParamsPluginData says.

        Raises:
            ValueError: it is none.
        """
        for key, _, start, end in fields(data, 0, len(data)):
            if key == 26:
                self._take_start(data, start, end)
            elif key == 34:
                for part, number, at, _ in fields(data, start, end):
                    if part == 8:
                        self.state = _STATES.get(number, "")
                    elif part == 17:
                        self.ended = _moment(data, at)

    def _take_start(self, data: bytes, start: int, end: int) -> None:
        for key, _, at, stop in fields(data, start, end):
            if key == 10:
                name, value = "", None
                for part, _, part_at, part_stop in fields(data, at, stop):
                    if part == 10:
                        name = data[part_at:part_stop].decode("utf-8", "replace")
                    elif part == 18:
                        value = _value(data, (part_at, part_stop))
                self.params[name] = value
            elif key == 41:
                self.started = _moment(data, at)


def _moment(data: bytes, at: int) -> float | None:
    seconds = float(_DOUBLE.unpack_from(data, at)[0])
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _value(data: bytes, place: Span) -> Param:
    """Return a google.protobuf.Value; the plugin knows numbers, text and truth values only."""
    found: Param = None
    for key, number, at, stop in fields(data, *place):
        if key == 17:
            found = _DOUBLE.unpack_from(data, at)[0]
        elif key == 26:
            found = data[at:stop].decode("utf-8", "replace")
        elif key == 32:
            found = bool(number)
    return found


def read_hparams_file(path: Path) -> dict[str, Param]:
    """Return the settings of an hparams.yaml, by their path with dots; nothing in it is run. {} where there is none.

    Raises:
        RecordError: it cannot be read.
    """
    try:
        value = read_yaml(path)
    except MissingFileError:
        return {}
    params: dict[str, Param] = {}
    pending: list[tuple[str, Any]] = [("", value)]
    for _ in range(_MOST_ITEMS):  # a few aliases can stand for more items than there is memory
        if not pending:
            return params
        name, item = pending.pop()
        if isinstance(item, dict):
            pending += [(f"{name}.{key}" if name else str(key), each) for key, each in reversed(item.items())]
        elif name:
            params[name] = _param(item)
    raise RecordError(f"{path}: more than {_MOST_ITEMS} settings")


def _param(value: Any) -> Param:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > _LONGEST_TEXT:
            return text[:_LONGEST_TEXT] + "..."
    return text


def _pieces(value: Any) -> Iterator[str]:
    """Yield the text of a value piece by piece: written out, aliases can make it longer than there is memory."""
    if isinstance(value, dict):
        yield "{"
        for number, (key, item) in enumerate(value.items()):
            yield f"{', ' if number else ''}{key}: "
            yield from _pieces(item)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from _pieces(item)
        yield "]"
    else:
        yield str(value)
