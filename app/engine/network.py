"""A network of Keras while it is trained: built, fitted, evaluated, saved."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from app.config.models import FitConfig, TrainingConfig
from app.engine import building, callbacks
from app.engine.batches import Batches
from app.engine.class_weights import class_weights
from app.engine.configured_callbacks import EarlyStopping, make_callbacks
from app.engine.ending import StopRequested, StopSwitch, TrainingError
from app.engine.faults import is_out_of_memory, sentence_of
from app.engine.matching import check_numbers, check_samples
from app.engine.outcome import Outcome
from app.engine.own_code import place_in_own
from app.engine.pipeline import Split, count_classes
from app.engine.samples import Samples, each
from app.records.layout import ExecutionFolder
from app.records.log import logger
from app.records.recorder import Recorder

log = logger("Trainer")

#: The batch size that a config has when nobody chose one: it is no fault of such a config to have fewer samples.
_NOT_CHOSEN = FitConfig.model_fields["batch_size"].default


class Network:
    """The network of one config.

    Args:
        config: what to train.
        folder: the execution's folder.
        recorder: takes the facts.
        stop: asks for the end.
    """

    def __init__(self, config: TrainingConfig, folder: ExecutionFolder, recorder: Recorder, stop: StopSwitch) -> None:
        self._config = config
        self._folder = folder
        self._recorder = recorder
        self._stop = stop
        self._model: keras.Model | None = None
        self.epochs = 0

    @property
    def is_built(self) -> bool:
        """Whether there is a model."""
        return self._model is not None

    @property
    def model(self) -> keras.Model:
        """The model; it has been built."""
        assert self._model is not None
        return self._model

    def can_build_ahead(self) -> bool:
        """Whether the config says all that a model needs, so that a wrong one fails before any data is loaded."""
        return self._config.model.input_shape is not None and not building.wants_outputs(self._config.model)

    def build(self, split: Split | None = None) -> None:
        """Build the model as the config has it, or as the samples are where the config leaves it to them.

        Raises:
            TrainingError: it cannot be built.
        """
        config = self._config.model
        shape: building.Shapes | None = config.input_shape
        outputs = None
        if split is not None:
            if config.network is not None:
                check_numbers(split.fit.X, self._config.dataset.name)
            shapes = {name: array.shape[1:] for name, array in each(split.fit.X).items()}
            shape = shape or (shapes if isinstance(split.fit.X, dict) else shapes[""])
            outputs = self._outputs(split) if building.wants_outputs(config) else None
        assert shape is not None
        self._model = building.build_model(config, shape, outputs)

    def check(self, split: Split) -> None:
        """Look whether the samples fit the model: later Keras says it badly, or trains on nonsense.

        Raises:
            TrainingError: they do not.
        """
        if self._config.model.network is not None:
            check_numbers(split.fit.X, self._config.dataset.name)
        size, count = self._config.training.batch_size, len(split.fit)
        if size > count and size != _NOT_CHOSEN:
            raise TrainingError(
                f"training.batch_size: is {size}, but there are only {count} samples to fit on; {count} or less "
                "would be right"
            )
        for part in split.parts:
            if len(part):
                check_samples(self.model, self._config, part)

    def stage_facts(self, epochs: int, steps: int) -> dict[str, int]:
        """Return epochs and steps an epoch."""
        return {"epochs": epochs, "steps_per_epoch": steps}

    def fit(self, split: Split) -> Outcome:
        """Fit the model.

        Raises:
            TrainingError: Keras cannot train on them.
            StopRequested: the end was asked for.
        """
        training = self._config.training
        size, count = training.batch_size, len(split.fit)
        watch = callbacks.Recording(self._recorder, self._stop, count, size)
        others = make_callbacks(training.callbacks, self._folder.callbacks, self._recorder)
        weights = class_weights(self._config, split.fit)
        options: dict[str, Any] = {"batch_size": size, "shuffle": training.shuffle}
        sources = []
        if split.fit.on_disk or training.steps_per_epoch is not None:
            # Keras would read the whole of it, or begin every short epoch with the same rows.
            seed = self._config.dataset.seed if training.shuffle else None
            data = Batches(split.fit, size, seed=seed, steps=training.steps_per_epoch, window=training.chunk_size)
            features: dict[str, Any] = {"x": data}
            sources.append(data)
            options = {"shuffle": False}
        else:
            features = {"x": split.fit.X, "y": split.fit.y}
        validation = self._validation(split.val)
        if isinstance(validation, Batches):
            sources.append(validation)
        try:
            with _named_errors("fit_model", *sources):
                self.model.fit(
                    **features,
                    **options,
                    epochs=training.epochs,
                    initial_epoch=training.initial_epoch,
                    class_weight=weights,
                    validation_data=validation,
                    callbacks=[watch, *others],
                    verbose=0,
                )
        finally:
            self.epochs = watch.epoch
        for callback in others:
            if isinstance(callback, EarlyStopping) and callback.why:
                return Outcome("finished", "early_stopping", callback.why)
        return Outcome("finished")

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Return every metric on samples.

        Raises:
            TrainingError: Keras cannot evaluate on them.
            StopRequested: the end was asked for.
        """
        training = self._config.training
        source = [Batches(samples, training.batch_size, window=training.chunk_size)] if samples.on_disk else []
        data = {"x": source[0]} if source else {"x": samples.X, "y": samples.y, "batch_size": training.batch_size}
        with _named_errors("evaluate_model", *source):
            values = self.model.evaluate(
                **data, callbacks=[callbacks.StopOnly(self._stop)], verbose=0, return_dict=True
            )
        return callbacks.scalars(values)

    def save(self) -> None:
        """Save the model to the execution's folder.

        Raises:
            TrainingError: it cannot be saved.
        """
        path = self._folder.model
        partial = path.with_name(".model.partial.h5")
        try:
            self.model.save(partial)
            os.replace(partial, path)
        except Exception as error:
            raise TrainingError(f"the model could not be saved to {path}: {error}") from error
        finally:
            partial.unlink(missing_ok=True)

    def _validation(self, samples: Samples) -> Any:
        if not len(samples):
            return None
        if samples.on_disk:
            return Batches(samples, self._config.training.batch_size, window=self._config.training.chunk_size)
        return samples.X, samples.y

    def _outputs(self, split: Split) -> int:
        """Return how many values the last layer must give for the targets."""
        y = split.fit.y
        if isinstance(y, dict):
            raise TrainingError("model.network: with several targets every layer needs its size")
        if len(y.shape) > 1 and y.shape[-1] != 1:
            return int(y.shape[-1])
        if building.is_by_class_number(self._config.model):
            compilation = self._config.model.compilation
            named = len(compilation.class_names) if compilation is not None else 0
            parts = (split.fit, split.val, split.test)
            return max(named, *(count_classes(part, "model.network") for part in parts))
        return 1


@contextmanager
def _named_errors(stage: str, *sources: Batches) -> Iterator[None]:
    """Turn what Keras says of data and model that do not go together into a sentence; the log keeps the whole.

    Where one of the sources of batches failed, what that said is the sentence.
    """
    try:
        yield
    except (StopRequested, TrainingError, MemoryError):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        log.debug("%s failed", stage, exc_info=True)
        for source in sources:
            if isinstance(source.fault, TrainingError):
                raise source.fault from error
        place = place_in_own(error)
        raise TrainingError(f"{stage}: {f'{place}: ' if place else ''}{sentence_of(error)}") from error
