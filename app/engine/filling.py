"""Means and medians in place of missing values: learned from the samples to fit on, as every transformer is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from app.engine.data.columns import Column, Encoding
from app.engine.ending import TrainingError
from app.engine.pipeline import Room, Split, changed
from app.engine.samples import Array, each, portions
from app.records.log import logger

log = logger("Dataset")

#: How many numbers are held in memory for medians at a time.
_MEDIAN_VALUES = 8 << 20


def filled(split: Split, room: Room) -> Split:
    """Return the split with the mean or median of the samples to fit on where a column of a table has gaps.

    The encoding of the samples gets these values too, so that new rows are filled with the same.

    Raises:
        TrainingError: a column has no value at all among the samples to fit on.
    """
    if split.fit.encoding is None:
        return split
    encoding = Encoding.from_json(split.fit.encoding)
    if not any(isinstance(column.fill, str) for column in encoding.columns.values()):
        return split
    columns = dict(encoding.columns)
    features = [dict(each(part.X)) for part in split.parts]
    for name, inputs in encoding.inputs.items():
        row = _learn(features[0][name], [encoding.columns[column] for column in inputs], columns, room)
        if not np.isnan(row).all():
            made = changed([part[name] for part in features], partial(_put, row), room)
            for part, array in zip(features, made, strict=True):
                part[name] = array
    known = replace(encoding, columns=columns).as_json()
    return Split(
        *(
            replace(part, X=X if isinstance(part.X, dict) else X[""], encoding=known)
            for part, X in zip(split.parts, features, strict=True)
        )
    )


def _learn(X: Any, inputs: Sequence[Column], columns: dict[str, Column], room: Room) -> Array:
    """Put the values that one input of the model tells into its columns; return them for each feature, or NaN."""
    row = np.full(sum(len(column.names) for column in inputs), np.nan, np.float32)
    first = 0
    places: dict[str, list[int]] = {}
    for column in inputs:
        if isinstance(column.fill, str):
            places.setdefault(column.fill, []).extend(range(first, first + len(column.names)))
        first += len(column.names)
    for how, some in places.items():
        row[some] = _medians(X, some, room) if how == "median" else _means(X, some, room)
    first = 0
    for column in inputs:
        values = row[first : first + len(column.names)]
        first += len(column.names)
        if not isinstance(column.fill, str):
            continue
        if np.isnan(values).any():
            raise TrainingError(
                f"dataset.parameters.missing: column {column.name!r} has no values among the samples to fit on, so no "
                f"{column.fill}; leave it out of the features, or give a number"
            )
        columns[column.name] = replace(column, fills=tuple(values.tolist()))
        for name, value in zip(column.names, values, strict=True):
            log.info("Column %s: missing values become %.6g, the %s of the samples to fit on", name, value, column.fill)
    return row


def _means(X: Any, places: list[int], room: Room) -> npt.NDArray[np.float64]:
    total, count = np.zeros(len(places)), np.zeros(len(places), np.int64)
    for some in portions(X):
        room.check()
        values = some[:, places]
        count += (~np.isnan(values)).sum(axis=0)
        total += np.nansum(values, axis=0, dtype=np.float64)
    means: npt.NDArray[np.float64] = np.divide(total, count, out=np.full(len(places), np.nan), where=count > 0)
    return means


def _medians(X: Any, places: list[int], room: Room) -> list[float]:
    """Return the medians, of as many columns at a time as fit in a small part of the memory."""
    found: list[float] = []
    step = max(_MEDIAN_VALUES // max(len(X), 1), 1)
    for first in range(0, len(places), step):
        parts = []
        for some in portions(X):
            room.check()
            parts.append(some[:, places[first : first + step]])
        for values in np.concatenate(parts).T:
            there = values[~np.isnan(values)]
            found.append(float(np.median(there)) if len(there) else np.nan)
    return found


def _put(row: Array, X: Array) -> Array:
    return np.where(np.isnan(X), row, X)
