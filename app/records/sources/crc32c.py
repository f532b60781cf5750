"""CRC-32C of a great many short stretches of bytes at once, masked as TFRecord files keep it.

The checksum is RFC 3720's (B.4, Castagnoli), the mask is that of LevelDB's log format. A CRC without its fixed start
and end is linear over GF(2): that of a row is the exclusive or of what each of its bytes gives alone, so a column of
many rows costs one look into a table of 256 entries, and a column of equal bytes costs nothing.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Checksums = npt.NDArray[np.uint32]

#: Bytes that :func:`span_checksums` may look at before a span.
MARGIN = 64
#: Longer rows are better checked as spans.
LONGEST_ROW = 512

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_ROW = MARGIN
_ROWS_AT_ONCE = 1 << 14


@cache
def _tables() -> Checksums:
    """Return what each byte leaves in a register of zeros when k zero bytes follow it: a table of 256 for each k."""
    table: Checksums = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> np.uint32(1)) ^ ((table & np.uint32(1)) * np.uint32(_POLYNOMIAL))
    tables = np.empty((LONGEST_ROW, 256), np.uint32)
    tables[0] = table
    for k in range(1, LONGEST_ROW):
        tables[k] = (tables[k - 1] >> 8) ^ table[tables[k - 1] & 0xFF]
    return tables


@cache
def _skip(doublings: int) -> Checksums:
    """Return four tables, one for each byte of a register, of what ``_ROW * 2**doublings`` zero bytes make of it."""
    if not doublings:
        return _tables()[_ROW - 1 : _ROW - 5 : -1]
    half = _skip(doublings - 1)
    return _apply(half, half.ravel()).reshape(4, 256)


def _apply(skip: Checksums, registers: Checksums) -> Checksums:
    low_first = registers.astype("<u4").view(np.uint8).reshape(-1, 4)
    result: Checksums = skip[0][low_first[:, 0]]
    for byte in range(1, 4):
        result ^= skip[byte][low_first[:, byte]]
    return result


def masked(checksums: Checksums) -> Checksums:
    """Return checksums as a file keeps them, so that a checksum of data with checksums in it is a good one too."""
    return ((checksums >> np.uint32(15)) | (checksums << np.uint32(17))) + np.uint32(_MASK_DELTA)


def checksum(data: bytes) -> int:
    """Return the masked checksum of a few bytes."""
    table = _tables()[0].tolist()
    register = 0xFFFFFFFF
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return int(masked(np.array([register ^ 0xFFFFFFFF], np.uint32))[0])


def row_checksums(rows: Bytes, varying: npt.NDArray[np.bool_]) -> Checksums:
    """Return the masked checksum of each row.

    Args:
        rows: (n, width), width from 4 to ``LONGEST_ROW``, n at least 1.
        varying: (width,) whether a column has more than one value.
    """
    width = rows.shape[1]
    start = np.bitwise_xor.reduce(_tables()[width - 4 : width, 0xFF])  # a register of ones: four bytes flipped
    return masked(_remainders(rows, varying) ^ ~start)


def _remainders(rows: Bytes, varying: npt.NDArray[np.bool_]) -> Checksums:
    tables = _tables()[rows.shape[1] - 1 :: -1]  # one for each column
    result = np.empty(len(rows), np.uint32)
    same = np.flatnonzero(~varying)
    result[:] = np.bitwise_xor.reduce(tables[same, rows[0, same]]) if len(same) else 0
    found = np.empty(len(rows), np.uint32)
    for column in np.flatnonzero(varying).tolist():
        np.take(tables[column], rows[:, column], out=found, mode="wrap")  # "raise" would buffer what it puts out
        result ^= found
    return result


def span_checksums(buffer: Bytes, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Checksums:
    """Return the masked checksum of each stretch of a buffer; they do not overlap.

    The buffer is written to meanwhile, and as it was afterwards.

    Args:
        buffer: its first ``MARGIN`` bytes belong to no stretch.
        starts: where each begins.
        lengths: how many bytes each has.
    """
    result = np.empty(len(starts), np.uint32)
    short = lengths < 4
    for index in np.flatnonzero(short).tolist():
        start = int(starts[index])
        result[index] = checksum(buffer[start : start + int(lengths[index])].tobytes())
    if short.all():
        return result
    starts, lengths = starts[~short], lengths[~short]
    flipped = (starts[:, None] + np.arange(4)).ravel()
    buffer[flipped] ^= 0xFF
    try:
        result[~short] = masked(~_span_remainders(buffer, starts, lengths))
    finally:
        buffer[flipped] ^= 0xFF
    return result


def _span_remainders(buffer: Bytes, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Checksums:
    """Cut the stretches into rows that end where they end; the first is filled up with zeros, which change nothing."""
    counts = -(-lengths // _ROW)
    ends = np.cumsum(counts)
    firsts = ends - counts
    following = np.repeat(ends, counts) - np.arange(1, int(ends[-1]) + 1)
    positions = np.repeat(starts + lengths, counts) - _ROW * (following + 1)
    filling = counts * _ROW - lengths
    remainders = np.empty(len(positions), np.uint32)
    all_vary = np.ones(_ROW, np.bool_)
    for low in range(0, len(positions), _ROWS_AT_ONCE):
        rows = gather(buffer, positions[low : low + _ROWS_AT_ONCE], _ROW)
        here = slice(*np.searchsorted(firsts, (low, low + len(rows))).tolist())
        rows[firsts[here] - low] *= np.arange(_ROW) >= filling[here, None]
        remainders[low : low + len(rows)] = _remainders(rows, all_vary)
    for doublings in range(int(following.max()).bit_length()):
        chosen = np.flatnonzero(following >> doublings & 1)
        remainders[chosen] = _apply(_skip(doublings), remainders[chosen])
    return np.bitwise_xor.reduceat(remainders, firsts)


def gather(buffer: Bytes, starts: npt.NDArray[np.int64], width: int) -> Bytes:
    """Return a copy of the bytes from each start on as rows: (n, width).

    Raises:
        IndexError: a row does not lie in the buffer.
    """
    # One item of ``width`` bytes at every byte: NumPy then copies a row as quickly as a number.
    items = np.ndarray((max(0, len(buffer) - width + 1),), f"V{width}", buffer, strides=(1,))
    return items[starts].view(np.uint8).reshape(-1, width)
