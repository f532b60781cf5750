"""Folders of images and of texts by class."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.engine.data import folders
from app.engine.samples import Samples

Load = Callable[..., Samples]
Refusal = Callable[..., str]

COLOURS = {"cat": (255, 0, 0), "dog": (0, 0, 255)}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "animals"
    for name, colour in COLOURS.items():
        (folder / name / "more").mkdir(parents=True)
        for number, ending in enumerate(["png", "bmp", "JPG", "gif"]):
            Image.new("RGB", (6, 4), colour).save(folder / name / f"{number}.{ending}")
        Image.new("RGB", (6, 4), colour).save(folder / name / "more" / "last.webp", lossless=True)
        (folder / name / "Thumbs.db").write_bytes(b"")
        (folder / name / ".DS_Store").write_bytes(b"")
    return folder


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "reviews"
    for name in ("bad", "good"):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            (folder / name / f"{number}.txt").write_text(f"so {name} é {number}", encoding="utf-8")
    return folder


@pytest.mark.parametrize("portion", [1, 200, 1 << 20])
def test_images_are_taken_by_folder_in_the_order_of_names(
    load: Load, images: Path, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_PORTION_BYTES", portion)
    samples = load("images", path=images)
    assert samples.X.shape == (10, 4, 6, 3)
    assert samples.X.dtype == np.uint8
    assert samples.y.tolist() == [0] * 5 + [1] * 5
    assert samples.class_names == ("cat", "dog")
    assert samples.X[0, 0, 0].tolist() == [255, 0, 0]
    assert samples.X[-1, 0, 0].tolist() == [0, 0, 255]


def test_a_link_to_nothing_is_a_bad_file(load: Load, refusal: Refusal, images: Path) -> None:
    (images / "cat" / "gone.png").symlink_to(images / "no such")
    assert refusal("images", path=images).startswith("cat/gone.png: is broken (")
    assert len(load("images", path=images, bad_files="skip")) == 10


def test_a_link_that_leads_back_is_not_followed(load: Load, images: Path) -> None:
    (images / "cat" / "back").symlink_to(images, target_is_directory=True)
    (images / "dog" / "more" / "again").symlink_to(images / "dog", target_is_directory=True)
    (images / "itself").symlink_to(images, target_is_directory=True)
    samples = load("images", path=images)
    assert (len(samples), samples.class_names) == (10, ("cat", "dog"))


def test_images_are_brought_to_a_size_and_to_grey(load: Load, images: Path) -> None:
    Image.new("RGB", (40, 40)).save(images / "cat" / "large.png")
    samples = load("images", path=images, size=[8, 5], color_mode="grayscale")
    assert samples.X.shape == (11, 8, 5, 1)
    assert load("images", path=images, size=[8, 5], color_mode="rgba").X.shape == (11, 8, 5, 4)


def test_an_image_of_another_size_is_named_or_left_out(
    load: Load, refusal: Refusal, images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Image.new("RGB", (7, 4)).save(images / "dog" / "wide.png")
    said = refusal("images", path=images)
    assert said.startswith(f"dog{os.sep}wide.png: is 4 x 7 pixels (height x width), those before it 4 x 6;")
    assert len(load("images", path=images, bad_files="skip")) == 10
    assert f"Left out: dog{os.sep}wide.png: is 4 x 7 pixels" in caplog.text
    assert "1 of 11 files are left out" in caplog.text


@pytest.mark.parametrize("harm", ["cut", "empty", "text"])
def test_a_broken_image_is_named_or_left_out(load: Load, refusal: Refusal, images: Path, harm: str) -> None:
    path = images / "cat" / "broken.png"
    Image.effect_noise((6, 4), 50).save(path)
    data = path.read_bytes()
    path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "text": b"no image"}[harm])
    said = refusal("images", path=images)
    assert said.startswith(f"cat{os.sep}broken.png: is broken (")
    assert said.endswith("mend or remove it, or set dataset.parameters.bad_files to skip")
    assert len(load("images", path=images, bad_files="skip")) == 10


def test_a_photo_is_turned_as_the_camera_was(load: Load, images: Path) -> None:
    shutil.rmtree(images / "cat")
    (images / "cat").mkdir()
    photo = Image.new("RGB", (4, 6), (0, 255, 0))
    exif = photo.getexif()
    exif[0x0112] = 6  # turned by 90 degrees
    photo.save(images / "cat" / "photo.jpg", exif=exif)
    assert load("images", path=images).X.shape == (6, 4, 6, 3)


def test_images_of_16_bits_keep_their_upper_half(load: Load, images: Path) -> None:
    Image.fromarray(np.full((4, 6), 0x8000, np.uint16)).save(images / "cat" / "deep.png")
    samples = load("images", path=images, color_mode="grayscale")
    assert samples.X[4, 0, 0, 0] == 128


def test_an_archive_of_the_folder_does_as_well(load: Load, images: Path, tmp_path: Path) -> None:
    for form in ("zip", "gztar"):
        archive = shutil.make_archive(str(tmp_path / "packed"), form, tmp_path, "animals")
        assert load("images", path=archive).class_names == ("cat", "dog")


def test_folders_that_are_no_classes_are_refused(refusal: Refusal, images: Path, tmp_path: Path) -> None:
    assert "has no folders; a folder for each of two or more classes" in refusal("images", path=images / "cat" / "more")
    (images / "bird").mkdir()
    assert refusal("images", path=images).startswith(f"{images / 'bird'}: has no image (")
    (tmp_path / "split" / "train").mkdir(parents=True)
    (tmp_path / "split" / "test").mkdir()
    assert "is split into test, train; take one of them as path" in refusal("images", path=tmp_path / "split")
    (tmp_path / "file").write_text("")
    assert "file is neither a folder nor an archive of one" in refusal("images", path=tmp_path / "file")
    for path in images.rglob("*.*"):
        path.write_bytes(b"")
    shutil.rmtree(images / "bird")
    assert "none of its 10 files can be read" in refusal("images", path=images, bad_files="skip")


def test_texts_are_taken_by_folder(load: Load, texts: Path) -> None:
    (texts / "bad" / "3.txt").write_bytes("\ufeffwith a mark".encode())
    samples = load("texts", path=texts)
    assert samples.X.tolist()[:4] == ["so bad é 0", "so bad é 1", "so bad é 2", "with a mark"]
    assert samples.y.tolist() == [0] * 4 + [1] * 3
    assert samples.class_names == ("bad", "good")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"caf\xe9", "is no utf-8 text (byte 3: unexpected end of data)"),
        (b"a\0b", "has a zero byte, which no text has"),
    ],
)
def test_a_text_of_another_encoding_is_named_or_left_out(
    load: Load, refusal: Refusal, texts: Path, content: bytes, said: str
) -> None:
    (texts / "good" / "other.txt").write_bytes(content)
    assert refusal("texts", path=texts).startswith(f"good{os.sep}other.txt: {said}")
    assert len(load("texts", path=texts, bad_files="skip")) == 6


def test_texts_of_an_encoding_that_is_said(load: Load, refusal: Refusal, texts: Path) -> None:
    for path in texts.rglob("*.txt"):
        path.write_bytes("é".encode("cp1252"))
    assert set(load("texts", path=texts, encoding="cp1252").X) == {"é"}
    assert refusal("texts", path=texts, encoding="no_such") == (
        "dataset.parameters.encoding: unknown encoding: no_such"
    )


def test_a_new_file_in_the_folder_is_seen(load: Load, texts: Path) -> None:
    assert len(load("texts", path=texts)) == 6
    (texts / "good" / "new.txt").write_text("new")
    assert len(load("texts", path=texts)) == 7
