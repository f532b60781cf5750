"""The split, and classes as rows of zeros and a one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.config.models import FitConfig
from app.engine.ending import TrainingError
from app.engine.pipeline import Room, Split, count_classes, split_samples
from app.engine.samples import Samples, Stored


def numbered(count: int) -> Samples:
    """Return samples whose feature and target are their number."""
    numbers = np.arange(count, dtype=np.float32)
    return Samples(numbers[:, np.newaxis], numbers)


def split(
    count: int = 506, seed: int = 0, shuffle: bool = True, validation_split: float = 0.0, **parts: float
) -> Split:
    samples = parts or {"fit": 0.6, "val": 0.2, "test": 0.2}
    training = {"samples": samples, "shuffle": shuffle, "validation_split": validation_split}
    return split_samples(numbered(count), FitConfig.model_validate(training), seed=seed)


def numbers(part: Samples) -> list[float]:
    assert part.X[:, 0].tolist() == part.y.tolist()  # features and targets stay together
    return [float(number) for number in part.y]


@pytest.mark.parametrize(
    ("count", "fractions", "sizes"),
    [
        (506, {"fit": 0.6, "val": 0.2, "test": 0.2}, (303, 101, 101)),
        (100, {"fit": 0.29, "val": 0.58, "test": 0.13}, (28, 57, 13)),  # 0.29 * 100 is 28.999...
        (10, {"fit": 1.0}, (10, 0, 0)),
        (10, {"fit": 0.5, "test": 0.25}, (5, 0, 2)),
        (10, {"fit": 7, "val": 2}, (7, 2, 0)),
        (10, {"fit": 0.5, "val": 3, "test": 2}, (5, 3, 2)),
    ],
)
def test_a_part_has_its_fraction_rounded_down_and_the_rest_is_dropped(
    count: int, fractions: dict[str, float], sizes: tuple[int, int, int]
) -> None:
    made = split(count, **fractions)
    assert (len(made.fit), len(made.val), len(made.test)) == sizes
    every = numbers(made.fit) + numbers(made.val) + numbers(made.test)
    assert len(set(every)) == len(every) == sum(sizes)


def test_the_seed_decides_the_order() -> None:
    assert numbers(split(seed=3).fit) == numbers(split(seed=3).fit)
    assert numbers(split(seed=3).fit) != numbers(split(seed=4).fit)


def test_samples_that_are_not_shuffled_keep_their_order() -> None:
    made = split(10, shuffle=False, fit=0.5, val=0.2, test=0.2)
    assert [numbers(part) for part in (made.fit, made.val, made.test)] == [[0, 1, 2, 3, 4], [5, 6], [7, 8]]


def test_a_part_that_would_be_empty_is_named() -> None:
    with pytest.raises(TrainingError, match=r"^training\.samples\.val: 0\.05 of 10 samples is none; at least 0\.1 "):
        split(10, fit=0.5, val=0.05)


def test_more_samples_than_there_are_is_said_with_how_many_there_are() -> None:
    with pytest.raises(TrainingError, match=r"^training\.samples: fit 8, val 3 are 11 samples, .* only 10"):
        split(10, fit=8, val=3)


def test_a_validation_split_takes_the_last_of_the_samples_to_fit_on_as_keras_does() -> None:
    made = split(10, shuffle=False, validation_split=0.25, fit=0.9, test=0.1)
    assert [numbers(part) for part in (made.fit, made.val, made.test)] == [[0, 1, 2, 3, 4, 5], [6, 7, 8], [9]]
    with pytest.raises(TrainingError, match=r"^training\.validation_split: 0\.1 of 1 samples leaves none to fit"):
        split(2, shuffle=False, validation_split=0.1, fit=0.5)


def test_classes_become_rows_with_a_one_at_their_number() -> None:
    samples = Samples(np.zeros((3, 1)), np.array([2, 0, 2]), class_names=("a", "b", "c", "d"))
    classes = count_classes(samples, "dataset.one_hot")
    whole = Split(samples, samples.take(slice(0, 0)), samples.take(slice(0, 1)))
    for room in (Room(), Room(limit=0)):
        made = whole.one_hot(classes, room)
        assert made.fit.y[:].tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
        assert [part.y.shape for part in made.parts] == [(3, 4), (0, 4), (1, 4)]
    assert isinstance(made.fit.y, Stored)  # where there is no room they are made when they are read


def test_true_and_false_are_two_classes() -> None:
    samples = Samples(np.zeros((3, 1)), np.array([True, False, True]))
    assert count_classes(samples, "dataset.one_hot") == 2
    assert Split(samples, samples, samples).one_hot(2, Room()).fit.y.tolist() == [[0, 1], [1, 0], [0, 1]]


@pytest.mark.parametrize("y", [np.array([0.5, 1.0]), np.array([-1, 1]), np.zeros((2, 3))])
def test_targets_that_are_no_classes_are_refused(y: Any) -> None:
    with pytest.raises(TrainingError, match=r"^dataset\.one_hot: "):
        count_classes(Samples(np.zeros((2, 1)), y), "dataset.one_hot")
