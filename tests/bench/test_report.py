import dataclasses
import json
from pathlib import Path

import pytest

from tests.bench.__main__ import main
from tests.bench.report import Row, save, spread, table

ROW = Row("training", ours=10.4, peer=10.0, peer_name="bare model.fit", unit="s")


@pytest.mark.parametrize(
    ("bound", "goal", "met"), [("ratio", 1.05, True), ("ratio", 1.03, False), ("ours", 10.4, True), ("ours", 10, False)]
)
def test_a_goal_bounds_what_it_says_it_bounds(bound, goal, met):
    assert dataclasses.replace(ROW, bound=bound, goal=goal).met is met


def test_a_median_of_pairs_goes_before_the_ratio_of_the_medians():
    assert ROW.ratio == pytest.approx(1.04)
    row = dataclasses.replace(ROW, pair_ratio=1.1, bound="ratio", goal=1.05)
    assert (row.ratio, row.met) == (1.1, False)


def test_a_row_without_a_goal_neither_meets_nor_misses_one(tmp_path: Path):
    save([ROW], tmp_path / "build" / "bench.json")
    (row,) = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert row.pop("ratio") == pytest.approx(1.04)
    assert row == {
        "name": "training",
        "ours": 10.4,
        "peer": 10.0,
        "peer_name": "bare model.fit",
        "unit": "s",
        "goal": None,
        "bound": None,
        "met": None,
    }


def test_the_table_shows_a_missed_goal():
    _, line = table([dataclasses.replace(ROW, bound="ratio", goal=1.03)]).splitlines()
    assert line.split() == "training 10.4 10 s 1.04 ratio <= 1.03 NO bare model.fit".split()


def test_a_spread_is_the_median_between_the_extremes():
    assert spread([3.0, 1.0, 2.5], "ms") == "2.5 ms (1 to 3, 3 values)"


def test_a_benchmark_that_does_not_exist_is_answered_with_those_that_do(capsys: pytest.CaptureFixture[str]):
    assert main(["nonsense"]) == 2
    message = capsys.readouterr().err
    assert "'nonsense'" in message
    assert all(f"  {name}" in message for name in ("scalar", "training", "start"))
