"""What a record of an event file says, read from its bytes without protobuf.

Formats: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

from app.records.sources.event_tensors import DTYPES, STRING, Tensor, first_number, read_tensor
from app.records.sources.wire import Span, fields, signed

_DOUBLE = struct.Struct("<d")
_STRUCTS = {"<f4": struct.Struct("<f"), "<f8": _DOUBLE}
#: What a value is by its key, without a plugin.
_OLD_KINDS = {21: "scalar", 26: "", 34: "image", 42: "histogram", 50: "audio"}
#: What a tensor of strings is by its plugin.
_STRINGS = {b"images": "image", b"audio": "audio", b"text": "text", b"": "text"}
#: Plugins whose tensors say how TensorBoard is to show something.
_FOR_PROGRAMS = frozenset({b"custom_scalars", b"graph_run_metadata", b"graph_run_metadata_graph", b"graph_keras_model"})


@dataclass(slots=True)
class Value:
    """One value of a summary, and where it stands in its record.

    Attributes:
        tag: the name as it was written.
        tag_at: where that begins.
        kind: scalar, image, histogram, text, audio, table, file, hparams, or "" for what is none of them.
        dtype: NumPy's dtype of a scalar that stands as it is at ``at``; "" where ``number`` is the scalar.
        contents: where what it holds stands. For a histogram and a table that is the whole value, which tells itself
            what form it has; for hparams what the plugin keeps; for a scalar nothing.
    """

    tag: bytes
    tag_at: int
    kind: str = ""
    dtype: str = ""
    at: int = 0
    number: float = 0.0
    contents: tuple[Span, ...] = ()


@dataclass(slots=True)
class Event:
    """One record.

    Attributes:
        time: seconds since the epoch.
        time_at: where that stands, -1 where it does not.
        step: the step.
        step_at, step_size: where that stands, as a varint; size 0 where it does not.
        values: those of its summary.
        plain: whether no field but these two and the summary is in it, each once.
    """

    time: float = 0.0
    time_at: int = -1
    step: int = 0
    step_at: int = -1
    step_size: int = 0
    values: list[Value] = field(default_factory=list)
    plain: bool = True


def parse_event(data: bytes, plugins: dict[bytes, bytes]) -> Event:
    """Return what a record says.

    Args:
        data: the record.
        plugins: whose values those of a tag are: many writers tell it only once. What this record tells is added.

    Raises:
        ValueError: it is no Event.
    """
    event = Event()
    seen = set()
    for key, number, start, end in fields(data, 0, len(data)):
        if key == 9:
            event.time, event.time_at = _DOUBLE.unpack_from(data, start)[0], start
        elif key == 16:
            event.step, event.step_at, event.step_size = signed(number), start, end - start
        elif key == 42:
            for value_key, _, value_start, value_end in fields(data, start, end):
                if value_key == 10:
                    event.values.append(_value(data, value_start, value_end, plugins))
        event.plain &= key in (9, 16, 42) and key not in seen
        seen.add(key)
    return event


def scalar(data: bytes, value: Value) -> float:
    """Return the number of a value that is a scalar."""
    return float(_STRUCTS[value.dtype].unpack_from(data, value.at)[0]) if value.dtype else value.number


def _value(data: bytes, start: int, end: int, plugins: dict[bytes, bytes]) -> Value:
    value = Value(b"", start)
    node_name = (b"", start)
    tensor: Span | None = None
    plugin: bytes | None = None
    kept = (end, end)
    for key, _, at, stop in fields(data, start, end):
        if key == 10:
            value.tag, value.tag_at = data[at:stop], at
        elif key == 58:
            node_name = (data[at:stop], at)
        elif key == 74:
            plugin, kept = _metadata(data, at, stop)
        elif key == 66:
            tensor = (at, stop)
        elif key in _OLD_KINDS:  # the last one of them counts
            tensor = None
            value.kind = _OLD_KINDS[key]
            if key == 21:
                value.dtype, value.at = "<f4", at
            else:
                value.contents = ((start, end),) if key == 42 else _last_bytes(data, at, stop, 34)
    if tensor is not None and not value.tag:
        value.tag, value.tag_at = node_name
    if plugin is not None:
        plugins.setdefault(value.tag, plugin)
    if plugins.get(value.tag) == b"hparams":
        value.kind, value.contents = "hparams", (kept,)
    elif tensor is not None:
        _take_tensor(value, data, read_tensor(data, *tensor), plugins.get(value.tag, b""), plugin)
        if value.kind in ("histogram", "table"):
            value.contents = ((start, end),)
    return value


def _last_bytes(data: bytes, start: int, end: int, wanted: int) -> tuple[Span, ...]:
    return tuple((at, stop) for key, _, at, stop in fields(data, start, end) if key == wanted)[-1:]


def _metadata(data: bytes, start: int, end: int) -> tuple[bytes, Span]:
    """Return the name of the plugin of a SummaryMetadata, and where what it keeps there stands."""
    plugin, content = b"", (end, end)
    for key, _, at, stop in fields(data, start, end):
        if key == 10:
            for part, _, part_at, part_stop in fields(data, at, stop):
                if part == 10:
                    plugin = data[part_at:part_stop]
                elif part == 18:
                    content = (part_at, part_stop)
    return plugin, content


def _take_tensor(value: Value, data: bytes, tensor: Tensor, plugin: bytes, own_plugin: bytes | None) -> None:
    """Tell what a tensor is by its type, its shape and the plugin that it was logged for."""
    if plugin in _FOR_PROGRAMS:
        return
    if tensor.dtype == STRING:
        value.kind, value.contents = _STRINGS.get(plugin, "file"), tuple(tensor.strings)
        if value.kind == "image":
            value.contents = value.contents[2:]  # after the width and the height
        elif value.kind == "audio" and len(tensor.shape) == 2:
            value.contents = value.contents[::2]  # each has a label
    elif tensor.dtype not in DTYPES:
        return
    elif not tensor.shape or (own_plugin == b"scalars" and math.prod(tensor.shape) == 1):
        value.kind = "scalar"
        dtype = DTYPES[tensor.dtype]
        place = tensor.place()
        if place is not None and dtype in _STRUCTS and place[1] - place[0] == _STRUCTS[dtype].size:
            value.dtype, value.at = dtype, place[0]
        else:
            value.number = first_number(data, tensor)
    else:
        value.kind = "histogram" if plugin == b"histograms" else "table"
