"""Samples in memory and on disk: which rows are taken, and that an epoch has each of them once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from app.engine import samples
from app.engine.ending import TrainingError
from app.engine.samples import Samples, Stored

COUNT = 1000


@pytest.fixture
def numbers() -> Any:
    return np.arange(COUNT * 3, dtype=np.float32).reshape(COUNT, 3)


@pytest.fixture(params=["memory", "chunked", "contiguous", "memmap", "part"])
def table(request: pytest.FixtureRequest, numbers: Any, tmp_path: Path) -> Iterator[Any]:
    """The same numbers in every form that rows can have."""
    if request.param == "memory":
        yield numbers
    elif request.param == "memmap":
        np.save(tmp_path / "a.npy", numbers)
        yield Stored(np.load(tmp_path / "a.npy", mmap_mode="r"))
    else:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            if request.param == "part":
                data = np.full((2 * COUNT, 3), -1, np.float32)
                data[1::2] = numbers
                yield Stored(file.create_dataset("a", data=data)).take(np.arange(1, 2 * COUNT, 2))
            else:
                chunks = (64, 3) if request.param == "chunked" else None
                yield Stored(file.create_dataset("a", data=numbers, chunks=chunks))


@pytest.mark.parametrize(
    "key",
    [
        slice(None),
        slice(10, 20),
        slice(-5, None),
        slice(20, 10),
        slice(0, 100, 7),
        slice(None, None, -1),
        [5, 3, 3, 900],
        np.array([], dtype=int),
        np.arange(COUNT) % 3 == 0,
        7,
        -1,
        (slice(2, 4), 1),
    ],
)
def test_rows_are_those_that_numpy_gives(table: Any, numbers: Any, key: Any) -> None:
    np.testing.assert_array_equal(table[key], numbers[key])
    assert table.shape == (COUNT, 3)
    assert len(table) == COUNT
    assert table.ndim == 2
    assert table.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(table), numbers)


def test_taking_rows_twice_takes_rows_of_those_rows(table: Any, numbers: Any) -> None:
    part = Samples(table, numbers[:, 0]).take(slice(100, 900)).take(np.arange(0, 800, 5)).take(slice(3, 50))
    np.testing.assert_array_equal(part.X[:], numbers[100:900:5][3:50])
    np.testing.assert_array_equal(part.y, numbers[100:900:5, 0][3:50])


def test_rows_on_disk_keep_its_order_and_targets_go_with_them(table: Any, numbers: Any) -> None:
    order = np.random.default_rng(0).permutation(COUNT)[:300]
    part = Samples(table, numbers[:, 0]).take(order)
    np.testing.assert_array_equal(part.X[:][:, 0], part.y)
    assert part.y.tolist() == numbers[np.sort(order) if part.on_disk else order, 0].tolist()


def test_a_few_rows_of_all_over_a_file_are_read_without_the_file_between_them(
    numbers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "_REACH_BYTES", 1200)  # 100 rows
    np.save(tmp_path / "a.npy", numbers)
    read: list[int] = []

    class Watched(Stored):
        def _range(self, first: int, last: int) -> Any:
            read.append(last - first)
            return super()._range(first, last)

    monkeypatch.setattr(Watched, "piece", 10)
    part = Watched(np.load(tmp_path / "a.npy", mmap_mode="r"))
    np.testing.assert_array_equal(part[::9], numbers[::9])
    assert max(read) <= 100
    assert len(read) == 10


def test_all_rows_in_any_order_are_read_as_neighbours(table: Any, numbers: Any) -> None:
    order = np.random.default_rng(0).permutation(COUNT)
    np.testing.assert_array_equal(Stored(table).take(order)[5:9], numbers[5:9])
    np.testing.assert_array_equal(Stored(table).take(order[order > 9]).take([1, 0])[:], numbers[10:12])


def test_taking_rows_of_what_is_on_disk_reads_nothing(numbers: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        part = Samples(Stored(file.create_dataset("a", data=numbers)), numbers[:, 0]).take(slice(10))
        assert part.on_disk
    assert len(part) == 10
    with pytest.raises(TrainingError, match=r"a\.h5: rows 0 to 9 cannot be read"):  # the file is closed
        part.X[:]


@pytest.mark.parametrize("size", [1, 32, 333, 5000])
@pytest.mark.parametrize("seed", [None, 1])
def test_an_epoch_has_every_sample_once_and_its_target_beside_it(
    table: Any, numbers: Any, size: int, seed: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "_WINDOW_BYTES", 2400)  # 200 rows
    monkeypatch.setattr(samples, "_PIECE_BYTES", 120)
    rng = None if seed is None else np.random.default_rng(seed)
    batches = list(Samples(table, numbers[:, 0]).batches(size, rng))
    assert [len(X) for X, _ in batches[:-1]] == [size] * (len(batches) - 1)
    X = np.concatenate([X for X, _ in batches])
    y = np.concatenate([y for _, y in batches])
    np.testing.assert_array_equal(X[:, 0], y)
    assert (y.tolist() == numbers[:, 0].tolist()) is (seed is None)
    assert sorted(y.tolist()) == numbers[:, 0].tolist()


def test_shuffled_batches_mix_places_of_the_whole_file(numbers: Any, tmp_path: Path) -> None:
    """Folders by class are sorted by it: neighbours alone would be batches of one class."""
    classes = np.repeat(np.arange(10), COUNT // 10)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        on_disk = Samples(Stored(file.create_dataset("a", data=numbers, chunks=(4, 3))), classes)
        batches = [y for _, y in on_disk.batches(40, np.random.default_rng(0), window=200)]
    assert min(len(np.unique(y)) for y in batches) >= 6


@pytest.mark.parametrize(("rows", "window"), [(500, 200), (COUNT, 200), (64, 20), (300, COUNT)])
def test_chunks_of_a_file_that_are_large_beside_the_window_are_mixed_too(
    numbers: Any, tmp_path: Path, rows: int, window: int
) -> None:
    classes = np.repeat(np.arange(2), COUNT // 2)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        on_disk = Samples(Stored(file.create_dataset("a", data=numbers, chunks=(rows, 3))), classes)
        batches = [y for _, y in on_disk.batches(20, np.random.default_rng(0), window=window)]
    assert all(0.1 <= y.mean() <= 0.9 for y in batches)


def test_the_last_rows_of_a_file_come_at_any_time(numbers: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        on_disk = Samples(Stored(file.create_dataset("a", data=numbers, chunks=(7, 3))), np.arange(COUNT))
        rng = np.random.default_rng(0)
        places = [np.flatnonzero(_order(on_disk, rng) == COUNT - 1)[0] for _ in range(10)]
    assert np.ptp(places) > COUNT // 2


def _order(samples: Samples, rng: np.random.Generator) -> Any:
    return np.concatenate([y for _, y in samples.batches(20, rng, window=250)])


def test_the_same_seed_gives_the_same_batches_and_the_next_epoch_others(table: Any, numbers: Any) -> None:
    def epochs() -> list[list[float]]:
        rng = np.random.default_rng(3)
        made = Samples(table, numbers[:, 0])
        return [np.concatenate([y for _, y in made.batches(50, rng)]).tolist() for _ in range(2)]

    first, second = epochs()
    assert [first, second] == epochs()
    assert first != second


def test_several_inputs_and_outputs_stay_together(numbers: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        words = file.create_dataset("words", data=[f"word {row}" for row in range(COUNT)], dtype=h5py.string_dtype())
        made = Samples(
            {"numbers": Stored(file.create_dataset("a", data=numbers)), "words": Stored(words)},
            {"one": numbers[:, 0], "two": -numbers[:, 0]},
        ).take(np.arange(COUNT) % 2 == 1)
        for X, y in made.batches(64, np.random.default_rng(0)):
            assert X["words"].tolist() == [f"word {int(row / 3)}" for row in X["numbers"][:, 0]]
            assert y["one"].tolist() == X["numbers"][:, 0].tolist()
            assert y["two"].tolist() == [-value for value in y["one"]]


def test_an_array_that_is_on_disk_as_it_is_works_too(numbers: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = Samples(file.create_dataset("a", data=numbers), numbers[:, 0])
        assert made.on_disk
        assert made.take(slice(5)).X[:].tolist() == numbers[:5].tolist()
        assert sum(len(y) for _, y in made.batches(7, np.random.default_rng(0))) == COUNT
