"""The split, preprocessors and transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io

from app.config.models import FitConfig
from app.engine.ending import TrainingError
from app.engine.pipeline import (
    Split,
    count_classes,
    fit_transformers,
    make_preprocessor,
    one_hot,
    save_transformers,
    split_samples,
    transform,
)
from app.engine.samples import Samples
from tests.engine.conftest import entry


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
    assert one_hot(samples, classes).y.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]


@pytest.mark.parametrize("y", [np.array([0.5, 1.0]), np.array([-1, 1]), np.zeros((2, 3))])
def test_targets_that_are_no_classes_are_refused(y: Any) -> None:
    with pytest.raises(TrainingError, match=r"^dataset\.one_hot: "):
        count_classes(Samples(np.zeros((2, 1)), y), "dataset.one_hot")


def test_divide_makes_float32_of_bytes() -> None:
    divide = make_preprocessor(entry("preprocessor", "divide", factor=255), "dataset.preprocessors.0")
    pixels = divide.transform(np.array([[0, 51, 255]], np.uint8))
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, [[0, 0.2, 1]], rtol=1e-6)


def test_preprocessors_are_applied_to_every_part_in_their_order() -> None:
    steps = [make_preprocessor(entry("preprocessor", "divide", factor=factor), "") for factor in (2, 5)]
    made = split(10, shuffle=False, fit=0.5, val=0.5).preprocessed(steps)
    np.testing.assert_allclose(made.fit.X[:, 0], np.arange(5) / 10, rtol=1e-6)
    np.testing.assert_allclose(made.val.X[:, 0], np.arange(5, 10) / 10, rtol=1e-6)
    assert made.val.y.tolist() == [5, 6, 7, 8, 9]
    assert len(made.test) == 0


def test_a_scaler_learns_from_the_fit_samples_alone() -> None:
    made = split(100, shuffle=False, fit=0.5, val=0.5)
    fitted, fit = fit_transformers([entry("transformer", "standard_scaler")], made.fit)
    val = transform(fitted, made.val)
    assert fit.X.dtype == np.float32
    assert fit.X.mean() == pytest.approx(0, abs=1e-6)
    assert fit.X.std() == pytest.approx(1, rel=1e-6)
    assert val.X.mean() == pytest.approx(50 / np.arange(50).std(), rel=1e-6)
    assert made.fit.X.mean() == pytest.approx(24.5)  # the samples themselves are as they were


def test_a_fitted_scaler_opens_again_without_trusting_anything(tmp_path: Path) -> None:
    entries = [entry("transformer", "standard_scaler"), entry("transformer", "standard_scaler", with_std=False)]
    samples = Samples(np.random.default_rng(0).normal(5, 3, (20, 4)), np.zeros(20))
    fitted, fit = fit_transformers(entries, samples)
    save_transformers(entries, fitted, tmp_path / "pipeline")
    files = sorted((tmp_path / "pipeline").iterdir())
    assert [file.name for file in files] == ["0-standard_scaler.skops", "1-standard_scaler.skops"]
    assert [skops.io.get_untrusted_types(file=file) for file in files] == [[], []]
    X: Any = samples.X
    for file in files:
        X = skops.io.load(file, trusted=[]).transform(X)
    np.testing.assert_array_equal(X, fit.X)


def test_a_transformer_that_does_not_fit_the_samples_is_named() -> None:
    images = Samples(np.zeros((5, 8, 8, 3)), np.zeros(5))
    with pytest.raises(TrainingError, match=r"^dataset\.transformers\.0 \(standard_scaler\): .*\(8, 8, 3\)"):
        fit_transformers([entry("transformer", "standard_scaler")], images)


def test_a_pipeline_that_cannot_be_saved_says_where(tmp_path: Path) -> None:
    (tmp_path / "pipeline").write_text("a file where the folder should be")
    entries = [entry("transformer", "standard_scaler")]
    fitted, _ = fit_transformers(entries, numbered(5))
    with pytest.raises(TrainingError, match=f"could not be saved to {tmp_path / 'pipeline'}: "):
        save_transformers(entries, fitted, tmp_path / "pipeline")
