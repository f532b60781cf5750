"""The cache in front of the user's data: what stays on the disk, when it is read anew, and what is never left there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from app.engine.data import cache
from app.engine.data.cache import BrokenCacheError, read_cache, write_cache
from app.engine.data.source import Portions
from app.engine.datasets import load_dataset
from app.engine.ending import DamagedDataError
from app.engine.samples import Arrays, Samples, Stored

Load = Callable[..., Samples]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("a,y\n" + "".join(f"{row},{row % 2}\n" for row in range(1000)))
    return path


def cached(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").iterdir())


def test_large_data_stays_on_the_disk_and_its_small_arrays_do_not(
    load: Load, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MEMORY_LIMIT", 10_000)
    monkeypatch.setattr(cache, "SMALL", 5_000)
    for _ in range(2):  # from the source, then from the cache
        samples = load("csv", path=table, target="y", types={"y": "number"})
        assert isinstance(samples.X, np.ndarray)  # 4,000 bytes
        assert isinstance(samples.y, Stored)  # 8,000 bytes
        assert samples.y[:].tolist() == [row % 2 for row in range(1000)]
        assert samples.encoding is not None
    (path,) = cached(tmp_path)
    with h5py.File(path) as file:
        assert file["X"].compression is None
        assert file["X"].shape == (1000, 1)


@pytest.mark.parametrize("change", ["content", "time", "parameter"])
def test_a_changed_file_or_parameter_is_read_anew(
    load: Load, table: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="trackside")
    load("csv", path=table, target="y")
    if change == "content":
        table.write_text("a,y\n5,6\n")
    elif change == "time":
        os.utime(table, ns=(0, 0))
    caplog.clear()
    load("csv", path=table, target="y", **({"dates": "days"} if change == "parameter" else {}))
    assert "Reading dataset ..." in caplog.text
    caplog.clear()
    load("csv", path=table, target="y", **({"dates": "days"} if change == "parameter" else {}))
    assert "Dataset already exists on cache. Retrieving ..." in caplog.text
    assert "Reading dataset ..." not in caplog.text


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_cache_that_was_cut_off_is_rebuilt_and_said_so(
    load: Load, table: Path, tmp_path: Path, part: float, caplog: pytest.LogCaptureFixture
) -> None:
    first = load("csv", path=table, target="y")
    (path,) = cached(tmp_path)
    os.truncate(path, int(path.stat().st_size * part))
    again = load("csv", path=table, target="y")
    assert f"The cached dataset {path} cannot be read" in caplog.text
    np.testing.assert_array_equal(first.X, again.X)
    assert cached(tmp_path) == [path]


def test_damaged_values_are_noticed_and_the_cache_rebuilt(
    load: Load, table: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = load("csv", path=table, target="y")
    (path,) = cached(tmp_path)
    damage(path)
    again = load("csv", path=table, target="y")
    assert f"The cached dataset {path} cannot be read" in caplog.text
    np.testing.assert_array_equal(first.X, again.X)


def test_damaged_values_that_are_read_in_portions_name_file_and_rows(
    load: Load, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load("csv", path=table, target="y")
    (path,) = cached(tmp_path)
    damage(path)
    monkeypatch.setattr(cache, "MEMORY_LIMIT", 0)
    monkeypatch.setattr(cache, "SMALL", 0)
    samples = load("csv", path=table, target="y")
    with pytest.raises(DamagedDataError, match="rows 0 to 999 cannot be read") as raised:
        samples.X[:]
    assert raised.value.path == path


def damage(path: Path) -> None:
    """Turn a value of the first chunk of X over; the file's own structure stays as it is."""
    with h5py.File(path) as file:
        place = file["X"].id.get_chunk_info(0).byte_offset + 400
    with open(path, "rb+") as file:
        file.seek(place)
        file.write(b"\xff\xff\xff\x7f")


def test_names_classes_and_texts_come_back_as_they_were(tmp_path: Path) -> None:
    X: Arrays = {"wörter / 1": np.array(["eins", "", "zwei\n"], object), "b": np.ones((3, 2, 2), np.uint8)}
    names = tuple(f"class {number} é" for number in range(10_000))  # above 64 KB
    write_cache(tmp_path / "a.h5", Portions(lambda: iter([(X, np.arange(3))]), names, {"a": [1.5]}), lambda: None)
    samples = read_cache(tmp_path / "a.h5")
    assert samples.class_names == names
    assert samples.encoding == {"a": [1.5]}
    assert isinstance(samples.X, dict)
    assert samples.X["wörter / 1"].tolist() == ["eins", "", "zwei\n"]
    assert samples.X["b"].dtype == np.uint8
    assert samples.X["b"].shape == (3, 2, 2)


def test_texts_of_a_fixed_width_are_texts(tmp_path: Path) -> None:
    write_cache(tmp_path / "a.h5", Portions.of(Samples(np.array(["é", "bb"]), np.arange(2))), lambda: None)
    assert read_cache(tmp_path / "a.h5").X.tolist() == ["é", "bb"]


def test_nothing_half_written_is_left_when_the_end_is_asked_for(tmp_path: Path) -> None:
    class EndError(BaseException):
        pass

    def check() -> None:
        if list(tmp_path.glob("*.partial")):
            raise EndError

    with pytest.raises(EndError):
        write_cache(tmp_path / "a.h5", Portions.of(Samples(np.zeros(5), np.zeros(5))), check)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_fails_half_way_leaves_no_cache(tmp_path: Path) -> None:
    def read() -> Iterator[tuple[Arrays, Arrays]]:
        yield np.zeros(5), np.zeros(5)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        write_cache(tmp_path / "a.h5", Portions(read), lambda: None)
    assert list(tmp_path.iterdir()) == []


def test_no_samples_are_no_cache(tmp_path: Path) -> None:
    write_cache(tmp_path / "a.h5", Portions.of(Samples(np.zeros((0, 2)), np.zeros(0))), lambda: None)
    with pytest.raises(BrokenCacheError, match="no samples"):
        read_cache(tmp_path / "a.h5")


def test_where_no_cache_can_be_written_the_samples_are_in_memory(
    table: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    samples = load_dataset("csv", {"path": str(table), "target": "y"}, tmp_path / "cache" / "datasets")
    assert len(samples) == 1000
    assert "The dataset could not be saved to the cache" in caplog.text
