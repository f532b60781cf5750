"""The wire format of protocol buffers: https://protobuf.dev/programming-guides/encoding/."""

from __future__ import annotations

from collections.abc import Iterator

#: Where something stands: (from, to).
Span = tuple[int, int]
#: (key, number of a varint else -1, where its content begins, where that ends); a key is the number of the field times
#: eight, plus its wire type.
Field = tuple[int, int, int, int]

VARINT = 0
_FIXED64, _BYTES, _FIXED32 = 1, 2, 5


def fields(data: bytes, at: int, end: int) -> Iterator[Field]:
    """Yield the fields of a message that stands in these bytes; a message of repeated and unknown fields is no other.

    Raises:
        ValueError: it is no message.
    """
    while at < end:
        key, at = varint(data, at, end)
        wire = key & 7
        number = -1
        start = at
        if wire == VARINT:
            number, at = varint(data, at, end)
        elif wire == _FIXED64:
            at += 8
        elif wire == _FIXED32:
            at += 4
        elif wire == _BYTES:
            size, start = varint(data, at, end)
            at = start + size
        else:
            raise ValueError(f"a field of wire type {wire}")
        if at > end or key < 8:
            raise ValueError("a field that does not end")
        yield key, number, start, at


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return an unsigned number of up to 64 bits, and where it ends.

    Raises:
        ValueError: it does not end.
    """
    result = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise ValueError("a number that does not end")


def signed(number: int) -> int:
    """Return what an int64 was before it was written as an unsigned number."""
    return number - (1 << 64) if number >> 63 else number
