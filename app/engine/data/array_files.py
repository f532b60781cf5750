"""The datasets ``arrays`` and ``hdf5``: arrays in files of NumPy and of HDF5, by their keys."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import h5py
import numpy as np
from numpy.lib import format as npy

from app.config.problems import unknown
from app.engine.data import cache
from app.engine.data.files import local_file
from app.engine.data.source import Parameters, Place, Portions
from app.engine.ending import TrainingError
from app.engine.samples import Array, Arrays, Samples, Stored

#: What the arrays are called where the config does not say it.
_FEATURES = ("X", "x", "features", "data", "inputs", "images")
_TARGETS = ("y", "Y", "target", "targets", "labels", "label", "outputs")
_PORTION_BYTES = 16 << 20


def load_arrays(parameters: Parameters, place: Place) -> Samples | Portions:
    """Return arrays of an .npz file by key, or of two .npy files; no file of Python objects is read.

    An .npy above 256 MB stays on the disk; an .npz goes through the cache a portion at a time.

    Raises:
        TrainingError: a file is broken, or has no array of that key.
    """
    path = local_file(parameters, place)
    if path.suffix.lower() == ".npy":
        return _npy_pair(path, parameters, place)
    if path.suffix.lower() != ".npz":
        raise TrainingError(f"{path.name}: is neither .npz nor .npy")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            chosen = _chosen(parameters, names, path)
            headers = {
                name: read_shape(archive, name, path)
                for name in dict.fromkeys(key for part in chosen for key in _keys(part))
            }
    except (zipfile.BadZipFile, OSError) as error:
        raise TrainingError(f"{path.name}: is no .npz file, or was cut off ({error})") from error
    _check_rows(path, {name: shape for name, (shape, _) in headers.items()})
    row_bytes = {name: max(math.prod(shape[1:]) * dtype.itemsize, 1) for name, (shape, dtype) in headers.items()}
    total = sum(shape[0] * row_bytes[name] for name, (shape, _) in headers.items())
    rows = max(_PORTION_BYTES // max(row_bytes.values()), 1)

    def read() -> Iterator[tuple[Arrays, Arrays]]:
        with named_errors(path), zipfile.ZipFile(path) as archive:
            yield from _zip_portions(archive, chosen, headers, rows)

    portions = Portions(read)
    return portions if total > cache.memory_limit(chunked=place.chunked) else portions.together()


def load_hdf5(parameters: Parameters, place: Place) -> Samples:
    """Return tables of an HDF5 file by key; above 256 MB they stay where they are.

    Raises:
        TrainingError: the file is broken or cut off, or has no table of that key.
    """
    path = local_file(parameters, place)
    try:
        file = h5py.File(path, "r")
        tables: dict[str, Any] = {}
        file.visititems(lambda name, node: tables.__setitem__(name, node) if isinstance(node, h5py.Dataset) else None)
    except (OSError, RuntimeError) as error:
        raise TrainingError(f"{path.name}: is no HDF5 file, or was cut off ({error})") from error
    chosen = _chosen(parameters, list(tables), path)
    keys = [key for part in chosen for key in _keys(part)]
    for key in keys:
        if tables[key].dtype.kind not in "biuf" and h5py.check_string_dtype(tables[key].dtype) is None:
            raise TrainingError(
                f"{path.name}: {key} is of the type {tables[key].dtype}; numbers or texts would be right"
            )
    _check_rows(path, {key: tables[key].shape for key in keys})
    sizes = {key: len(tables[key]) * Stored(tables[key]).row_bytes for key in keys}
    limit = cache.memory_limit(sum(sizes.values()), chunked=place.chunked)

    def read(key: str) -> Array:
        with named_errors(path):
            return cache.read_table(tables[key], limit)

    return Samples(_by_name(chosen[0], read), _by_name(chosen[1], read))


def _npy_pair(path: Path, parameters: Parameters, place: Place) -> Samples:
    if parameters["target_path"] is None:
        raise TrainingError(f"dataset.parameters.target_path: is missing; the .npy file of the targets of {path.name}")
    if parameters["features"] is not None or parameters["target"] is not None:
        raise TrainingError(f"dataset.parameters.features: {path.name} has one array, which has no key")
    X, y = (_map(each) for each in (path, Path(parameters["target_path"])))
    _check_rows(path, {path.name: X.shape, Path(parameters["target_path"]).name: y.shape})
    limit = cache.memory_limit(X.nbytes + y.nbytes, chunked=place.chunked)
    return Samples(_in_memory(X, limit), _in_memory(y, limit))


def _map(path: Path) -> Any:
    with named_errors(path):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _in_memory(array: Any, limit: int) -> Array:
    return np.array(array) if array.nbytes <= limit else cast("Array", Stored(array))


def _chosen(parameters: Parameters, names: list[str], path: Path) -> tuple[Any, Any]:
    """Return the keys of features and targets, by the name of input or output where there are several."""
    chosen = []
    for setting, usual in (("features", _FEATURES), ("target", _TARGETS)):
        given = parameters[setting]
        if given is None:
            given = next((name for name in usual if name in names), None)
        listed = ", ".join(names) or "none"
        if given is None:
            raise TrainingError(f"dataset.parameters.{setting}: is missing; {path.name} has the arrays {listed}")
        for key in _keys(given):
            if key not in names:
                message, _ = unknown("array", str(key), names)
                raise TrainingError(f"dataset.parameters.{setting}: {message} ({path.name} has {listed})")
        chosen.append(given)
    return chosen[0], chosen[1]


def _keys(part: Any) -> list[Any]:
    return list(part.values()) if isinstance(part, Mapping) else [part]


def _by_name(part: Any, read: Callable[[str], Array]) -> Arrays:
    return {name: read(key) for name, key in part.items()} if isinstance(part, Mapping) else read(part)


def _check_rows(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in shapes.items():
        if not shape:
            raise TrainingError(f"{path.name}: {name} is a single value, not an array of samples")
    counts = {shape[0] for shape in shapes.values()}
    if len(counts) > 1:
        listed = ", ".join(f"{name} has {shape[0]}" for name, shape in shapes.items())
        raise TrainingError(f"{path.name}: not as many samples in all arrays: {listed}")
    if counts == {0}:
        raise TrainingError(f"{path.name}: has no samples")


def read_shape(archive: zipfile.ZipFile, name: str, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of an array in an .npz file.

    Raises:
        TrainingError: it is broken, holds Python objects, or is stored by columns.
    """
    with named_errors(path), archive.open(f"{name}.npy") as file:
        shape, fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise TrainingError(
            f"{path.name}: {name} holds Python objects, which could run code; save it as numbers or texts"
        )
    if fortran and len(shape) > 1:
        raise TrainingError(f"{path.name}: {name} is stored by columns; save numpy.ascontiguousarray of it")
    return shape, dtype


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read past the header of an .npy file; return shape, whether it is stored by columns, and type."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(file)


def _zip_portions(
    archive: zipfile.ZipFile,
    chosen: tuple[Any, Any],
    headers: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]],
    rows: int,
) -> Iterator[tuple[Arrays, Arrays]]:
    files = {name: archive.open(f"{name}.npy") for name in headers}
    try:
        for file in files.values():
            read_header(file)
        count = next(iter(headers.values()))[0][0]
        for first in range(0, count, rows):
            some = min(rows, count - first)
            read = {name: read_rows(files[name], some, *headers[name]) for name in headers}
            yield _by_name(chosen[0], read.__getitem__), _by_name(chosen[1], read.__getitem__)
    finally:
        for file in files.values():
            file.close()


def read_rows(file: IO[bytes], count: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return the next rows of an array in an .npz file. EOFError where it was cut off."""
    size = count * math.prod(shape[1:]) * dtype.itemsize
    data = file.read(size)
    if len(data) < size:
        raise EOFError("an array was cut off")
    return np.frombuffer(data, dtype).reshape(count, *shape[1:])


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Turn whatever a broken file raises into a sentence with its name."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, KeyError, ValueError) as error:
        raise TrainingError(f"{path.name}: cannot be read, it is broken or was cut off ({error})") from error
