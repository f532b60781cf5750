"""Numbers, durations and times as they stand on the screen."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import pytest

from app.ui import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0.0, "0"),
        (516.9, "516.90"),
        (1.0, "1.00"),
        (0.0452, "0.04520"),
        (0.9959, "0.9959"),
        (0.000123, "0.0001230"),
        (0.00001234, "1.234e-05"),
        (12345.678, "12,345.68"),
        (-2.5, "\N{MINUS SIGN}2.50"),
        (1.5e12, "1.5e+12"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "\N{MINUS SIGN}∞"),
    ],
)
def test_a_number_has_its_digits(value: float | None, text: str) -> None:
    assert formats.number(value) == text


def test_a_number_takes_more_decimals_where_they_are_asked_for() -> None:
    assert formats.number(14.33, decimals=3) == "14.330"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "—"), (2.71, "2.7 s"), (59.94, "59.9 s"), (59.96, "1:00"), (161, "2:41"), (3761, "1:02:41"), (-1, "0.0 s")],
)
def test_a_duration_grows_by_its_colons(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


def test_a_moment_is_told_by_how_long_ago_it_was() -> None:
    now = datetime(2026, 11, 20, 15, 30)
    assert formats.moment(None) == "—"
    assert formats.moment((now - timedelta(minutes=28)).timestamp(), now) == "Today 15:02"
    assert formats.moment((now - timedelta(days=1)).timestamp(), now) == "Thu 15:30"
    assert formats.moment(datetime(2019, 4, 8, 6, 16).timestamp(), now) == "8 Apr 2019"
    assert formats.moment((now + timedelta(days=3)).timestamp(), now) == "23 Nov 2026"


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (909_800, "888 KB"), (4_600_000, "4.4 MB"), (5 << 40, "5.0 TB")]
)
def test_a_size_has_its_unit(size: float, text: str) -> None:
    assert formats.size(size) == text


def test_one_is_not_many() -> None:
    assert [formats.plural(count, "run") for count in (0, 1, 1024)] == ["0 runs", "1 run", "1,024 runs"]


def test_an_execution_is_told_from_others_by_its_time() -> None:
    today = date(2026, 11, 21)
    assert formats.short_execution("15-08-42__21-11-2026", today) == "15:08:42"
    assert formats.short_execution("15-08-42__21-11-2026_2", today) == "15:08:42_2"
    assert formats.short_execution("06-16-31__08-04-2019", today) == "06:16:31, 8 Apr 2019"
    assert formats.short_execution("99-99-99__08-04-2019", today) == "99-99-99__08-04-2019"
    assert formats.short_execution("baseline", today) == "baseline"
