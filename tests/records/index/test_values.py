from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.records.index.values import CHUNK, ValueChunk, ValueColumn, merge_values, pack_values
from app.records.sources.base import Param

scalars = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.sampled_from(["adam", "1", "é", ""])
)
chunks = st.dictionaries(st.integers(0, CHUNK - 1), scalars, max_size=40)


def values_in(chunk: ValueChunk) -> dict[int, str]:
    """Return the values of a chunk; as text, since NaN is no equal of NaN."""
    column = ValueColumn.of_chunks([(0, chunk)], CHUNK)
    return {row: repr(column[row]) for row in chunk.rows}


@given(chunks)
def test_every_value_is_read_as_it_was_packed(values: dict[int, Param]) -> None:
    assert values_in(pack_values(values)) == {row: repr(value) for row, value in sorted(values.items())}


@given(chunks, chunks, st.sets(st.integers(0, CHUNK - 1)))
def test_what_is_new_goes_before_what_was_there_and_what_is_gone_is_gone(
    old: dict[int, Param], new: dict[int, Param], gone: set[int]
) -> None:
    merged = {**{row: value for row, value in old.items() if row not in gone}, **new}
    found = merge_values(pack_values(old), pack_values(new), gone)
    assert values_in(found) == {row: repr(value) for row, value in merged.items()}
    assert len(found.texts or b"") == len(pack_values(merged).texts or b"")


@given(chunks)
def test_nothing_is_written_again_where_nothing_has_changed(values: dict[int, Param]) -> None:
    packed = pack_values(values)
    assert merge_values(packed, packed, values) == packed
