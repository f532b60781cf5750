"""What happens to the samples before the model sees them: the split, preprocessors, transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse

from app.config.components import is_users_own
from app.config.models import ComponentEntry, FitConfig
from app.engine.data import cache
from app.engine.ending import TrainingError
from app.engine.preprocessing.steps import Step, dense, make_transformer
from app.engine.preprocessing.transformers import Rows
from app.engine.samples import Array, Changed, Samples, as_stored, each, portions, span


@dataclass(frozen=True)
class Room:
    """How many bytes of what is made of samples may be in memory, and what is called between two portions of work.

    ``check`` raises where somebody asked for the end of the run.
    """

    limit: int = cache.MEMORY_LIMIT
    check: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Split:
    """The samples to fit on, to validate on after each epoch, and to test on at the end."""

    fit: Samples
    val: Samples
    test: Samples

    @property
    def parts(self) -> tuple[Samples, Samples, Samples]:
        """Fit, val and test."""
        return self.fit, self.val, self.test

    def put_through(self, change: Callable[[Any], Any], room: Room) -> Split:
        """Return the split with the features of every part changed by a function of some rows (see :func:`changed`)."""
        parts = [part.X for part in self.parts]
        made: list[Any]
        if isinstance(self.fit.X, dict):
            by_name = {name: changed([each(X)[name] for X in parts], change, room) for name in self.fit.X}
            made = [{name: arrays[index] for name, arrays in by_name.items()} for index in range(len(parts))]
        else:
            made = changed(parts, change, room)
        return Split(*(replace(part, X=X) for part, X in zip(self.parts, made, strict=True)))

    def one_hot(self, classes: int, room: Room) -> Split:
        """Return the split with targets, classes from 0, as rows of zeros with a one at their number (float32)."""
        identity = np.eye(classes, dtype=np.float32)
        made = changed([part.y for part in self.parts], lambda y: identity[y.reshape(-1).astype(np.int64)], room)
        return Split(*(replace(part, y=y) for part, y in zip(self.parts, made, strict=True)))


def split_samples(samples: Samples, training: FitConfig, *, seed: int) -> Split:
    """Divide the samples; rows beyond the sum of the parts are dropped.

    A part up to 1 is a fraction: it has ``int(count * fraction)`` of them; above 1 it is how many. Shuffled parts are
    copies; parts in the samples' own order share their memory. With ``validation_split`` the last of the samples to fit
    on are validated on, as many as Keras takes (all from ``int(count * (1 - fraction))`` on).

    Raises:
        TrainingError: nothing is left to fit on, to validate or test on although that is asked for, or there are fewer
            samples than are asked for.
    """
    count = len(samples)
    sizes = {name: _size(name, getattr(training.samples, name), count) for name in ("fit", "val", "test")}
    if (asked := sum(sizes.values())) > count:
        wanted = ", ".join(f"{name} {size}" for name, size in sizes.items() if size)
        raise TrainingError(f"training.samples: {wanted} are {asked} samples, but there are only {count}")
    first, second = sizes["fit"], sizes["fit"] + sizes["val"]
    parts = [slice(0, first), slice(first, second), slice(second, second + sizes["test"])]
    if training.validation_split:
        kept = int(first * (1 - training.validation_split))
        if not 0 < kept < first:
            raise TrainingError(
                f"training.validation_split: {training.validation_split} of {first} samples leaves none to "
                f"{'fit' if kept == 0 else 'validate'} on"
            )
        parts[:2] = [slice(0, kept), slice(kept, first)]
    if not training.shuffle:
        return Split(*map(samples.take, parts))
    order = np.random.RandomState(seed).permutation(count)
    return Split(*(samples.take(order[part]) for part in parts))


def _size(name: str, part: float, count: int) -> int:
    if part > 1:
        return int(part)
    size = int(count * part)
    if part > 0 and size == 0:
        raise TrainingError(
            f"training.samples.{name}: {part} of {count} samples is none; at least {1 / count:.4g} gives one"
        )
    return size


def count_classes(samples: Samples, where: str) -> int:
    """Return how many classes the targets have: as many as have names, or one more than the highest number.

    Raises:
        TrainingError: the targets are no classes.
    """
    if isinstance(samples.y, dict):
        raise TrainingError(f"{where}: there are several targets, {', '.join(samples.y)}; only one can be classes")
    y = samples.y
    if len(y.shape) > 2 or (len(y.shape) == 2 and y.shape[1] != 1):
        raise TrainingError(f"{where}: the targets are of shape {list(y.shape[1:])} a sample, not one class")
    if not len(y):
        return len(samples.class_names)
    least, greatest, whole = span(y) if y.dtype.kind in "biuf" else (0, 0, False)
    if not whole:
        raise TrainingError(f"{where}: the targets are no whole numbers of classes")
    if least < 0:
        raise TrainingError(f"{where}: classes begin with 0, but there is {least:g}")
    return max(int(greatest) + 1, len(samples.class_names))


def preprocessed(split: Split, steps: Sequence[Step], room: Room) -> Split:
    """Return the split with the features of every part put through every step."""

    def through(X: Any) -> Any:
        for step in steps:
            X = step(X)
        return X

    return split.put_through(through, room) if steps else split


def changed(arrays: Sequence[Any], change: Callable[[Any], Any], room: Room) -> list[Any]:
    """Return what a function of some rows makes of arrays, at least one of which has rows.

    It is made here and now, some rows at a time, where all of it is no more than the room; else whenever rows are read.

    Args:
        arrays: in memory, on disk or sparse.
        change: takes some rows and returns as many.
        room: how much may be made.
    """
    stored = [as_stored(array) for array in arrays]
    like = change(next(array for array in stored if len(array))[:1])
    later = [Changed(array, change, like) for array in stored]
    if scipy.sparse.issparse(like):
        return _sparse(later, room) or later
    if sum(array.nbytes for array in later) > room.limit:
        return later
    return [_filled(array, room) for array in later]


def _filled(array: Changed, room: Room) -> Array:
    made = np.empty(array.shape, array.dtype)
    first = 0
    for some in portions(array):
        room.check()
        made[first : first + len(some)] = some
        first += len(some)
    return made


def _sparse(arrays: Sequence[Changed], room: Room) -> list[Any] | None:
    """Return sparse rows as one matrix for each array, None where they are more than the room."""
    size = 0
    made = []
    for array in arrays:
        blocks = [array[:0]]
        for some in portions(array):
            room.check()
            size += some.data.nbytes + some.indices.nbytes
            if size > room.limit:
                return None
            blocks.append(some)
        made.append(scipy.sparse.vstack(blocks, format="csr"))
    return made


def fit_transformers(entries: Sequence[ComponentEntry], split: Split, room: Room) -> tuple[list[Step], Split]:
    """Fit each transformer on what the ones before it make of the samples to fit on.

    Returns:
        The transformers, and the split as it comes to the last of them.

    Raises:
        TrainingError: one of them cannot be fitted on these samples.
    """
    steps: list[Step] = []
    for index, entry in enumerate(entries):
        where = f"dataset.transformers.{index}"
        if isinstance(split.fit.X, dict):
            inputs = ", ".join(split.fit.X)
            raise TrainingError(f"{where} ({entry.type}): learns from one table of features, not from {inputs}")
        if steps:
            split = split.put_through(steps[-1], room)
            if is_users_own(entry.type) and _is_sparse(split):
                split = split.put_through(dense, room)
        step = make_transformer(entry, where)
        step.fit(Rows(split.fit.X, split.fit.y, room.limit, room.check))
        steps.append(step)
    return steps, split


def transformed(split: Split, steps: Sequence[Step], room: Room) -> Split:
    """Return the split that :func:`fit_transformers` gave with the last transformer done, as Keras takes it."""
    if not steps:
        return split
    split = split.put_through(steps[-1], room)
    return split.put_through(dense, room) if _is_sparse(split) else split


def _is_sparse(split: Split) -> bool:
    X: Any = split.fit.X
    return bool(scipy.sparse.issparse(X[:1]))
