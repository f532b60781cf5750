"""What happens to the samples before the model sees them: the split, preprocessors, transformers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.config.components import is_users_own
from app.config.models import ComponentEntry, FitConfig
from app.engine.ending import TrainingError
from app.engine.own_code import make_own
from app.engine.samples import Samples, apply


@dataclass(frozen=True)
class Split:
    """The samples to fit on, to validate on after each epoch, and to test on at the end."""

    fit: Samples
    val: Samples
    test: Samples

    def preprocessed(self, steps: Sequence[Any]) -> Split:
        """Return the split with the features of every part put through ``transform`` of each step."""
        return self.changed(lambda part: transform(steps, part))

    def changed(self, change: Callable[[Samples], Samples]) -> Split:
        """Return the split with every part changed by a function."""
        return Split(*(change(part) for part in (self.fit, self.val, self.test)))


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


def transform(steps: Sequence[Any], samples: Samples) -> Samples:
    """Return samples with their features put through ``transform`` of each step; no samples stay as they are."""
    if not len(samples):
        return samples
    X = samples.X
    for step in steps:
        X = apply(step.transform, X)
    return replace(samples, X=X)


def one_hot(samples: Samples, classes: int) -> Samples:
    """Return samples whose targets, classes from 0, have become rows of zeros with a one at their number (float32)."""
    if not len(samples):
        return samples
    return replace(samples, y=np.eye(classes, dtype=np.float32)[np.asarray(samples.y).reshape(-1).astype(np.int64)])


def count_classes(samples: Samples, where: str) -> int:
    """Return how many classes the targets have: as many as have names, or one more than the highest number.

    Raises:
        TrainingError: the targets are no classes.
    """
    if isinstance(samples.y, dict):
        raise TrainingError(f"{where}: there are several targets, {', '.join(samples.y)}; only one can be classes")
    y = np.asarray(samples.y)
    if y.ndim > 2 or (y.ndim == 2 and y.shape[1] != 1):
        raise TrainingError(f"{where}: the targets are of shape {list(y.shape[1:])} a sample, not one class")
    if not np.issubdtype(y.dtype, np.integer) and (not np.issubdtype(y.dtype, np.number) or (y % 1).any()):
        raise TrainingError(f"{where}: the targets are no whole numbers of classes")
    if y.size and y.min() < 0:
        raise TrainingError(f"{where}: classes begin with 0, but there is {y.min():g}")
    return max(int(y.max()) + 1 if y.size else 0, len(samples.class_names))


class Divide:
    """Divides every feature by one number, as pixels are by 255."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def transform(self, X: Any) -> Any:
        """Return the features divided, as float32."""
        return np.divide(X, self.factor, dtype=np.float32, casting="unsafe")


def make_preprocessor(entry: ComponentEntry, where: str) -> Any:
    """Return a preprocessor of the config: an object with ``transform(X)``.

    Raises:
        TrainingError: its settings are refused.
    """
    return _make({"divide": Divide}, entry, "preprocessor", where)


def make_transformer(entry: ComponentEntry, where: str) -> Any:
    """Return a transformer of the config: an object with scikit-learn's ``fit`` and ``transform``.

    Raises:
        TrainingError: its settings are refused.
    """
    from sklearn.preprocessing import StandardScaler

    return _make({"standard_scaler": StandardScaler}, entry, "transformer", where)


def fit_transformers(entries: list[ComponentEntry], fit: Samples) -> tuple[list[Any], Samples]:
    """Fit each transformer on what the ones before it make of the fit samples; return them and the last result.

    Raises:
        TrainingError: one of them cannot be fitted on these samples.
    """
    fitted = []
    X: Any = fit.X
    for index, entry in enumerate(entries):
        where = f"dataset.transformers.{index}"
        transformer = make_transformer(entry, where)
        try:
            X = transformer.fit(X).transform(X)
        except (ValueError, TypeError) as error:
            raise TrainingError(
                f"{where} ({entry.type}): cannot be fitted on samples of shape {X.shape[1:]}: {error}"
            ) from error
        fitted.append(transformer)
    return fitted, replace(fit, X=X)


def save_transformers(entries: list[ComponentEntry], fitted: list[Any], folder: Path) -> None:
    """Save fitted transformers as skops files, which load without running code: ``<index>-<type>.skops``.

    Raises:
        TrainingError: they cannot be written.
    """
    import skops.io

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for index, (entry, transformer) in enumerate(zip(entries, fitted, strict=True)):
            path = folder / f"{index}-{entry.type.replace(':', '.')}.skops"
            partial = path.with_suffix(".partial")
            skops.io.dump(transformer, partial)
            partial.replace(path)
    except OSError as error:
        raise TrainingError(f"the fitted transformers could not be saved to {folder}: {error}") from error


def _make(classes: Mapping[str, Any], entry: ComponentEntry, kind: str, where: str) -> Any:
    if is_users_own(entry.type):
        return make_own(entry.type, kind, entry.options, where)
    try:
        return classes[entry.type](**entry.options)
    except (TypeError, ValueError) as error:
        raise TrainingError(f"{where} ({entry.type}): {error}") from error
