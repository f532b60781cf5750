"""Estimators of scikit-learn as models by name: one fit, the same metrics on every part of the split."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from app.config.catalog import load_catalog
from app.config.models import ModelConfig, TrainingConfig
from app.engine.ending import TrainingError
from app.engine.faults import sentence_of
from app.engine.outcome import Outcome
from app.engine.pipeline import Split
from app.engine.samples import Array, Samples
from app.records.layout import ExecutionFolder
from app.records.log import logger
from app.records.recorder import Recorder

log = logger("Model")

#: What the model is saved as in the execution's folder: a form that loads without running code.
FILE = "model.skops"


def is_estimator(config: ModelConfig) -> bool:
    """Return whether the model of a config is an estimator of scikit-learn."""
    component = load_catalog().get("model", config.name) if config.name is not None else None
    return component is not None and component.info.get("library") == "sklearn"


class Estimator:
    """The estimator of one config.

    Its one fit is an epoch: metrics are logged for it, on the samples to fit on and on those to validate on.

    Args:
        config: what to train; the model's name is that of an estimator.
        folder: the execution's folder.
        recorder: takes the metrics.
    """

    epochs = 1

    def __init__(self, config: TrainingConfig, folder: ExecutionFolder, recorder: Recorder) -> None:
        self._config = config
        self._folder = folder
        self._recorder = recorder
        self._component = load_catalog().require("model", config.model.name or "")
        self._estimator: Any = None

    @property
    def is_built(self) -> bool:
        """Whether there is an estimator."""
        return self._estimator is not None

    @property
    def _is_classifier(self) -> bool:
        return self._component.info.get("task") == "classification"

    def can_build_ahead(self) -> bool:
        """Whether it can be made before there are samples, which is always so."""
        return True

    def build(self, split: Split | None = None) -> None:
        """Make the estimator; what it leaves to chance is by the dataset's seed unless ``random_state`` is given.

        Raises:
            TrainingError: it refuses its settings.
        """
        component, config = self._component, self._config
        log.info("Making %s of scikit-learn", component.cls.rpartition(".")[2])
        options = dict(config.model.hyperparameters)
        if options.get("random_state") is None and component.parameter("random_state") is not None:
            options["random_state"] = config.dataset.seed
        module, _, name = component.cls.rpartition(".")
        try:
            self._estimator = getattr(importlib.import_module(module), name)(**options)
        except (TypeError, ValueError) as error:
            raise TrainingError(f"model.hyperparameters: {component.id} refuses them: {sentence_of(error)}") from error

    def check(self, split: Split) -> None:
        """Look whether the samples are one table of features and one target.

        Raises:
            TrainingError: they are not, or no classes where classes are wanted.
        """
        for what, arrays in (("features", split.fit.X), ("targets", split.fit.y)):
            if isinstance(arrays, dict):
                raise TrainingError(f"model.name: an estimator takes one table of {what}, not {', '.join(arrays)}")
        targets = _targets(split.fit)
        if self._is_classifier and np.issubdtype(targets.dtype, np.floating) and (targets % 1).any():
            raise TrainingError(
                f"model.name ({self._component.id}): wants classes, but the targets of {self._config.dataset.name} are "
                "measured; take a regressor"
            )

    def stage_facts(self, epochs: int, steps: int) -> dict[str, int]:
        """Return nothing: there is one fit, of no steps."""
        return {}

    def fit(self, split: Split) -> Outcome:
        """Fit it; samples of more than one dimension are rows of numbers to it.

        Raises:
            TrainingError: it cannot be fitted on them.
        """
        try:
            self._estimator.fit(_rows(split.fit), _targets(split.fit))
        except (TypeError, ValueError) as error:
            raise TrainingError(f"model.name ({self._component.id}): {sentence_of(error)}") from error
        values = self.evaluate(split.fit)
        if len(split.val):
            values |= {f"val_{name}": value for name, value in self.evaluate(split.val).items()}
        self._recorder.log_epoch(1, values)
        self._recorder.event("epoch_end", epoch=1, step=1)
        return Outcome("finished")

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Return its metrics on samples, by the names that Keras has for them.

        For classes: accuracy, and where it gives probabilities ``loss``, their cross entropy (natural logarithm, mean
        of the samples). For numbers: ``loss``, the mean squared error, mean_absolute_error and r2_score.
        """
        from sklearn import metrics

        estimator, rows, targets = self._estimator, _rows(samples), _targets(samples)
        predicted = estimator.predict(rows)
        if not self._is_classifier:
            return {
                "loss": float(metrics.mean_squared_error(targets, predicted)),
                "mean_absolute_error": float(metrics.mean_absolute_error(targets, predicted)),
                "r2_score": float(metrics.r2_score(targets, predicted)),
            }
        found = {"accuracy": float(metrics.accuracy_score(targets, predicted))}
        if hasattr(estimator, "predict_proba") and targets.ndim == 1 and np.isin(targets, estimator.classes_).all():
            loss = metrics.log_loss(targets, estimator.predict_proba(rows), labels=estimator.classes_)
            found = {"loss": float(loss), **found}
        return found

    def save(self) -> None:
        """Save it to the execution's folder, in skops' form.

        Raises:
            TrainingError: it cannot be saved.
        """
        import skops.io

        path = self._folder.path / FILE
        partial = self._folder.path / f".{FILE}.partial"
        try:
            skops.io.dump(self._estimator, partial)
            os.replace(partial, path)
        except Exception as error:
            raise TrainingError(f"the model could not be saved to {path}: {error}") from error
        finally:
            partial.unlink(missing_ok=True)


def _rows(samples: Samples) -> Array:
    return np.asarray(samples.X).reshape(len(samples), -1)


def _targets(samples: Samples) -> Array:
    values = np.asarray(samples.y)
    return values.reshape(len(values)) if values.ndim == 2 and values.shape[1] == 1 else values
