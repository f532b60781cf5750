"""Tensors and histograms as event files keep them.

Formats: tensorflow/core/framework/{tensor,tensor_shape,types,summary}.proto, tensorflow/core/framework/histogram.proto.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from app.records.sources.wire import VARINT, Field, Span, fields, signed, varint

STRING = 7
#: NumPy's dtype of each number of TensorFlow's DataType; bfloat16 (14) has none, its 16 bits are the upper of a float.
DTYPES = {
    **{1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?"},
    **{14: "<u2", 17: "<u2", 19: "<f2", 22: "<u4", 23: "<u8"},
}
_BFLOAT16 = 14
#: The fields of a TensorProto whose numbers stand as they are in memory, and those whose numbers are varints.
_FIXED = {5: "<f4", 6: "<f8"}
_VARINTS = frozenset({7, 10, 11, 13, 16, 17})
_MOST_ELEMENTS = 1 << 24


@dataclass(slots=True)
class Tensor:
    """A TensorProto, not decoded.

    Attributes:
        dtype: the number of its type.
        shape: its shape.
        content: where its elements stand as they are in memory; None where they stand in ``values``.
        values: the fields with its numbers.
        strings: where its strings stand.
    """

    dtype: int = 0
    shape: tuple[int, ...] = ()
    content: Span | None = None
    values: list[Field] = field(default_factory=list)
    strings: list[Span] = field(default_factory=list)

    def place(self) -> Span | None:
        """Return where its first and only number stands as it is in memory, None where it does not."""
        if self.content is not None:
            return self.content
        if len(self.values) == 1 and _FIXED.get(self.values[0][0] >> 3) == DTYPES.get(self.dtype):
            return self.values[0][2:]
        return None


def read_tensor(data: bytes, start: int, end: int) -> Tensor:
    """Return a TensorProto.

    Raises:
        ValueError: it is none.
    """
    tensor = Tensor()
    for key, number, at, stop in fields(data, start, end):
        if key == 8:
            tensor.dtype = number
        elif key == 18:
            tensor.shape = tuple(
                next((signed(size) for part, size, _, _ in fields(data, dim_at, dim_stop) if part == 8), 0)
                for dim, _, dim_at, dim_stop in fields(data, at, stop)
                if dim == 18
            )
        elif key == 34 and stop > at:
            tensor.content = (at, stop)
        elif key == 66:
            tensor.strings.append((at, stop))
        elif stop > at and (key >> 3 in _FIXED or key >> 3 in _VARINTS):
            tensor.values.append((key, number, at, stop))
    return tensor


def first_number(data: bytes, tensor: Tensor) -> float:
    """Return the first element of a tensor of numbers, 0 where it has none: zeros may be left out.

    Raises:
        ValueError: it is cut.
    """
    if tensor.content is not None:
        raw = data[slice(*tensor.content)]
    elif not tensor.values:
        return 0.0
    else:
        key, number, start, end = tensor.values[0]
        if key >> 3 in _FIXED:
            return float(np.frombuffer(data[start:end], _FIXED[key >> 3], 1)[0])
        raw = (number if key & 7 == VARINT else varint(data, start, end)[0]).to_bytes(8, "little")
    dtype = DTYPES[tensor.dtype]
    return float(_numbers(raw[: np.dtype(dtype).itemsize], dtype, tensor.dtype)[0])


def read_table(data: bytes) -> npt.NDArray[np.float64]:
    """Return the numbers of a histogram or a table, from the bytes of the summary's value that holds it.

    A histogram is (n, 3): the left and the right edge and the count of each bucket. A table has the shape it was logged
    with.

    Raises:
        ValueError: the bytes are damaged, or there are more than 16,777,216 numbers.
    """
    for key, _, start, end in fields(data, 0, len(data)):
        if key == 42:
            return _histogram(data, start, end)
        if key == 66:
            return _array(data, read_tensor(data, start, end))
    raise ValueError("neither a histogram nor a tensor")


def _array(data: bytes, tensor: Tensor) -> npt.NDArray[np.float64]:
    if tensor.dtype not in DTYPES:
        raise ValueError(f"a tensor of type {tensor.dtype}")
    dtype = DTYPES[tensor.dtype]
    if tensor.content is not None:
        found = _numbers(data[slice(*tensor.content)], dtype, tensor.dtype)
    else:
        parts = [_packed(data, each) for each in tensor.values]
        raw = np.concatenate(parts) if parts else np.zeros(1)
        if raw.dtype.kind == "u":
            size = np.dtype(dtype).itemsize
            raw = _numbers(raw.view("u1").reshape(-1, 8)[:, :size].tobytes(), dtype, tensor.dtype)
        found = raw
    count = math.prod(tensor.shape)
    if not 0 <= count <= _MOST_ELEMENTS:
        raise ValueError(f"a tensor of {count} numbers")
    if len(found) == 1:  # it stands for all
        found = np.full(count, found[0])
    return found.astype(np.float64).reshape(tensor.shape)


def _numbers(raw: bytes, dtype: str, number: int) -> npt.NDArray[Any]:
    found = np.frombuffer(raw, dtype)
    return (found.astype("<u4") << 16).view("<f4") if number == _BFLOAT16 else found


def _packed(data: bytes, place: Field) -> npt.NDArray[Any]:
    """Return the numbers of a field: those of varints as 64 bits without a sign."""
    key, number, at, end = place
    if key >> 3 in _FIXED:
        return np.frombuffer(data[at:end], _FIXED[key >> 3])
    if key & 7 == VARINT:
        return np.array([number], "<u8")
    numbers = []
    while at < end:
        number, at = varint(data, at, end)
        numbers.append(number)
    return np.array(numbers, "<u8")


def _histogram(data: bytes, start: int, end: int) -> npt.NDArray[np.float64]:
    """Return a HistogramProto; the outer edges are those of the values, not of the buckets."""
    lowest = highest = 0.0
    parts: dict[int, list[npt.NDArray[Any]]] = {6: [], 7: []}
    for key, _, at, stop in fields(data, start, end):
        if key == 9:
            lowest = struct.unpack_from("<d", data, at)[0]
        elif key == 17:
            highest = struct.unpack_from("<d", data, at)[0]
        elif key >> 3 in parts and key & 7 != VARINT:
            parts[key >> 3].append(np.frombuffer(data[at:stop], "<f8"))
    limits, counts = (np.concatenate([np.zeros(0), *found]) for found in parts.values())
    if len(limits) != len(counts):
        raise ValueError("a histogram with more limits than counts, or fewer")
    if not len(limits):
        return np.zeros((0, 3))
    return np.stack([[lowest, *limits[:-1]], [*limits[:-1], highest], counts], axis=1)
