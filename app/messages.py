"""What Trackside's processes tell each other: facts one way, commands the other.

A message is a small frozen dataclass. On the wire it is one JSON object with the message's ``kind`` and its fields.
Nothing is pickled, so a peer can at worst send a frame that does not decode. This module imports nothing but the
standard library: the smallest process of all can afford it.

The points of metrics do not travel here. They are in the folder a quarter of a second after they were logged, where
everyone who follows a run reads them; see docs/decisions.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import types
import typing
from typing import Any, ClassVar

#: One point of a series: step (int64), time (UTC seconds since the epoch, float64), value (float64), little endian.
#: The layout of a row of ``series/<metric>.npy``.
POINT = struct.Struct("<qdd")

#: Metrics that belong to one batch are logged under this prefix; no metric of a user can have it.
BATCH_PREFIX = ".batch/"


class MessageError(ValueError):
    """A frame that is no message of ours; the text says what was wrong with it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ready:
    """Worker: the backend is imported and no op has run; a job can come."""

    kind: ClassVar[str] = "ready"
    pid: int
    create_time: float
    versions: dict[str, str]
    gpus: list[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """Keeper: train what lies in this execution folder.

    ``respawn`` is the command line that starts another keeper for the folder, should this one die, and ``settle`` the
    one that closes what a keeper would have closed. They are opaque to the worker, which does not know what a keeper is
    made of.
    """

    kind: ClassVar[str] = "job"
    folder: str
    workspace: str
    cwd: str
    command: list[str]
    respawn: list[str]
    settle: list[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    """Keeper: stop at the next batch, or between stages. ``by`` says who asked."""

    kind: ClassVar[str] = "stop"
    command: str
    by: str


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """Keeper: a fact that the recorder shall write, because the folder has one writer while the worker lives."""

    kind: ClassVar[str] = "note"
    event: dict[str, Any]
    level: str
    component: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """Worker: the wish to stop has come; it is granted at the next batch or stage, however long that takes."""

    kind: ClassVar[str] = "heard"
    command: str


@dataclasses.dataclass(frozen=True, slots=True)
class Began:
    """Worker: the job was taken and its record is open."""

    kind: ClassVar[str] = "began"


@dataclasses.dataclass(frozen=True, slots=True)
class Fact:
    """Worker: an event as it stands in events.jsonl (``time``, ``kind`` and what belongs to that kind)."""

    kind: ClassVar[str] = "fact"
    event: dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """Worker: the run is over and its record is complete. ``state`` is finished, stopped or failed."""

    kind: ClassVar[str] = "ended"
    time: float
    state: str
    reason: str | None
    message: str | None


Message = Ready | Job | Stop | Note | Heard | Began | Fact | Ended

_CLASSES: dict[str, type[Any]] = {cls.kind: cls for cls in typing.get_args(Message)}
_HINTS = {kind: typing.get_type_hints(cls) for kind, cls in _CLASSES.items()}


def encode(message: Message) -> bytes:
    """Return the frame of a message."""
    fields = {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}
    return json.dumps({"kind": message.kind, **fields}, separators=(",", ":"), default=str).encode()


def decode(frame: bytes) -> Message:
    """Return the message of a frame.

    Raises:
        MessageError: the frame is not ours, or has other fields than its kind has.
    """
    try:
        fields = json.loads(frame)
        kind = fields.pop("kind")
        message: Message = _CLASSES[kind](**fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MessageError(f"not a message: {frame[:80]!r}") from error
    for name, value in fields.items():
        if not _fits(value, _HINTS[kind][name]):
            raise MessageError(f"not a message: {name} of {kind!r} is {str(value)[:80]!r}")
    return message


def _fits(value: Any, hint: Any) -> bool:
    """Whether a JSON value is of the type that a field names."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return any(_fits(value, part) for part in parts)
    if origin is list:
        return isinstance(value, list) and all(_fits(item, parts[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, parts[1]) for item in value.values())
    if hint is Any:
        return True
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)
