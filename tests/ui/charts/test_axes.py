import time

import numpy as np
import pytest

from app.ui.charts.run_axis import RunAxis
from app.ui.charts.scale import Scale, plain, ticks, with_room


def texts(low, high, *, is_log=False, unit="number", pixels=500, spacing=70):
    return [text for _, text in ticks(Scale(low, high, 0, pixels, is_log), spacing, unit)]


def axis_with(*ends, kind="step") -> RunAxis:
    axis = RunAxis()
    axis.kind = kind
    for epoch, step in ends:
        axis.note({"kind": "epoch_end", "time": 0.0, "epoch": epoch, "step": step})
    return axis


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 16_000, "0 5k 10k 15k"),
        (0.9, 1.0, "0.90 0.92 0.94 0.96 0.98 1.00"),
        (-1, 1, "−1.0 −0.5 0.0 0.5 1.0"),  # noqa: RUF001 - a true minus
        (0, 3e6, "0 500k 1M 1.5M 2M 2.5M 3M"),
        (0, 4e-6, "0 1e-6 2e-6 3e-6 4e-6"),
    ],
)
def test_ticks_are_round_and_short(low, high, expected):
    assert texts(low, high, spacing=100 if low < 0 else 71) == expected.split()


def test_a_logarithmic_axis_is_marked_at_one_two_and_five():
    assert texts(0.01, 2, is_log=True, pixels=300, spacing=36) == "0.01 0.02 0.05 0.1 0.2 0.5 1 2".split()
    assert texts(1e-8, 1e4, is_log=True, pixels=100, spacing=36) == ["1e-5", "1"]


def test_a_short_logarithmic_axis_is_marked_like_a_plain_one():
    assert len(texts(11, 14, is_log=True, pixels=300)) >= 3


def test_time_is_marked_in_seconds_minutes_and_hours():
    assert texts(0, 90, unit="seconds")[:3] == ["0", "15 s", "30 s"]
    assert "1:00:00" in texts(0, 4 * 3600, unit="seconds")
    noon = time.mktime((2026, 11, 20, 12, 0, 0, 0, 0, -1))
    assert "12:00" in texts(noon - 600, noon + 1200, unit="moment")


@pytest.mark.parametrize("value", [0.0, 3.0, -2e300, 1e-300])
def test_an_axis_of_one_value_has_room_around_it(value):
    low, high = with_room(value, value)
    assert low < value < high
    ticks(Scale(low, high, 0, 300), 70)


@pytest.mark.parametrize("is_log", [False, True])
def test_pixels_and_values_lead_to_each_other(is_log):
    scale = Scale(0.1, 100, 300, 0, is_log)
    assert scale.value(scale.pixel(7.5)) == pytest.approx(7.5)
    low, high = scale.zoomed(0.5, 120)
    assert Scale(low, high, 300, 0, is_log).value(120) == pytest.approx(scale.value(120))


def test_a_number_without_a_step_is_written_as_short_as_it_is():
    assert [plain(value) for value in (2000, 0.05, 1e-5, 2e6)] == ["2k", "0.05", "1e-5", "2M"]


def test_epochs_stand_at_the_step_that_they_ended_with():
    axis = axis_with((1, 100), (2, 200))
    place = axis.placer(is_batch=False)
    assert place([1, 2, 4], [0, 0, 0]).tolist() == [100, 200, 400]
    assert axis.placer(is_batch=True)([7], [0]).tolist() == [7]
    assert axis.describe(150) == "epoch 2"


def test_batches_stand_within_their_epoch():
    place = axis_with((1, 100), (2, 200), kind="epoch").placer(is_batch=True)
    assert place([50, 150, 250], [0, 0, 0]).tolist() == [0.5, 1.5, 2.5]


def test_before_an_epoch_has_ended_its_place_among_steps_is_unknown():
    assert np.isnan(axis_with().placer(is_batch=False)([1], [0])).all()
    assert axis_with().describe(3) == ""


def test_an_epoch_that_was_shorter_than_foreseen_moves_what_was_placed():
    axis = axis_with((1, 100))
    version = axis.version
    axis.note({"kind": "epoch_end", "time": 0.0, "epoch": 2, "step": 200})
    assert axis.version == version
    axis.note({"kind": "epoch_end", "time": 0.0, "epoch": 3, "step": 250})
    assert axis.version != version


def test_relative_time_begins_with_the_earliest_point():
    axis = axis_with(kind="relative")
    axis.note_time(1000.0)
    axis.note_time(990.0)
    axis.note_time(np.nan)
    assert axis.placer(is_batch=True)([5], [1000.0]).tolist() == [10.0]
    assert axis.place_event({"kind": "checkpoint", "time": 995.0}) == 5.0
