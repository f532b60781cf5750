from __future__ import annotations

from pathlib import Path

import pytest

from app.trackers.base import Tracker
from app.trackers.registry import make_tracker, preload, tracker_class


def test_a_tracker_that_overrides_nothing_takes_every_call(tmp_path: Path) -> None:
    tracker = Tracker(anything="goes")
    tracker.discard("run", tmp_path, {})
    tracker.start("run", tmp_path)
    tracker.log_metric("loss", 1.0, 1)
    tracker.log_param("units", 64)
    tracker.log_tag("first")
    tracker.add_tag("second")
    tracker.log_asset("notes", tmp_path / "notes.txt")
    tracker.log_image("plot", tmp_path / "plot.png")
    tracker.log_figure("plot", object())
    tracker.flush()
    tracker.end()
    assert tracker.options == {"anything": "goes"}
    assert list(tmp_path.iterdir()) == []


class Tagged(Tracker):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []


class OldName(Tagged):
    def add_tag(self, tag: str) -> None:
        self.tags.append(tag)
        super().add_tag(tag)


class NewName(Tagged):
    def log_tag(self, tag: str) -> None:
        self.tags.append(tag)
        super().log_tag(tag)


class BothNames(Tagged):
    def log_tag(self, tag: str) -> None:
        self.tags.append(f"log {tag}")
        super().log_tag(tag)

    def add_tag(self, tag: str) -> None:
        self.tags.append(f"add {tag}")
        super().add_tag(tag)


@pytest.mark.parametrize(
    ("tracker", "tags"),
    [(OldName(), ["a", "b"]), (NewName(), ["a", "b"]), (BothNames(), ["log a", "add b"])],
    ids=["only the old name", "only the new name", "both names"],
)
def test_a_tag_reaches_a_tracker_once_under_the_name_that_it_knows(tracker: Tagged, tags: list[str]) -> None:
    tracker.log_tag("a")
    tracker.add_tag("b")
    assert tracker.tags == tags


def test_an_unknown_tracker_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"no tracker 'mlfow'; the trackers are comet_ml, mlflow, tensorboard"):
        tracker_class("mlfow")
    preload(["mlfow"])


def test_an_unknown_option_of_a_tracker_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="tf_grap"):
        make_tracker({"type": "tensorboard", "tf_grap": True})
