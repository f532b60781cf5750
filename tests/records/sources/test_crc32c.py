from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from app.records.sources.crc32c import LONGEST_ROW, MARGIN, checksum, row_checksums, span_checksums

RANDOM = np.random.default_rng(3)


def test_the_checksum_is_castagnolis() -> None:
    # RFC 3720, B.4, masked as TFRecord files keep it
    for data, crc in ((bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)):
        assert checksum(data) == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("width", [4, 5, 8, 63, 64, 65, LONGEST_ROW])
def test_rows_have_the_checksums_that_tensorboard_gives_them(width: int) -> None:
    rows = RANDOM.integers(0, 256, (40, width), dtype=np.uint8)
    rows[:, ::3] = rows[0, ::3]
    varying = (rows != rows[0]).any(axis=0)
    expected = [masked_crc32c(row.tobytes()) for row in rows]
    assert row_checksums(rows, varying).tolist() == expected
    assert row_checksums(rows, np.ones(width, np.bool_)).tolist() == expected


@given(st.lists(st.integers(0, 400) | st.sampled_from([0, 3, 4, 63, 64, 65, 127, 128, 70_000]), min_size=1, max_size=6))
def test_stretches_of_any_length_have_the_checksums_that_tensorboard_gives_them(lengths: list[int]) -> None:
    sizes = np.array(lengths)
    starts = MARGIN + np.cumsum(sizes + 1) - sizes
    buffer = RANDOM.integers(0, 256, MARGIN + int(sizes.sum()) + len(sizes) + 4, dtype=np.uint8)
    before = buffer.copy()
    expected = [
        masked_crc32c(buffer[start : start + size].tobytes()) for start, size in zip(starts, sizes, strict=True)
    ]
    assert span_checksums(buffer, starts, sizes).tolist() == expected
    assert (buffer == before).all()
