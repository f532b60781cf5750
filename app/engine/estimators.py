"""Estimators of scikit-learn as models by name: one fit, the same metrics on every part of the split."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils.validation import has_fit_parameter

from app.config.catalog import load_catalog
from app.config.models import CrossValidationConfig, ModelConfig, TrainingConfig
from app.engine.class_weights import class_numbers, class_weights
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

    def __init__(self, config: TrainingConfig, folder: ExecutionFolder, recorder: Recorder) -> None:
        self._config = config
        self._folder = folder
        self._recorder = recorder
        self._component = load_catalog().require("model", config.model.name or "")
        self._estimator: Any = None
        self.epochs = 0

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
        if unused := _unused(config):
            log.info("%s makes no use of %s", component.id, ", ".join(unused))
        options: dict[str, Any] = dict(config.model.hyperparameters)
        if options.get("random_state") is None and component.parameter("random_state") is not None:
            options["random_state"] = config.dataset.seed
        if isinstance(weights := options.get("class_weight"), dict):
            options["class_weight"] = self._by_class_number(weights)
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

    def cross_validate(
        self,
        wanted: CrossValidationConfig,
        split: Split,
        prepare: Callable[[Split], Split],
        check: Callable[[], None],
    ) -> None:
        """Log ``cv_<metric>``, a value for each part that a copy of it was measured on and not fitted on.

        The parts have as many of each class as scikit-learn's StratifiedKFold gives them; its KFold for numbers. With
        ``training.shuffle`` they are shuffled by the dataset's seed.

        Args:
            wanted: how many parts, and how many of them at a time.
            split: as it comes to the first of the transformers.
            prepare: fits new transformers on the samples to fit on, and returns what all of them make of the split: a
                part that was left out must not have been learnt from by any of them. It is called on threads.
            check: is called between two parts, and raises where somebody asked for the end.

        Raises:
            TrainingError: there are no such parts, or it cannot be fitted on one.
        """
        from joblib import Parallel, delayed
        from sklearn.base import clone
        from sklearn.model_selection import check_cv

        self.check(split)
        targets, weights = _targets(split.fit), self._sample_weights(split.fit)

        def measured(fit: Array, left_out: Array) -> dict[str, float]:
            part = prepare(Split(split.fit.take(fit), split.fit.take(left_out), split.fit.take(slice(0))))
            options = {} if weights is None else {"sample_weight": weights[fit]}
            estimator = clone(self._estimator).fit(_rows(part.fit), _targets(part.fit), **options)
            return self._measure(estimator, _rows(part.val), _targets(part.val))

        found: list[dict[str, float]] = []
        with self._named_errors("training.cross_validation"):
            folds = check_cv(wanted.cv, targets, classifier=self._is_classifier)
            if self._config.training.shuffle:  # what is on disk is in the order of the file still
                folds = type(folds)(wanted.cv, shuffle=True, random_state=self._config.dataset.seed)
            parts = list(folds.split(targets, targets))
            log.info("Cross-validating on %d parts ...", len(parts))
            workers = Parallel(n_jobs=wanted.n_jobs, prefer="threads", return_as="generator")
            for values in workers(delayed(measured)(*part) for part in parts):
                check()
                found.append(values)
                self._recorder.log_epoch(len(found), {f"cv_{name}": value for name, value in values.items()})
        for name in found[0]:
            each = [values[name] for values in found]
            log.info("cv_%s: %.6g, standard deviation %.2g", name, np.mean(each), np.std(each))

    def fit(self, split: Split) -> Outcome:
        """Fit it; samples of more than one dimension are rows of numbers to it.

        Raises:
            TrainingError: it cannot be fitted on them.
        """
        rows, targets = _rows(split.fit), _targets(split.fit)
        weights = self._sample_weights(split.fit)
        with self._named_errors("model.name"):
            self._estimator.fit(rows, targets, **({} if weights is None else {"sample_weight": weights}))
        self.epochs = 1
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
        return self._measure(self._estimator, _rows(samples), _targets(samples))

    def _measure(self, estimator: Any, rows: Array, targets: Array) -> dict[str, float]:
        from sklearn import metrics

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

    def _by_class_number(self, weights: Mapping[str, Any]) -> dict[int, Any]:
        """Return weights under the classes as the targets have them: the keys of JSON are texts."""
        for key in weights:
            if not key.isdecimal():
                raise TrainingError(
                    f"model.hyperparameters.class_weight.{key}: {self._component.id} knows classes by their numbers "
                    "alone; training.class_weight takes names too"
                )
        return {int(key): weight for key, weight in weights.items()}

    def _sample_weights(self, fit: Samples) -> Array | None:
        weights = class_weights(self._config, fit)
        if weights is None:
            return None
        if not has_fit_parameter(self._estimator, "sample_weight"):
            raise TrainingError(f"training.class_weight: {self._component.id} cannot weigh samples; leave it out")
        return np.array([weights[number] for number in class_numbers(fit)[0]])

    @contextmanager
    def _named_errors(self, where: str) -> Iterator[None]:
        try:
            yield
        except (TypeError, ValueError) as error:
            raise TrainingError(f"{where} ({self._component.id}): {sentence_of(error)}") from error

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


def _unused(config: TrainingConfig) -> list[str]:
    """Return the keys of a config that are set and that only a network makes use of."""
    model, training = config.model, config.training
    given = {
        "model.input_shape": model.input_shape,
        "model.network": model.network,
        "model.outputs": model.outputs,
        "model.weights": model.weights,
        "model.compilation": model.compilation,
        "training.initial_epoch": training.initial_epoch,
        "training.steps_per_epoch": training.steps_per_epoch,
        "training.callbacks": training.callbacks,
    }
    return [key for key, value in given.items() if value]
