"""Every preprocessor of the catalog: what it makes, and what it says of features that it cannot take."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.config.catalog import load_catalog
from app.config.checking import check
from app.engine.ending import TrainingError
from app.engine.pipeline import preprocessed
from app.engine.preprocessing.steps import PREPROCESSORS
from app.engine.samples import Stored
from tests.engine.conftest import document
from tests.engine.preprocessing.conftest import NO_ROOM, Room, preprocessor, split_of, texts_of

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), np.uint8)


def test_the_catalog_lists_what_there_is() -> None:
    assert sorted(PREPROCESSORS) == list(load_catalog().ids("preprocessor"))


def test_divide_makes_float32_of_bytes() -> None:
    made = preprocessor("divide", factor=255)(np.array([[0, 51, 255]], np.uint8))
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, [[0, 0.2, 1]], rtol=1e-6)


@pytest.mark.parametrize(("mean", "std", "expected"), [(100, 50, [[0, -2, 1]]), ([0, 0, 50], [50, 1, 20], [[2, 0, 5]])])
def test_normalize_takes_one_number_or_one_for_each_channel(mean: Any, std: Any, expected: Any) -> None:
    made = preprocessor("normalize", mean=mean, std=std)(np.array([[100, 0, 150]], np.uint8))
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected)


def test_normalize_with_other_channels_than_there_are_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"normalize.*mean has 2 values, and the features have 3 channels"):
        preprocessor("normalize", mean=[1, 2], std=1)(PIXELS)


@pytest.mark.parametrize(("std", "says"), [(0, "is 0"), ([1, 0.0], "is [1, 0.0]")])
def test_a_standard_deviation_of_0_is_found_before_the_run(std: Any, says: str) -> None:
    steps = [{"type": "normalize", "mean": 0, "std": std}]
    (problem,) = check(document(dataset__preprocessors=steps))
    assert (problem.path, problem.message) == ("dataset.preprocessors.0.std", says)


@pytest.mark.parametrize(
    ("X", "from_val", "to_val", "expected"),
    [
        (np.array([[1, 2, 1]], np.uint8), 1, 7, np.array([[7, 2, 7]], np.uint8)),
        (np.array([[1, 2]], np.uint8), 1, -1, np.array([[-1, 2]], np.float32)),
        (np.array([[1.5, np.nan]], np.float32), None, 0, np.array([[1.5, 0]], np.float32)),
        (texts_of("a", "b"), "a", "c", texts_of("c", "b")),
    ],
)
def test_replace_puts_one_value_where_another_is(X: Any, from_val: Any, to_val: Any, expected: Any) -> None:
    made = preprocessor("replace", from_val=from_val, to_val=to_val)(X)
    assert made.dtype == expected.dtype
    np.testing.assert_array_equal(made, expected)


def test_images_become_as_grey_as_pillow_makes_them() -> None:
    made = preprocessor("grayscale")(PIXELS)
    assert (made.shape, made.dtype) == ((5, 6, 8, 1), np.uint8)
    pillow = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in PIXELS])
    assert np.abs(made[..., 0].astype(int) - pillow).max() <= 1
    assert preprocessor("grayscale")(made) is made


@pytest.mark.parametrize("grey", [PIXELS[..., 0], PIXELS[..., :1]])
def test_grey_images_get_three_equal_channels(grey: Any) -> None:
    made = preprocessor("grayscale_to_color")(grey)
    assert made.shape == (5, 6, 8, 3)
    assert all((made[..., channel] == PIXELS[..., 0]).all() for channel in range(3))


def test_images_are_resized_and_stay_bytes() -> None:
    resize = preprocessor("image_resize", width=4, height=3)
    made = resize(PIXELS)
    assert (made.shape, made.dtype) == ((5, 3, 4, 3), np.uint8)
    blocks = PIXELS.reshape(5, 3, 2, 4, 2, 3).mean(axis=(2, 4))  # the means of the pixels that become one
    assert np.abs(made - blocks).max() <= 1
    assert resize(PIXELS[..., 0].astype(np.float32)).shape == (5, 3, 4)


def test_resizing_can_keep_the_ratio_of_the_sides() -> None:
    white = np.full((1, 4, 8, 1), 255, np.uint8)
    padded = preprocessor("image_resize", width=4, height=4, pad_to_aspect_ratio=True)(white)
    assert padded[0, :, 0, 0].tolist() == [0, 255, 255, 0]
    cropped = preprocessor("image_resize", width=4, height=4, crop_to_aspect_ratio=True)(white)
    assert (cropped == 255).all()


def test_channels_come_first() -> None:
    made = preprocessor("channels_first")(PIXELS)
    np.testing.assert_array_equal(made[:, 2], PIXELS[..., 2])


def test_a_spectrogram_has_its_power_at_the_frequency_of_the_sound() -> None:
    times = np.arange(4000) / 4000
    sounds = np.sin(2 * np.pi * np.array([[400], [1200]]) * times).astype(np.float32)
    made = preprocessor("spectrogram")(sounds)
    assert (made.shape, made.dtype) == ((2, 98, 51), np.float32)  # windows of 100, 40 further each; 0 to 2,000 Hz
    assert (made.argmax(axis=2) * 40 == np.array([[400], [1200]])).all()
    assert preprocessor("spectrogram")(np.stack([sounds, sounds], axis=2)).shape == (2, 98, 51, 2)


def test_words_of_any_script_stay_and_what_is_no_letter_or_digit_goes() -> None:
    made = preprocessor("alphanumeric")(texts_of("¡Qué   día, señor_X! (42)", "…"))
    assert made.tolist() == ["Qué día señor X 42", ""]


def test_words_become_lemmas_in_english_and_spanish() -> None:
    pytest.importorskip("simplemma")
    assert preprocessor("lemmatization")(texts_of("The children were better")).tolist() == ["the child be good"]
    spanish = preprocessor("lemmatization", language="spanish")
    assert spanish(texts_of("los niños corrían")).tolist() == ["el niño correr"]


def test_without_the_library_for_lemmas_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simplemma", None)
    with pytest.raises(TrainingError, match=r"^dataset\.preprocessors\.0: .* simplemma.*pip install simplemma"):
        preprocessor("lemmatization")


@pytest.mark.parametrize(
    ("type", "options", "X", "says"),
    [
        ("grayscale", {}, np.zeros((2, 13), np.float32), r"shape \[13\] \(float32\): wants images"),
        ("grayscale", {}, np.zeros((2, 4, 4, 2)), "wants images of 3 channels, not of 2"),
        ("grayscale_to_color", {}, PIXELS, "wants images of 1 channel, not of 3"),
        ("image_resize", {"width": 2, "height": 2}, texts_of("a"), r"\(texts\): wants images"),
        ("alphanumeric", {}, PIXELS, "wants texts"),
        ("spectrogram", {}, np.zeros((2, 99)), "wants sounds of at least 100 numbers"),
        ("divide", {"factor": 2}, texts_of("a"), r"shape \[\] \(texts\)"),
        ("replace", {"from_val": 1, "to_val": 2}, texts_of("a"), "must be texts"),
    ],
)
def test_features_that_a_preprocessor_cannot_take_are_told_with_its_place(
    type: str, options: dict[str, Any], X: Any, says: str
) -> None:
    with pytest.raises(TrainingError, match=rf"^dataset\.preprocessors\.0 \({type}\): cannot take .*{says}"):
        preprocessor(type, **options)(X)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"^dataset\.preprocessors\.0 \(spectrogram\): noverlap is 100; less than"):
        preprocessor("spectrogram", noverlap=100)


@pytest.mark.parametrize("room", [Room(), NO_ROOM])
def test_preprocessors_are_applied_to_every_part_in_their_order(room: Room) -> None:
    steps = [preprocessor("replace", from_val=255, to_val=510), preprocessor("divide", factor=255)]
    pixels = np.repeat(np.arange(255, 250, -1)[:, np.newaxis], 2, axis=1)
    made = preprocessed(split_of(pixels, np.arange(5), 3), steps, room)
    assert isinstance(made.fit.X, Stored) == (room is NO_ROOM)
    assert [part.X.shape for part in made.parts] == [(3, 2), (2, 2), (0, 2)]
    np.testing.assert_allclose(made.fit.X[:, 0], [2, 254 / 255, 253 / 255], rtol=1e-6)
    np.testing.assert_allclose(made.val.X[:][:, 1], [252 / 255, 251 / 255], rtol=1e-6)
    assert made.val.y.tolist() == [3, 4]


def test_no_steps_leave_the_samples_as_they_are() -> None:
    split = split_of(PIXELS, np.arange(5), 3)
    assert preprocessed(split, [], Room()) is split
