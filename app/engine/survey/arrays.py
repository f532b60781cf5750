"""What arrays are in a file of NumPy or HDF5: keys, shapes, types, and what those with one value a sample hold."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.lib import format as npy

from app.config.first_config import is_image
from app.config.guessing import GuessError, guess
from app.config.survey import MOST_DISTINCT, ArrayFacts, ColumnFacts, Survey
from app.engine.data.array_files import named_errors, read_header, read_rows, read_shape
from app.engine.ending import TrainingError
from app.engine.samples import Array
from app.engine.survey.folders import thumbnail

_SHOWN, _SHOWN_VALUES = 24, 12
#: How the files of features and targets are called beside each other.
_PAIRS = {"X": "y", "x": "y", "features": "labels", "inputs": "targets", "images": "labels", "data": "labels"}


class _Zipped:
    """An array in an .npz file, of which no more is read than is asked for."""

    def __init__(self, archive: zipfile.ZipFile, name: str, path: Path) -> None:
        self.shape, self.dtype = read_shape(archive, name, path)
        self._archive, self._name, self._path = archive, name, path

    def __getitem__(self, rows: slice) -> Array:
        """Return the first rows."""
        count = len(range(*rows.indices(self.shape[0])))
        with named_errors(self._path), self._archive.open(f"{self._name}.npy") as file:
            read_header(file)
            return read_rows(file, count, self.shape, self.dtype)


def survey_arrays(path: Path) -> Survey:
    """Return what is in an .npz file, or in an .npy file and the one with the targets beside it.

    Raises:
        TrainingError: it is broken, or there is no file of targets.
    """
    if path.suffix.lower() == ".npz":
        return _survey_npz(path)
    features, targets = _pair(path)
    with named_errors(path):
        loaded = {name: npy.open_memmap(each, mode="r") for name, each in (("features", features), ("target", targets))}
    return _survey(features, "arrays", {"target_path": str(targets)}, loaded, [])


def survey_hdf5(path: Path) -> Survey:
    """Return what is in an HDF5 file.

    Raises:
        TrainingError: it is broken, or has no tables.
    """
    try:
        file = h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        raise TrainingError(f"{path.name}: is no HDF5 file, or was cut off ({error})") from error
    with file, named_errors(path):
        tables: dict[str, Any] = {}
        file.visititems(lambda name, node: tables.__setitem__(name, node) if isinstance(node, h5py.Dataset) else None)
        return _survey(path, "hdf5", {}, tables, [])


def _survey_npz(path: Path) -> Survey:
    notes: list[str] = []
    arrays: dict[str, _Zipped] = {}
    with named_errors(path), zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            try:
                arrays |= {name.removesuffix(".npy"): _Zipped(archive, name.removesuffix(".npy"), path)}
            except TrainingError as error:
                notes.append(f"{error}.")
        return _survey(path, "arrays", {}, arrays, notes)


def _survey(
    path: Path, dataset: str, parameters: dict[str, Any], arrays: Mapping[str, Any], notes: list[str]
) -> Survey:
    kept = {name: array for name, array in arrays.items() if array.shape and array.dtype.kind in "biuf"}
    if len(kept) < 2:
        found = ", ".join(f"{name} {list(array.shape)} of {array.dtype}" for name, array in arrays.items())
        raise TrainingError(
            " ".join(notes)
            or f"{path.name}: has {f'the arrays {found}' if found else 'no arrays'}; one of features and one of "
            "targets, of numbers, would be right"
        )
    survey = Survey(
        "arrays",
        str(path),
        dataset,
        parameters,
        rows=max(array.shape[0] for array in kept.values()),
        columns=tuple(_column(name, np.asarray(array[:])) for name, array in kept.items() if _is_column(array)),
        arrays=tuple(
            ArrayFacts(name, array.shape, str(array.dtype), _is_one_hot(array)) for name, array in kept.items()
        ),
        notes=notes,
    )
    try:
        chosen = guess(survey)
    except GuessError:
        return survey
    header, samples, shape = _samples(kept[chosen.features], kept[chosen.target])
    rows = kept[chosen.features].shape[0]
    return dataclasses.replace(survey, rows=rows, header=header, samples=samples, shape=shape)


def _samples(X: Any, y: Any) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], tuple[int, ...]]:
    """Return header and rows of the samples to show, and the shape of images."""
    first, targets = np.asarray(X[:_SHOWN]), np.asarray(y[:_SHOWN])
    if is_image(X.shape[1:]):
        pixels = _as_bytes(first if first.ndim == 4 else first[..., np.newaxis])
        names = [str(target if np.ndim(target) == 0 else target.tolist()) for target in targets]
        pairs = tuple((name, thumbnail(image), "") for name, image in zip(names, pixels, strict=True))
        return (), pairs, tuple(pixels.shape[1:])
    flat = first.reshape(len(first), -1)[:, :_SHOWN_VALUES]
    rows = tuple(
        (*(f"{value:.6g}" for value in row.tolist()), _written(target))
        for row, target in zip(flat, targets, strict=True)
    )
    return (*(f"[{number}]" for number in range(flat.shape[1])), "target"), rows, ()


def _written(target: Any) -> str:
    return f"{target.item():.6g}" if np.size(target) == 1 else str(np.asarray(target).tolist())[:80]


def _as_bytes(images: Array) -> Array:
    if images.dtype == np.uint8:
        return images
    values = np.nan_to_num(images.astype(np.float32))
    low, high = float(values.min()), float(values.max())
    return ((values - low) / ((high - low) or 1) * 255).astype(np.uint8)


def _is_column(array: Any) -> bool:
    return len(array.shape) == 1 or (len(array.shape) == 2 and array.shape[1] == 1)


def _is_one_hot(array: Any) -> bool:
    if len(array.shape) != 2 or not 1 < array.shape[1] <= MOST_DISTINCT:
        return False
    some = np.asarray(array[:MOST_DISTINCT])
    return bool(np.isin(some, (0, 1)).all() and (some.sum(axis=1) == 1).all())


def _column(name: str, array: Array) -> ColumnFacts:
    values = array.reshape(-1)
    there = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    found, counts = np.unique(there, return_counts=True)
    few = len(found) <= MOST_DISTINCT
    whole = bool((there == np.floor(there)).all()) if there.dtype.kind == "f" else True
    return ColumnFacts(
        name,
        "number",
        missing=len(values) - len(there),
        distinct=len(found) if few else None,
        counts={f"{value:g}": int(count) for value, count in zip(found.tolist(), counts, strict=True)} if few else {},
        examples=tuple(f"{value:g}" for value in there[:3].tolist()),
        whole=whole,
        lowest=float(there.min()) if len(there) else None,
        highest=float(there.max()) if len(there) else None,
        mean=float(there.mean()) if len(there) else None,
        deviation=float(there.std()) if len(there) else None,
    )


def _pair(path: Path) -> tuple[Path, Path]:
    """Return the file of the features and that of the targets, whichever of them was given.

    Raises:
        TrainingError: the other one is not there.
    """
    both = [(one, other, True) for one, other in _PAIRS.items()] + [(y, X, False) for X, y in _PAIRS.items()]
    for one, other, is_first in both:
        beside = path.with_name(other + path.name[len(one) :])
        if (path.stem == one or path.stem.startswith((f"{one}_", f"{one}-"))) and beside.exists():
            return (path, beside) if is_first else (beside, path)
    raise TrainingError(
        f"{path.name}: holds one array; an .npz file with features and targets would be right, or the targets in a "
        "file beside it that is named like it, as X.npy and y.npy are"
    )
