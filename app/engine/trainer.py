"""Trains one config, stage by stage, and leaves the model, the pipeline and the record behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import keras

from app.config.components import is_users_own
from app.config.models import TrainingConfig
from app.engine.data.cache import memory_limit
from app.engine.data.own import load_own_dataset
from app.engine.datasets import load_dataset
from app.engine.ending import DamagedDataError, StopRequested, StopSwitch, TrainingError
from app.engine.estimators import Estimator, is_estimator
from app.engine.filling import filled
from app.engine.network import Network
from app.engine.outcome import Outcome
from app.engine.pipeline import (
    Room,
    Split,
    count_classes,
    fit_transformers,
    preprocessed,
    split_samples,
    transformed,
)
from app.engine.preprocessing.saving import save_pipeline
from app.engine.preprocessing.steps import make_preprocessor
from app.engine.samples import Samples
from app.records.layout import ExecutionFolder
from app.records.log import logger
from app.records.recorder import Recorder

log = logger("Trainer")


class Learner(Protocol):
    """What is trained, whichever library it is of.

    Attributes:
        epochs: how many have been fitted, of those it knows; a step of the metrics of the test.
        is_built: whether there is a model.
    """

    epochs: int

    @property
    def is_built(self) -> bool:
        """Whether there is a model."""

    def can_build_ahead(self) -> bool:
        """Whether it can be built before there are samples."""

    def build(self, split: Split | None = None) -> None:
        """Make the model, for these samples where the config leaves anything to them."""

    def check(self, split: Split) -> None:
        """Look whether the samples fit it."""

    def stage_facts(self, epochs: int, steps: int) -> dict[str, int]:
        """Return what the stage of fitting says about itself: epochs and steps an epoch, where it has them."""

    def fit(self, split: Split) -> Outcome:
        """Fit it, logging metrics."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Return its metrics on samples."""

    def save(self) -> None:
        """Save it to the execution's folder."""


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
        self._learner: Learner = (
            Estimator(config, folder, recorder)
            if is_estimator(config.model)
            else Network(config, folder, recorder, stop)
        )

    def run(self) -> Outcome:
        """Train, evaluate and save.

        Raises:
            TrainingError: the config cannot be trained; the text says why.
            StopRequested: the end was asked for before there was a model worth saving.
        """
        try:
            return self._run()
        except DamagedDataError as error:
            if error.path.parent != self._dataset_cache:
                raise
            error.path.unlink(missing_ok=True)
            raise TrainingError(f"{error}; this copy of the data was removed, the next run makes it anew") from error

    def _run(self) -> Outcome:
        config = self._config
        keras.utils.set_random_seed(config.dataset.seed)
        learner = self._learner
        if learner.can_build_ahead():
            # First of all, so that a wrong network fails before any data is loaded.
            self._build(None)
        log.info("Running experiment: %s ...", self._folder.execution_id)
        log.info("Saving training results to %s", self._folder.path)
        split = self._prepare()
        if not learner.is_built:
            self._build(split)
        learner.check(split)
        try:
            outcome = self._fit(split)
            self._evaluate(split)
        except StopRequested:
            outcome = Outcome("stopped", "user", f"stopped by {self._stop.by}")
        self._save()
        return outcome

    def _build(self, split: Split | None) -> None:
        with self._stage("build_model", "Building the model"):
            self._learner.build(split)

    def _prepare(self) -> Split:
        config = self._config
        chunked = config.training.chunk_size is not None
        room = Room(memory_limit(chunked=chunked), self._stop.check)
        with self._stage("load_data", "Loading data"):
            log.info("Loading dataset: %s ...", config.dataset.name)
            if is_users_own(config.dataset.name):
                samples = load_own_dataset(config.dataset)
            else:
                dataset = config.dataset
                samples = load_dataset(
                    dataset.name, dataset.parameters, self._dataset_cache, self._stop.check, chunked=chunked
                )
        parts = config.training.samples
        with self._stage("split_data", "Splitting"):
            log.info("Splitting dataset -> Fit: %s | Test: %s | Val: %s ...", parts.fit, parts.test, parts.val)
            split = split_samples(samples, config.training, seed=config.dataset.seed)
            classes = count_classes(samples, "dataset.one_hot") if config.dataset.one_hot else 0
            del samples  # the parts are copies of it where rows are shuffled, and it may be half of the memory
        with self._stage("transform_preprocessors", "Preprocessing"):
            split = filled(split, room)
            entries = config.dataset.preprocessors
            log.info("Applying %d preprocessors ...", len(entries))
            steps = [make_preprocessor(entry, f"dataset.preprocessors.{i}") for i, entry in enumerate(entries)]
            split = preprocessed(split, steps, room)
        self._cross_validate(split, classes, room)
        with self._stage("fit_transformers", "Fitting transformers"):
            entries = config.dataset.transformers
            log.info("Applying %d transformers ...", len(entries))
            fitted, split = fit_transformers(entries, split, room)
        with self._stage("transform_transformers", "Transforming"):
            split = transformed(split, fitted, room)
            if classes:
                split = split.one_hot(classes, room)
        save_pipeline(fitted, split.fit, self._folder.pipeline)
        return split

    def _cross_validate(self, split: Split, classes: int, room: Room) -> None:
        wanted = self._config.training.cross_validation
        if wanted is None or not isinstance(self._learner, Estimator):
            return

        unchecked = Room(room.limit)  # a wish to stop must not end one of the threads that this is done on

        def prepare(part: Split) -> Split:
            fitted, part = fit_transformers(self._config.dataset.transformers, part, unchecked)
            part = transformed(part, fitted, unchecked)
            return part.one_hot(classes, unchecked) if classes else part

        with self._stage("cross_validate", "Cross-validating"):
            self._learner.cross_validate(wanted, split, prepare, room.check)

    def _fit(self, split: Split) -> Outcome:
        training = self._config.training
        count = len(split.fit)
        steps = training.steps_per_epoch or -(-count // training.batch_size)
        facts = self._learner.stage_facts(training.epochs, steps)
        with self._stage("fit_model", "Fitting the model", **facts, samples=count):
            log.info("Fitting model with %d samples ...", count)
            with self._saved_if_it_fails():
                outcome = self._learner.fit(split)
        log.info("Logging train metrics")
        return outcome

    def _evaluate(self, split: Split) -> None:
        if not len(split.test):
            return
        with self._stage("evaluate_model", "Evaluating the model"):
            log.info("Evaluating model with %d samples", len(split.test))
            with self._saved_if_it_fails():
                values = self._learner.evaluate(split.test)
        log.info("Logging test metrics")
        test = {f"test_{name}": value for name, value in values.items()}
        self._recorder.log_test(self._learner.epochs, test)

    @contextmanager
    def _saved_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            if self._learner.epochs:
                self._save()  # it may have been fitted for days
            raise

    def _save(self) -> None:
        # Not by _stage: a wish to stop that was granted already must not keep the model from being saved.
        with self._recorder.stage("save_model"):
            log.info("Saving model")
            self._learner.save()

    @contextmanager
    def _stage(self, name: str, what: str, **facts: Any) -> Iterator[None]:
        self._stop.check()
        begin = time.perf_counter()
        with self._recorder.stage(name, **facts):
            yield
        log.debug("%s took %.3fs", what, time.perf_counter() - begin)
