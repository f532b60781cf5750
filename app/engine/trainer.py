"""Trains one config, stage by stage, and leaves the model, the pipeline and the record behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow

from app.config.components import is_users_own
from app.config.models import TrainingConfig
from app.engine import building, callbacks
from app.engine.datasets import load_dataset, load_own_dataset
from app.engine.ending import StopRequested, StopSwitch, TrainingError
from app.engine.faults import sentence_of
from app.engine.matching import check_samples
from app.engine.pipeline import Split, fit_transformers, make_preprocessor, save_transformers, split_samples, transform
from app.records.layout import ExecutionFolder
from app.records.log import logger
from app.records.recorder import Recorder

log = logger("Trainer")


@dataclass(frozen=True)
class Outcome:
    """How a training ended: ``state`` is finished or stopped, ``reason`` early_stopping, user or None."""

    state: str
    reason: str | None = None
    message: str | None = None


class Trainer:
    """Runs the stages of one config in their order.

    Args:
        config: what to train.
        folder: the execution's folder.
        dataset_cache: where loaded datasets are kept.
        recorder: takes the facts.
        stop: asks for the end, in any stage.
    """

    def __init__(
        self,
        config: TrainingConfig,
        folder: ExecutionFolder,
        dataset_cache: Path,
        recorder: Recorder,
        stop: StopSwitch,
    ) -> None:
        self._config = config
        self._folder = folder
        self._dataset_cache = dataset_cache
        self._recorder = recorder
        self._stop = stop
        self._epochs = 0

    def run(self) -> Outcome:
        """Train, evaluate and save.

        Raises:
            TrainingError: the config cannot be trained; the text says why.
            StopRequested: the end was asked for before there was a model worth saving.
        """
        config = self._config
        keras.utils.set_random_seed(config.dataset.seed)
        model = None
        if config.model.input_shape is not None:
            # First of all, so that a wrong network fails before any data is loaded.
            model = self._build(config.model.input_shape)
        log.info("Running experiment: %s ...", self._folder.execution_id)
        log.info("Saving training results to %s", self._folder.path)
        split = self._prepare()
        if model is None:
            model = self._build(split.fit.X.shape[1:])
        try:
            outcome = self._fit(model, split)
            self._evaluate(model, split)
        except StopRequested:
            outcome = Outcome("stopped", "user", f"stopped by {self._stop.by}")
        self._save(model)
        return outcome

    def _build(self, input_shape: Any) -> keras.Model:
        with self._stage("build_model", "Building the model"):
            return building.build_model(self._config.model, input_shape)

    def _prepare(self) -> Split:
        config = self._config
        with self._stage("load_data", "Loading data"):
            log.info("Loading dataset: %s ...", config.dataset.name)
            if is_users_own(config.dataset.name):
                samples = load_own_dataset(config.dataset)
            else:
                samples = load_dataset(config.dataset.name, self._dataset_cache)
        parts = config.training.samples
        with self._stage("split_data", "Splitting"):
            log.info("Splitting dataset -> Fit: %s | Test: %s | Val: %s ...", parts.fit, parts.test, parts.val)
            split = split_samples(samples, parts, shuffle=config.training.shuffle, seed=config.dataset.seed)
            del samples  # the parts are copies of it where rows are shuffled, and it may be half of the memory
        with self._stage("transform_preprocessors", "Preprocessing"):
            entries = config.dataset.preprocessors
            log.info("Applying %d preprocessors ...", len(entries))
            steps = [make_preprocessor(entry, f"dataset.preprocessors.{i}") for i, entry in enumerate(entries)]
            split = split.preprocessed(steps)
        with self._stage("fit_transformers", "Fitting transformers"):
            entries = config.dataset.transformers
            log.info("Applying %d transformers ...", len(entries))
            fitted, fit = fit_transformers(entries, split.fit)
        with self._stage("transform_transformers", "Transforming"):
            split = Split(fit, transform(fitted, split.val), transform(fitted, split.test))
        if fitted:
            save_transformers(entries, fitted, self._folder.pipeline)
        return split

    def _fit(self, model: keras.Model, split: Split) -> Outcome:
        training = self._config.training
        count, batch_size = len(split.fit), training.batch_size
        check_samples(model, self._config, split.fit)
        watch = callbacks.Recording(self._recorder, self._stop, count, batch_size)
        others = callbacks.make_callbacks(training.callbacks, self._folder.callbacks, self._recorder)
        steps = -(-count // batch_size)
        with self._stage(
            "fit_model", "Fitting the model", epochs=training.epochs, steps_per_epoch=steps, samples=count
        ):
            log.info("Fitting model with %d samples ...", count)
            with _named_errors("fit_model"):
                model.fit(
                    split.fit.X,
                    split.fit.y,
                    batch_size=batch_size,
                    epochs=training.epochs,
                    validation_data=(split.val.X, split.val.y) if len(split.val) else None,
                    shuffle=training.shuffle,
                    callbacks=[watch, *others],
                    verbose=0,
                )
        self._epochs = watch.epoch
        log.info("Logging train metrics")
        for callback in others:
            if isinstance(callback, callbacks.EarlyStopping) and callback.why:
                return Outcome("finished", "early_stopping", callback.why)
        return Outcome("finished")

    def _evaluate(self, model: keras.Model, split: Split) -> None:
        if not len(split.test):
            return
        training = self._config.training
        with self._stage("evaluate_model", "Evaluating the model"):
            log.info("Evaluating model with %d samples", len(split.test))
            try:
                with _named_errors("evaluate_model"):
                    values = model.evaluate(
                        split.test.X,
                        split.test.y,
                        batch_size=training.batch_size,
                        callbacks=[callbacks.StopOnly(self._stop)],
                        verbose=0,
                        return_dict=True,
                    )
            except Exception:
                self._save(model)  # it may have been fitted for days
                raise
        log.info("Logging test metrics")
        test = {f"test_{name}": value for name, value in callbacks.scalars(values).items()}
        self._recorder.log_test(self._epochs, test)

    def _save(self, model: keras.Model) -> None:
        # Not by _stage: a wish to stop that was granted already must not keep the model from being saved.
        with self._recorder.stage("save_model"):
            log.info("Saving model")
            partial = self._folder.model.with_name(".model.partial.h5")
            try:
                model.save(partial)
                os.replace(partial, self._folder.model)
            except Exception as error:
                raise TrainingError(f"the model could not be saved to {self._folder.model}: {error}") from error
            finally:
                partial.unlink(missing_ok=True)

    @contextmanager
    def _stage(self, name: str, what: str, **facts: Any) -> Iterator[None]:
        self._stop.check()
        begin = time.perf_counter()
        with self._recorder.stage(name, **facts):
            yield
        log.debug("%s took %.3fs", what, time.perf_counter() - begin)


@contextmanager
def _named_errors(stage: str) -> Iterator[None]:
    """Turn what Keras says of data and model that do not go together into a sentence; the log keeps the whole."""
    try:
        yield
    except tensorflow.errors.ResourceExhaustedError:
        raise
    except (ValueError, TypeError, tensorflow.errors.OpError) as error:
        log.debug("%s failed", stage, exc_info=True)
        raise TrainingError(f"{stage}: {sentence_of(error)}") from error
