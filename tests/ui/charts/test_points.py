import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.records.series import POINT_DTYPE
from app.ui.charts.buffer import Pyramid, SeriesBuffer
from app.ui.charts.smoothing import MovingAverage, smooth

VALUES = arrays.arrays(np.float64, st.integers(0, 700), elements=st.floats(-1e6, 1e6) | st.just(np.nan))


def pyramid_of(values, x=None) -> Pyramid:
    found = Pyramid()
    found.extend(np.arange(len(values), dtype=float) if x is None else x, values)
    return found


def tensorboards_average(values, weight):
    last, count, shown = 0.0, 0, []
    for value in values:
        if np.isfinite(value):
            last = last * weight + (1 - weight) * value
            count += 1
            shown.append(last / (1 - weight**count))
        else:
            shown.append(value)
    return shown


def test_a_buffer_holds_what_was_appended_in_its_order():
    buffer = SeriesBuffer()
    assert (len(buffer), buffer.last) == (0, None)
    for first in range(0, 300, 100):
        points = np.array([(step, 2.0 * step, 3.0 * step) for step in range(first, first + 100)], POINT_DTYPE)
        buffer.append(points)
    assert buffer.steps.tolist() == list(range(300))
    assert buffer.times[-1] == 598.0
    assert buffer.last == 897.0


def test_a_view_of_a_buffer_stays_what_it_was_while_the_buffer_grows():
    buffer = SeriesBuffer()
    buffer.append(np.array([(1, 0.0, 5.0)], POINT_DTYPE))
    view = buffer.values
    buffer.append(np.ones(10_000, POINT_DTYPE))
    assert view.tolist() == [5.0]


@given(VALUES, st.integers(1, 50))
def test_what_is_drawn_has_the_least_and_greatest_value_of_all(values, pixels):
    _, drawn = pyramid_of(values).visible(-1, len(values), pixels)
    assert len(drawn) <= 4 * pixels + 16 or len(drawn) == len(values)
    if np.isfinite(values).any():
        assert np.nanmin(drawn) == np.nanmin(values)
        assert np.nanmax(drawn) == np.nanmax(values)


@given(VALUES, st.integers(1, 9))
def test_a_pyramid_is_the_same_whether_points_come_at_once_or_piece_by_piece(values, pieces):
    grown = Pyramid()
    for part in np.array_split(np.arange(len(values)), pieces):
        grown.extend(part, values[part])
    for pixels in (1, 10, 1000):
        for ours, theirs in zip(grown.visible(3, 400, pixels), pyramid_of(values).visible(3, 400, pixels), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_million_points_are_drawn_with_a_few_thousand():
    x, y = pyramid_of(np.random.default_rng(1).random(1_000_000)).visible(0, 1e6, 600)
    assert len(x) == len(y) < 4 * 600 + 16


def test_a_part_is_drawn_with_a_point_beyond_either_edge():
    x, _ = pyramid_of(np.arange(100.0)).visible(10.5, 20.5, 600)
    assert x.tolist() == list(range(10, 22))


def test_values_that_are_not_finite_are_gaps_and_are_remembered():
    pyramid = pyramid_of(np.array([1.0, np.nan, 3.0, np.inf, -np.inf]))
    assert pyramid.visible(0, 5, 100)[1].tolist() == pytest.approx([1, np.nan, 3, np.nan, np.nan], nan_ok=True)
    assert pyramid.not_finite.tolist() == [1, 3, 4]


def test_a_logarithmic_axis_leaves_out_what_is_not_positive_at_every_zoom():
    values = np.tile([0.0, -1.0, 5.0, 7.0], 4000)
    pyramid = pyramid_of(values)
    assert pyramid.not_positive == 8000
    for pixels in (10, 100_000):
        drawn = pyramid.visible(0, 16_000, pixels, positive=True)[1]
        assert set(drawn[np.isfinite(drawn)]) <= {5.0, 7.0}
        assert np.nanmax(drawn) == 7.0


def test_x_that_goes_back_is_drawn_as_a_whole():
    pyramid = pyramid_of(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 1.0]))
    assert not pyramid.is_sorted
    assert len(pyramid.visible(1.9, 2.1, 100)[0]) == 3
    assert pyramid.nearest(2.2) == 1


def test_the_nearest_point_is_found():
    pyramid = pyramid_of(np.zeros(10))
    assert [pyramid.nearest(x) for x in (-5, 3.4, 3.6, 99)] == [0, 3, 4, 9]
    assert Pyramid().nearest(1) is None


@given(VALUES.filter(lambda values: len(values) >= 3), st.floats(0.01, 0.999), st.integers(1, 7))
def test_smoothing_is_tensorboards_at_once_and_piece_by_piece(values, weight, pieces):
    expected = tensorboards_average(values, weight)
    np.testing.assert_allclose(smooth(values, weight), expected, rtol=1e-7, atol=1e-6)
    average = MovingAverage(weight)
    grown = np.concatenate([average.extend(part) for part in np.array_split(values, pieces)])
    np.testing.assert_allclose(grown, expected, rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 9.0], [0.1] * 50, [0.1, np.nan, 0.1, 0.1], [np.nan] * 4])
def test_a_constant_series_or_one_of_fewer_than_three_points_is_left_as_it_is(values):
    np.testing.assert_array_equal(smooth(values, 0.9), values)


def test_without_weight_nothing_is_smoothed_and_too_much_weight_is_the_most_there_is():
    values = np.random.default_rng(2).random(100)
    np.testing.assert_array_equal(smooth(values, 0), values)
    np.testing.assert_array_equal(smooth(values, 1.0), smooth(values, 0.999))
