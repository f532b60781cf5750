"""Arrays of the user in files of NumPy and HDF5."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from app.engine.data import array_files, cache
from app.engine.samples import Samples, Stored

Load = Callable[..., Samples]
Refusal = Callable[..., str]

X, Y = np.arange(60, dtype=np.float32).reshape(20, 3), np.arange(20)


@pytest.fixture(params=["savez", "savez_compressed"])
def npz(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "data.npz"
    getattr(np, request.param)(path, X=X, y=Y, other=X[:, :1], names=np.array(["a", "b"] * 10))
    return path


@pytest.fixture
def hdf5(tmp_path: Path) -> Path:
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file.update({"X": X, "labels": Y, "group/more": X[:, :1]})
        file["words"] = [f"word {row}" for row in range(20)]
        file["one"] = 1.5
    return path


@pytest.mark.parametrize("portion", [1, 40, 1 << 20])
def test_an_npz_is_read_by_the_usual_keys(load: Load, npz: Path, portion: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_files, "_PORTION_BYTES", portion)
    samples = load("arrays", path=npz)
    np.testing.assert_array_equal(samples.X, X)
    np.testing.assert_array_equal(samples.y, Y)


def test_a_large_npz_goes_through_the_cache_and_stays_on_the_disk(
    load: Load, npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MEMORY_LIMIT", 100)
    monkeypatch.setattr(cache, "SMALL", 200)
    samples = load("arrays", path=npz)
    assert isinstance(samples.X, Stored)
    np.testing.assert_array_equal(samples.X[:], X)
    np.testing.assert_array_equal(samples.y, Y)
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("name", ["arrays", "hdf5"])
def test_several_inputs_and_outputs_by_key(load: Load, npz: Path, hdf5: Path, name: str) -> None:
    path, other, target, words = (
        (npz, "other", "y", "names") if name == "arrays" else (hdf5, "group/more", "labels", "words")
    )
    samples = load(name, path=path, features={"a": "X", "b": other, "c": words}, target={"one": target, "two": "X"})
    assert isinstance(samples.X, dict)
    assert isinstance(samples.y, dict)
    np.testing.assert_array_equal(samples.X["a"], X)
    np.testing.assert_array_equal(samples.X["b"], X[:, :1])
    assert samples.X["c"][1] in ("b", "word 1")
    np.testing.assert_array_equal(samples.y["one"], Y)
    np.testing.assert_array_equal(samples.y["two"], X)


def test_two_npy_files(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    samples = load("arrays", path=tmp_path / "X.npy", target_path=tmp_path / "y.npy")
    np.testing.assert_array_equal(samples.X, X)
    np.testing.assert_array_equal(samples.y, Y)
    assert not samples.on_disk
    monkeypatch.setattr(cache, "MEMORY_LIMIT", 100)
    monkeypatch.setattr(cache, "SMALL", 200)
    samples = load("arrays", path=tmp_path / "X.npy", target_path=tmp_path / "y.npy")
    assert isinstance(samples.X, Stored)
    np.testing.assert_array_equal(samples.X[3:5], X[3:5])


def test_hdf5_is_read_by_key_and_stays_where_it_is_when_it_is_large(
    load: Load, hdf5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = load("hdf5", path=hdf5)
    np.testing.assert_array_equal(samples.X, X)
    np.testing.assert_array_equal(samples.y, Y)
    monkeypatch.setattr(cache, "MEMORY_LIMIT", 100)
    monkeypatch.setattr(cache, "SMALL", 200)
    samples = load("hdf5", path=hdf5)
    assert isinstance(samples.X, Stored)
    np.testing.assert_array_equal(samples.X[:], X)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("name", ["arrays", "hdf5"])
def test_a_file_that_was_cut_off_is_said_to_be(
    refusal: Refusal, npz: Path, hdf5: Path, name: str, part: float, tmp_path: Path
) -> None:
    path = npz if name == "arrays" else hdf5
    os.truncate(path, int(path.stat().st_size * part))
    said = refusal(name, path=path)
    assert said.startswith(path.name)
    assert "was cut off" in said
    assert not (tmp_path / "cache").exists()


def test_an_npz_with_a_flipped_bit_is_said_to_be_broken(refusal: Refusal, npz: Path) -> None:
    data = bytearray(npz.read_bytes())
    data[180] ^= 1
    npz.write_bytes(data)
    assert refusal("arrays", path=npz).startswith("data.npz: cannot be read, it is broken or was cut off (")


def test_python_objects_are_never_unpickled(refusal: Refusal, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "sprung"),))

    np.savez(tmp_path / "data.npz", X=np.array([Trap()], dtype=object), y=np.zeros(1))
    assert "X holds Python objects" in refusal("arrays", path=tmp_path / "data.npz")
    np.save(tmp_path / "X.npy", np.array([Trap()], dtype=object))
    np.save(tmp_path / "y.npy", np.zeros(1))
    said = refusal("arrays", path=tmp_path / "X.npy", target_path=tmp_path / "y.npy")
    assert said.startswith("X.npy: cannot be read")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("arrays", {"features": "Xs"}, "dataset.parameters.features: no array is called 'Xs'"),
        ("arrays", {"target": {"a": 3}}, "dataset.parameters.target: no array is called '3'"),
        ("hdf5", {"target": "label"}, "dataset.parameters.target: no array is called 'label'; did you mean 'labels'?"),
        ("hdf5", {"target": "one"}, "data.h5: one is a single value, not an array of samples"),
        ("hdf5", {"features": "group"}, "dataset.parameters.features: no array is called 'group'"),
    ],
)
def test_keys_that_are_not_there_are_named(
    refusal: Refusal, npz: Path, hdf5: Path, name: str, parameters: dict[str, Any], said: str
) -> None:
    assert refusal(name, path=npz if name == "arrays" else hdf5, **parameters).startswith(said)


def test_arrays_that_do_not_go_together_are_named(refusal: Refusal, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", X=X, y=Y[:5])
    assert refusal("arrays", path=tmp_path / "data.npz") == (
        "data.npz: not as many samples in all arrays: X has 20, y has 5"
    )
    np.savez(tmp_path / "data.npz", a=X, b=Y)
    assert refusal("arrays", path=tmp_path / "data.npz") == (
        "dataset.parameters.features: is missing; data.npz has the arrays a, b"
    )
    np.savez(tmp_path / "data.npz", X=X[:0], y=Y[:0])
    assert refusal("arrays", path=tmp_path / "data.npz") == "data.npz: has no samples"
    np.savez(tmp_path / "data.npz", X=np.asfortranarray(X), y=Y)
    assert "save numpy.ascontiguousarray of it" in refusal("arrays", path=tmp_path / "data.npz")
    np.save(tmp_path / "X.npy", X)
    assert "target_path: is missing" in refusal("arrays", path=tmp_path / "X.npy")
    assert refusal("arrays", path=tmp_path).startswith(f"dataset.parameters.path: {tmp_path} is a folder")
    assert refusal("arrays", path=tmp_path / "none") == f"dataset.parameters.path: there is no {tmp_path / 'none'}"
    assert refusal("arrays") == "dataset.parameters: give either path or url"
