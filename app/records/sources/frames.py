"""Where the records of a TFRecord file lie, found for a whole block of it at once.

Format (tensorflow/core/lib/io/record_writer.h): a record is its length (8 bytes, little-endian), the masked CRC-32C of
that, the data, and the masked CRC-32C of the data. Each start depends on the length before it; but lengths are small,
so a record begins only where a row of zero bytes stands, and nearly always where the checksum of a length is right.
Those places are found all at once, and the chain of the records then only has to be compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.records.sources.crc32c import Bytes, checksum, gather, row_checksums

HEADER = 12
FOOTER = 4

Positions = npt.NDArray[np.int64]

#: How many of the 8 bytes of a length are zero in nearly every record of numbers, and in any below 16 MiB.
_SHORT, _MIDDLE = 7, 5
_HEADER_DTYPE = np.dtype([("length", "<u8"), ("checksum", "<u4")])


@dataclass(frozen=True, slots=True)
class Frames:
    """The whole records of a block.

    Attributes:
        starts, lengths: where the data of each lies in the block, and how long it is.
        lost: (from, to) of what is no record, between two that are.
        end: where the rest begins, that is no whole record.
        size: of the record that begins there, header and all; None where no header can be read.
    """

    starts: Positions
    lengths: Positions
    lost: list[tuple[int, int]]
    end: int
    size: int | None


def find_frames(block: Bytes, at: int, *, aligned: bool = True) -> Frames:
    """Find the records of a block.

    Args:
        block: bytes of a file; its end need not be that of a record.
        at: where the search begins.
        aligned: whether a record begins there.
    """
    zeros = _SHORT
    headers, ends, breaks = _headers(block, at, zeros)
    pieces: list[tuple[Positions, Positions]] = []
    lost: list[tuple[int, int]] = []
    lost_from = None if aligned else at
    size: int | None = None
    while len(block) - at >= HEADER:
        first = int(np.searchsorted(headers, at))
        found = first < len(headers) and headers[first] == at
        if not found and zeros == _SHORT:
            zeros = _MIDDLE
            headers, ends, breaks = _headers(block, at, zeros)
        elif found:
            if lost_from is not None:
                lost.append((lost_from, at))
                lost_from = None
            following = int(np.searchsorted(breaks, first))
            last = int(breaks[following]) if following < len(breaks) else len(headers) - 1
            whole = last + 1 if ends[last] <= len(block) else last
            pieces.append((headers[first:whole], ends[first:whole]))
            if whole == last:
                at, size = int(headers[last]), int(ends[last] - headers[last])
                break
            at, size = int(ends[last]), None
        elif lost_from is not None:
            if first == len(headers):
                break
            at = int(headers[first])
        else:
            size = _long_record(block, at)
            if size is None:
                lost_from = at
                at += 1
            elif at + size > len(block):
                break
            else:
                pieces.append((np.array([at]), np.array([at + size])))
                at, size = at + size, None
    starts, stops = (np.concatenate(parts) for parts in zip(*pieces, strict=True)) if pieces else (headers[:0],) * 2
    end = at if lost_from is None else lost_from
    return Frames(starts + HEADER, stops - starts - (HEADER + FOOTER), lost, end, size)


def _headers(block: Bytes, at: int, zeros: int) -> tuple[Positions, Positions, Positions]:
    """Return where headers with so many zero bytes stand, where their records end, and after which the next is not."""
    runs = _runs_of_zeros(block[at:], zeros)
    first, last = 8 - zeros, max(8 - zeros, len(runs) - FOOTER)
    # No length that short has the checksum 0, so where one would stand lie the zeros of a sparse file.
    places = np.flatnonzero(runs[first:last] > runs[first + FOOTER : last + FOOTER]) + at
    if not len(places):
        return places, places, places
    found = gather(block, places, HEADER)
    kept = found.view(_HEADER_DTYPE)[:, 0]
    good = row_checksums(found[:, :8], np.arange(8) < 8 - zeros) == kept["checksum"]
    headers = places[good]
    ends = headers + kept["length"][good].astype(np.int64) + (HEADER + FOOTER)
    return headers, ends, np.flatnonzero(headers[1:] != ends[:-1])


def _runs_of_zeros(block: Bytes, count: int) -> npt.NDArray[np.bool_]:
    """Return where so many zero bytes begin: 5 or 7."""
    one = block == 0
    two = one[:-1] & one[1:]
    # What is not needed any more is written over: fresh memory costs more than the work on it.
    four = np.bitwise_and(two[:-2], two[2:], out=one[: max(0, len(two) - 2)])
    apart = count - 4
    runs: npt.NDArray[np.bool_] = np.bitwise_and(four[:-apart], four[apart:], out=two[: max(0, len(four) - apart)])
    return runs


def _long_record(block: Bytes, at: int) -> int | None:
    """Return the size of the record of any length that begins here, or None where no header is right."""
    header = block[at : at + HEADER].tobytes()
    if checksum(header[:8]) != int.from_bytes(header[8:], "little"):
        return None
    return int.from_bytes(header[:8], "little") + HEADER + FOOTER
