"""What happens to the samples before the model sees them: the split, preprocessors, transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.config.components import is_users_own
from app.config.models import ComponentEntry, SamplesConfig
from app.engine.datasets import Samples
from app.engine.ending import TrainingError
from app.engine.own_code import make_own


@dataclass(frozen=True)
class Split:
    """The samples to fit on, to validate on after each epoch, and to test on at the end."""

    fit: Samples
    val: Samples
    test: Samples

    def preprocessed(self, steps: Sequence[Any]) -> Split:
        """Return the split with the features of every part put through ``transform`` of each step."""
        return Split(*(transform(steps, part) for part in (self.fit, self.val, self.test)))


def split_samples(samples: Samples, fractions: SamplesConfig, *, shuffle: bool, seed: int) -> Split:
    """Divide the samples; each part has ``int(count * fraction)`` of them, rows beyond the sum are dropped.

    Shuffled parts are copies; parts in the samples' own order share their memory.

    Raises:
        TrainingError: nothing is left to fit on, or to validate or test on although a fraction asks for it.
    """
    count = len(samples)
    sizes: dict[str, int] = {}
    for name in ("fit", "val", "test"):
        fraction = getattr(fractions, name)
        sizes[name] = int(count * fraction)
        if fraction > 0 and sizes[name] == 0:
            raise TrainingError(
                f"training.samples.{name}: {fraction} of {count} samples is none; at least {1 / count:.4g} gives one"
            )
    first, second = sizes["fit"], sizes["fit"] + sizes["val"]
    parts = (slice(first), slice(first, second), slice(second, second + sizes["test"]))
    if not shuffle:
        return Split(*(Samples(samples.X[part], samples.y[part]) for part in parts))
    order = np.random.RandomState(seed).permutation(count)
    return Split(*(Samples(samples.X[order[part]], samples.y[order[part]]) for part in parts))


def transform(steps: Sequence[Any], samples: Samples) -> Samples:
    """Return samples with their features put through ``transform`` of each step; no samples stay as they are."""
    if not len(samples):
        return samples
    X = samples.X
    for step in steps:
        X = step.transform(X)
    return Samples(X, samples.y)


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
    X = fit.X
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
    return fitted, Samples(X, fit.y)


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
