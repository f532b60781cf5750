"""The datasets that ship with Trackside or scikit-learn, the cache in front of them, and those that are downloaded."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from app.config.catalog import load_catalog
from app.engine.data.keras_sets import FILES
from app.engine.datasets import SOURCES, load_dataset
from app.engine.ending import TrainingError

CATALOG = load_catalog()
DOWNLOADED = [id for id in CATALOG.ids("dataset") if CATALOG.require("dataset", id).info["download"]]
BUNDLED = [
    id for id in CATALOG.ids("dataset") if "rows" in CATALOG.require("dataset", id).info and id not in DOWNLOADED
]


def write(path: Path, **tables: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, table in tables.items():
            file[name] = table


def test_every_dataset_of_the_catalog_has_a_source() -> None:
    assert sorted(SOURCES) == sorted(CATALOG.ids("dataset"))


@pytest.mark.parametrize("id", BUNDLED)
def test_a_dataset_is_what_the_catalog_says(id: str, tmp_path: Path) -> None:
    info = CATALOG.require("dataset", id).info
    samples = load_dataset(id, {}, tmp_path)
    assert samples.X.shape == (info["rows"], *info["features"])
    assert samples.X.dtype == np.float32
    assert samples.y.shape == (info["rows"],)
    if info["task"] == "classification":
        assert samples.y.dtype == np.int64
        assert np.unique(samples.y).tolist() == list(range(info["classes"]))
    else:
        assert samples.y.dtype == np.float32


def test_the_boston_table_is_that_of_statlib(tmp_path: Path) -> None:
    samples = load_dataset("boston_housing", {}, tmp_path)
    np.testing.assert_allclose(
        samples.X[0], [0.00632, 18, 2.31, 0, 0.538, 6.575, 65.2, 4.09, 1, 296, 15.3, 396.9, 4.98], rtol=1e-6
    )
    assert samples.y[:3].tolist() == pytest.approx([24, 21.6, 34.7])
    assert samples.y.mean() == pytest.approx(22.5328, abs=1e-3)
    assert samples.y.max() == 50


def test_a_dataset_that_was_loaded_comes_from_the_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="trackside")
    first = load_dataset("iris", {}, tmp_path)
    assert [record.getMessage() for record in caplog.records] == ["Reading dataset ...", "Saving dataset to cache ..."]
    (cached,) = tmp_path.iterdir()
    assert re.fullmatch(r"iris-[0-9a-f]{12}\.h5", cached.name)
    with h5py.File(cached) as file:
        assert set(file) == {"X", "y"}
    caplog.clear()
    second = load_dataset("iris", {}, tmp_path)
    assert [record.getMessage() for record in caplog.records] == ["Dataset already exists on cache. Retrieving ..."]
    for ours, theirs in ((first.X, second.X), (first.y, second.y)):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def scribble(path: Path) -> None:
    path.write_bytes(b"no table at all")


def lose_targets(path: Path) -> None:
    write(path, X=np.zeros((150, 4)))


def lose_rows(path: Path) -> None:
    write(path, X=np.zeros((150, 4)), y=np.zeros(149))


def make_groups(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name in ("X", "y"):
            file.create_group(f"{name}/a")


@pytest.mark.parametrize("harm", [cut, scribble, lose_targets, lose_rows, make_groups])
def test_a_cache_that_is_broken_is_said_to_be_and_made_anew(
    harm: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load_dataset("iris", {}, tmp_path)
    (cached,) = tmp_path.iterdir()
    harm(cached)
    caplog.clear()
    samples = load_dataset("iris", {}, tmp_path)
    assert samples.X.shape == (150, 4)
    assert f"The cached dataset {cached} cannot be read" in caplog.text
    caplog.clear()
    load_dataset("iris", {}, tmp_path)
    assert not caplog.records
    assert list(tmp_path.iterdir()) == [cached]


@pytest.mark.parametrize("name", ["BostonHousing.h5", "boston_housing.h5"])
def test_the_cache_of_an_older_system_is_read(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, X=np.full((3, 13), 7.0), y=np.arange(3.0))
    samples = load_dataset("boston_housing", {}, tmp_path)
    assert samples.X.tolist() == [[7.0] * 13] * 3
    assert samples.y.tolist() == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_cache_that_cannot_be_written_is_only_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    samples = load_dataset("wine", {}, tmp_path / "cache" / "datasets")
    assert len(samples) == 178
    assert "The dataset could not be saved to the cache" in caplog.text


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keras' own folder, with no network behind it."""
    home = tmp_path / "keras"
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(home))  # it read the variable when it was imported
    home.mkdir()
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.mark.parametrize("id", DOWNLOADED)
def test_a_dataset_that_cannot_be_downloaded_says_where_to_put_its_file(
    id: str, keras_home: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=rf"^dataset\.name: {id} could not be downloaded \(") as caught:
        load_dataset(id, {}, tmp_path / "cache")
    assert str(keras_home / "datasets") in str(caught.value)
    assert not (tmp_path / "cache").exists()


def idx(*shape: int) -> bytes:
    """Return a file of the form of the MNIST family: a header that nobody reads, then bytes."""
    return gzip.compress(
        bytes(8 if len(shape) == 1 else 16) + bytes(range(256))[: shape[0]] * (np.prod(shape) // shape[0])
    )


def test_a_file_that_was_put_there_by_hand_is_taken(keras_home: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        load_dataset("fashion_mnist", {}, tmp_path / "cache")
    for path in re.findall(rf"{keras_home}\S+", str(caught.value)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(idx(4) if "labels" in path else idx(4, 28, 28))
    samples = load_dataset("fashion_mnist", {}, tmp_path / "cache")
    assert samples.X.shape == (8, 28, 28)
    assert samples.y.tolist() == [0, 1, 2, 3] * 2


@pytest.mark.parametrize("id", ["cifar10", "cifar100", "mnist", "california_housing", "imdb", "reuters"])
def test_another_file_in_the_place_of_the_one_that_is_asked_for_is_not_taken(
    id: str, keras_home: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError) as caught:
        load_dataset(id, {}, tmp_path / "cache")
    (path,) = re.findall(rf"{keras_home}\S+", str(caught.value))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(b"another file")
    with pytest.raises(TrainingError, match=f"{path} has another checksum"):
        load_dataset(id, {}, tmp_path / "cache")
    assert Path(path).read_bytes() == b"another file"


@pytest.mark.parametrize("id", DOWNLOADED)
def test_addresses_names_and_checksums_are_those_that_keras_itself_has(
    id: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Keras asks for its files by a function that is put aside here: what it is asked for is what we load."""
    import keras

    asked = []

    def get_file(
        fname: str, origin: str, file_hash: str | None = None, cache_subdir: str = "datasets", **_: Any
    ) -> str:
        if id.startswith("cifar"):
            fname += "_archive"
        asked.append((origin, os.path.join(cache_subdir, fname).removeprefix(f"datasets{os.sep}"), file_hash))
        return str(tmp_path / "missing")

    monkeypatch.setattr(f"{getattr(keras.datasets, id).load_data.__module__}.get_file", get_file)
    with pytest.raises(FileNotFoundError):
        getattr(keras.datasets, id).load_data()
    assert asked == FILES[id][: len(asked)]


def test_reviews_and_newswires_become_rows_of_one_length(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "datasets" / "imdb.npz"
    file.parent.mkdir()
    rows = np.array([[1, 2, 3, 4, 5, 6], [7, 2]] * 3, dtype=object)
    np.savez(file, x_train=rows, y_train=np.arange(6) % 2, x_test=rows[:2], y_test=np.array([1, 0]))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    monkeypatch.setitem(FILES, "imdb", [(*FILES["imdb"][0][:2], digest)])
    monkeypatch.setattr(
        "keras.src.datasets.imdb.get_file", lambda fname, **_: str(file)
    )  # it would not take this file, which is not its own
    samples = load_dataset("imdb", {"length": 4, "num_words": 9}, tmp_path / "cache")
    assert samples.X.shape == (8, 4)
    assert samples.X.dtype == np.int32
    assert sorted(map(tuple, samples.X.tolist()))[0] == (0, 1, 2, 5)
    assert samples.class_names == ("negative", "positive")
