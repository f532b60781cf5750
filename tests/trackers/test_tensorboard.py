from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from app.trackers.base import MirroredRun, Tracker
from app.trackers.tensorboard import TensorBoardTracker

# TensorBoard's own switch: where this module is there, its reader does without TensorFlow, whose import takes seconds.
sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return events


def scalars(events: EventAccumulator, tag: str) -> list[tuple[int, float, float]]:
    return [(event.step, event.wall_time, event.value) for event in events.Scalars(tag)]


def test_tensorboard_reads_every_value_with_its_step_and_time(mirror: Any, run: MirroredRun) -> None:
    reference = mirror({"type": "tensorboard"}, metrics={"loss": [0.5, 0.25], "val_loss": [1.5], "test_loss": [2.0]})
    assert reference == {"folder": f"tensorboard/{run.execution_id}"}
    folder = run.logdir / "tensorboard" / run.execution_id
    assert [path.name.startswith("events.out.tfevents.") for path in folder.iterdir()] == [True]
    events = read(folder)
    assert events.Tags()["scalars"] == ["loss", "val_loss", "test_loss"]
    assert scalars(events, "loss") == [(1, run.started + 1, 0.5), (2, run.started + 2, 0.25)]
    assert scalars(events, "test_loss") == [(1, run.started + 1, 2.0)]


def test_the_first_record_of_an_event_file_names_its_version(mirror: Any, run: MirroredRun) -> None:
    mirror({"type": "tensorboard"})
    (path,) = (run.logdir / "tensorboard" / run.execution_id).iterdir()
    assert next(LegacyEventFileLoader(str(path)).Load()).file_version == "brain.Event:2"


def test_values_that_are_no_finite_numbers_are_written_as_they_are(mirror: Any, run: MirroredRun) -> None:
    mirror({"type": "tensorboard"}, metrics={"loss": [math.nan, math.inf, -math.inf, 1e300]})
    events = read(run.logdir / "tensorboard" / run.execution_id)
    values = [value for _, _, value in scalars(events, "loss")]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, math.inf]


def test_split_puts_training_and_validation_into_runs_of_their_own(mirror: Any, run: MirroredRun) -> None:
    mirror({"type": "tensorboard", "split": True}, metrics={"loss": [0.5], "val_loss": [1.5], "test_loss": [2.0]})
    folder = run.logdir / "tensorboard" / run.execution_id
    assert scalars(read(folder / "train"), "loss") == [(1, run.started + 1, 0.5)]
    assert scalars(read(folder / "validation"), "loss") == [(1, run.started + 1, 1.5)]
    (main,) = (path for path in folder.iterdir() if path.is_file())
    assert read(main).Tags()["scalars"] == ["test_loss"]


def test_images_are_shown_in_their_size_and_one_name_can_have_several(
    mirror: Any, run: MirroredRun, picture: Path, tmp_path: Path
) -> None:
    from PIL import Image

    bitmap = tmp_path / "bitmap.bmp"
    Image.new("L", (5, 6)).save(bitmap)
    run_folder = run.logdir / "tensorboard" / run.execution_id
    mirror({"type": "tensorboard"}, images={"picture": picture, "bitmap": bitmap})
    events = read(run_folder)
    (shown,) = events.Images("picture")
    assert (shown.width, shown.height, shown.step) == (4, 3, 0)
    assert shown.encoded_image_string == picture.read_bytes()
    (converted,) = events.Images("bitmap")
    assert (converted.width, converted.height) == (5, 6)
    assert converted.encoded_image_string.startswith(b"\x89PNG")


def test_figures_of_one_name_become_steps_of_one_image(attach: Callable[[Tracker], Tracker], run: MirroredRun) -> None:
    figure_module = pytest.importorskip("matplotlib.figure")
    figure = figure_module.Figure(figsize=(2, 1), dpi=50)
    figure.add_subplot().plot([1, 2, 3])
    tracker = attach(TensorBoardTracker())
    tracker.start(run.execution_id, run.logdir)
    tracker.log_figure("curve", figure)
    tracker.log_figure("curve", figure)
    tracker.end()
    images = read(run.logdir / "tensorboard" / run.execution_id).Images("curve")
    assert [(image.width, image.height, image.step) for image in images] == [(100, 50, 0), (100, 50, 1)]


def test_what_is_flushed_can_be_read_while_the_run_goes_on(
    attach: Callable[[Tracker], Tracker], run: MirroredRun
) -> None:
    tracker = attach(TensorBoardTracker())
    tracker.start(run.execution_id, run.logdir)
    tracker.log_metric("loss", 0.5, 1)
    tracker.flush()
    assert scalars(read(run.logdir / "tensorboard" / run.execution_id), "loss") == [(1, run.started, 0.5)]
    tracker.end()


def test_a_mirror_written_anew_replaces_the_incomplete_one(mirror: Any, run: MirroredRun) -> None:
    reference = mirror({"type": "tensorboard"}, metrics={"loss": [9.0]})
    neighbour = run.logdir / "tensorboard" / "other"
    neighbour.mkdir()
    mirror({"type": "tensorboard"}, metrics={"loss": [0.5, 0.25]}, discard=reference)
    folder = run.logdir / "tensorboard" / run.execution_id
    assert len(list(folder.iterdir())) == 1
    assert [value for _, _, value in scalars(read(folder), "loss")] == [0.5, 0.25]
    assert neighbour.is_dir()
