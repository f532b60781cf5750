"""``training.class_weight`` as numbers: how much a sample of each class counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.config.models import TrainingConfig
from app.engine.ending import TrainingError
from app.engine.pipeline import count_classes
from app.engine.samples import Array, Samples, portions

_WHERE = "training.class_weight"


def class_weights(config: TrainingConfig, fit: Samples) -> dict[int, float] | None:
    """Return the weight of each class by its number, None where the config gives none.

    ``balanced`` is as scikit-learn has it: samples / (classes that there are * samples of the class).

    Args:
        config: the config; its class names are used where the data has none.
        fit: the samples to train on.

    Raises:
        TrainingError: the targets are no classes, or a weight is given for none of them.
    """
    given = config.training.class_weight
    if given is None:
        return None
    numbers, classes = class_numbers(fit)
    if isinstance(given, str):
        amounts = np.bincount(numbers, minlength=classes)
        known = np.count_nonzero(amounts)
        return {number: len(numbers) / (known * amount) for number, amount in enumerate(amounts.tolist()) if amount}
    compilation = config.model.compilation
    names = fit.class_names or tuple(compilation.class_names if compilation is not None else ())
    return _by_number(given, classes, names)


def class_numbers(samples: Samples) -> tuple[Array, int]:
    """Return the number of each sample's class, and how many classes there are; of one-hot targets too.

    Raises:
        TrainingError: the targets are no classes.
    """
    y: Any = samples.y
    if not isinstance(y, dict) and len(y.shape) == 2 and y.shape[1] > 1:
        return np.concatenate([part.argmax(axis=1) for part in portions(y)]), y.shape[1]
    classes = count_classes(samples, _WHERE)
    return np.concatenate([part.reshape(-1).astype(np.int64) for part in portions(y)]), classes


def _by_number(given: Mapping[str, float], classes: int, names: tuple[str, ...]) -> dict[int, float]:
    """Return weights by the number of their class, 1 for those that are not given."""
    weights = dict.fromkeys(range(classes), 1.0)
    for key, weight in given.items():
        number = names.index(key) if key in names else int(key) if key.isdecimal() else -1
        if not 0 <= number < classes:
            known = f" or one of {', '.join(names)}" if names else ""
            raise TrainingError(f"{_WHERE}.{key}: there is no such class; 0 to {classes - 1}{known} would be right")
        weights[number] = weight
    return weights
