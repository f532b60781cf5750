"""Estimators of scikit-learn as models by name: one fit, the same metrics on every part of the split."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.config.catalog import Component, load_catalog
from app.config.models import ModelConfig
from app.engine.datasets import Array
from app.engine.ending import TrainingError
from app.engine.faults import sentence_of
from app.records.log import logger

log = logger("Model")

#: What the model is saved as in the execution's folder: a form that loads without running code.
FILE = "model.skops"


def is_estimator(config: ModelConfig) -> bool:
    """Return whether the model of a config is an estimator of scikit-learn."""
    component = load_catalog().get("model", config.name) if config.name is not None else None
    return component is not None and component.info.get("library") == "sklearn"


class Estimator:
    """One estimator, made of a config's ``model`` section.

    Args:
        config: the section; its name is that of an estimator.
        seed: for what the estimator leaves to chance, unless the config gives its ``random_state``.

    Raises:
        TrainingError: it cannot be made.
    """

    def __init__(self, config: ModelConfig, seed: int) -> None:
        component = load_catalog().require("model", config.name or "")
        self._component = component
        options = dict(config.hyperparameters)
        if options.get("random_state") is None and component.parameter("random_state") is not None:
            options["random_state"] = seed
        module, _, name = component.cls.rpartition(".")
        try:
            self.estimator: Any = getattr(importlib.import_module(module), name)(**options)
        except (TypeError, ValueError) as error:
            raise TrainingError(f"model.hyperparameters: {component.id} refuses them: {sentence_of(error)}") from error

    @property
    def is_classifier(self) -> bool:
        """Whether its targets are classes."""
        return self._component.info.get("task") == "classification"

    def fit(self, X: Array, y: Array) -> None:
        """Fit it; samples of more than one dimension are rows of numbers to it.

        Raises:
            TrainingError: it cannot be fitted on them.
        """
        try:
            self.estimator.fit(_rows(X), _targets(y))
        except (TypeError, ValueError) as error:
            raise TrainingError(f"model.name ({self._component.id}): {sentence_of(error)}") from error

    def evaluate(self, X: Array, y: Array) -> dict[str, float]:
        """Return its metrics on samples, by the names that Keras has for them.

        For classes: accuracy, and where it gives probabilities ``loss``, their cross entropy (natural logarithm, mean
        of the samples). For numbers: ``loss``, the mean squared error, mean_absolute_error and r2_score.
        """
        from sklearn import metrics

        rows, targets = _rows(X), _targets(y)
        predicted = self.estimator.predict(rows)
        if not self.is_classifier:
            return {
                "loss": float(metrics.mean_squared_error(targets, predicted)),
                "mean_absolute_error": float(metrics.mean_absolute_error(targets, predicted)),
                "r2_score": float(metrics.r2_score(targets, predicted)),
            }
        found = {"accuracy": float(metrics.accuracy_score(targets, predicted))}
        if hasattr(self.estimator, "predict_proba") and set(np.unique(targets)) <= set(self.estimator.classes_):
            loss = metrics.log_loss(targets, self.estimator.predict_proba(rows), labels=self.estimator.classes_)
            found = {"loss": float(loss), **found}
        return found

    def save(self, folder: Path) -> None:
        """Save it to a folder, in skops' form.

        Raises:
            TrainingError: it cannot be saved.
        """
        import skops.io

        path = folder / FILE
        partial = folder / f".{FILE}.partial"
        try:
            skops.io.dump(self.estimator, partial)
            os.replace(partial, path)
        except Exception as error:
            raise TrainingError(f"the model could not be saved to {path}: {error}") from error
        finally:
            partial.unlink(missing_ok=True)


def unused_settings(component: Component, training: Mapping[str, Any]) -> list[str]:
    """Return the settings of ``training`` that mean nothing to an estimator, of those that are given."""
    return [key for key in ("callbacks", "steps_per_epoch", "initial_epoch", "class_weight") if training.get(key)]


def _rows(X: Array) -> Array:
    return np.asarray(X).reshape(len(X), -1)


def _targets(y: Array) -> Array:
    values = np.asarray(y)
    if values.ndim > 1 and values.shape[-1] == 1:
        values = values.reshape(len(values))
    return values
