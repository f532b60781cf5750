"""Trackers of the user's own, as the keeper makes and calls them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config.own_code import OwnCodeError
from app.config.trust import distrust, trust
from app.trackers.base import MirroredRun, Tracker
from app.trackers.registry import make_own_tracker

PAGES = """
from app.trackers.base import Tracker
class Page(Tracker):
    def __init__(self, logdir, run_name, colour="red"):
        self.made_of = (logdir, run_name, colour)
class Bare:
    pass
class Fails(Tracker):
    def __init__(self):
        raise KeyError("colour")
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A trusted workspace with trackers of its own."""
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "pages.py").write_text(PAGES)
    trust(tmp_path)
    paths = list(sys.path)
    yield tmp_path
    sys.path[:] = paths
    sys.modules.pop("pages", None)
    distrust(tmp_path)


def run_in(root: Path) -> MirroredRun:
    logdir = root / "trainings" / "x" / "trackings"
    return MirroredRun("06-16-31__08-04-2019", "7f", "x", logdir, root / "scratch", "trackside", 0.0)


def test_a_tracker_gets_its_options_and_what_those_of_the_older_systems_ask_for(root: Path) -> None:
    tracker: Any = make_own_tracker({"type": "pages:Page", "colour": "blue"}, run_in(root), root)
    assert tracker.made_of == (str(root / "trainings" / "x" / "trackings"), "06-16-31__08-04-2019", "blue")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"type": "pages:Bare"}, "does not derive from app.trackers.base.Tracker"),
        ({"type": "pages:Fails"}, "components/pages.py, line 10: KeyError"),
        ({"type": "pages:Page", "size": 3}, "unexpected keyword argument 'size'"),
        ({"type": "pages:Pag"}, "did you mean 'Page'"),
    ],
)
def test_a_tracker_that_cannot_be_made_says_why(root: Path, entry: dict[str, Any], says: str) -> None:
    with pytest.raises(OwnCodeError) as raised:
        make_own_tracker(entry, run_in(root), root)
    assert says in str(raised.value)


def test_a_tracker_of_a_workspace_that_is_not_trusted_is_not_loaded(root: Path) -> None:
    distrust(root)
    with pytest.raises(OwnCodeError, match=f"trackside trust {root}"):
        make_own_tracker({"type": "pages:Page"}, run_in(root), root)
    assert "pages" not in sys.modules


class One(Tracker):
    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        super().log_metric(name, value, step)
        self.said.append((name, value, step))

    def log_param(self, name: str, value: Any, step: int | None = None) -> None:
        self.said.append((name, value))


class Many(Tracker):
    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def log_metrics(self, dic: Any, prefix: str | None = None, step: int | None = None) -> None:
        self.said.append((dict(dic), prefix, step))

    def log_params(self, dic: Any, prefix: str | None = None, step: int | None = None) -> None:
        self.said.append((dict(dic), prefix))


def test_logging_one_or_many_is_enough() -> None:
    one, many, none = One(), Many(), Tracker()
    one.log_metrics({"loss": 1.0, "list": [2.0, 3.0]}, prefix="a_", step=4)
    one.log_params({"x": 1}, prefix="b_")
    assert one.said == [("a_loss", 1.0, 4), ("a_list", 2.0, 0), ("a_list", 3.0, 1), ("b_x", 1)]
    many.log_metric("loss", 1.0, 4)
    many.log_param("x", 1)
    assert many.said == [({"loss": 1.0}, None, 4), ({"x": 1}, None)]
    none.log_metric("loss", 1.0)
    none.log_metrics({"loss": 1.0})
    none.log_params({"x": 1})
    none.add_tags(["a"])
