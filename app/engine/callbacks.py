"""The callbacks of a config, and the one that tells the recorder what happens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from app.engine import building
from app.engine.ending import StopSwitch
from app.messages import BATCH_PREFIX
from app.records.log import logger
from app.records.recorder import Recorder

log = logger("Trainer")


def scalars(logs: Mapping[str, Any]) -> dict[str, float]:
    """Return logs as plain numbers; a metric with a value for every class (f1_score) becomes ``<name>/<class>``."""
    return dict(_parts(logs))


def _parts(logs: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in logs.items():
        if np.ndim(value) == 0:
            yield name, float(value)
        else:
            yield from ((f"{name}/{index}", float(part)) for index, part in enumerate(np.ravel(value)))


class Recording(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Hands every metric to the recorder and looks for a wish to stop, once a batch.

    Keras reports means since the epoch began. A batch's own value is recovered from two such means and the numbers of
    samples behind them: ``(mean_k * n_k - mean_(k-1) * n_(k-1)) / (n_k - n_(k-1))``. Keras sums in float32, so the
    value of batch k is right to about k times 1e-7 of the mean.

    Args:
        recorder: takes the values.
        stop: asks for the end.
        samples: how many samples a pass over all of them has; an epoch is one pass unless it has steps of its own.
        batch_size: how many a batch has; the last one of a pass may have fewer.
    """

    def __init__(self, recorder: Recorder, stop: StopSwitch, samples: int, batch_size: int) -> None:
        super().__init__()
        self._recorder = recorder
        self._stop = stop
        self._batches = -(-samples // batch_size)
        self._batch_size = batch_size
        self._last_size = samples - (self._batches - 1) * batch_size
        self._running: frozenset[str] | None = None
        self._seen = 0
        self._sums: dict[str, float] = {}
        self._names: dict[str, str] = {}
        self._learning_rate: float | None = None
        self.step = 0
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Begin the sums anew; note a learning rate that has changed."""
        self._seen = 0
        self._sums = {}
        rate = _learning_rate(self.model)
        if rate is not None and rate != self._learning_rate:
            if self._learning_rate is not None:
                log.info("Learning rate is now %.6g (it was %.6g)", rate, self._learning_rate)
            self._recorder.event("learning_rate", value=rate, epoch=epoch + 1, step=self.step)
            self._learning_rate = rate

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Log the batch's own values under ``.batch/``, then stop here if that is asked for."""
        if self._running is None:  # Keras makes the metrics' parts with the first batch
            self._running = building.running_metrics(self.model)
            parts = scalars({name: value for name, value in (logs or {}).items() if name in self._running})
            self._recorder.keep_running(frozenset(parts))
        self._stop.step = self.step = self.step + 1
        size = self._batch_size if self.step % self._batches else self._last_size
        self._seen = seen = self._seen + size
        sums = self._sums
        record = self._recorder.log
        for name, mean in (logs or {}).items():
            batch_name = self._names.get(name)
            if batch_name is None:
                batch_name = self._names[name] = BATCH_PREFIX + name
            if name in self._running:
                for part, value in scalars({batch_name: mean}).items():
                    record(part, value, self.step)
                continue
            total = mean * seen
            value = (total - sums.get(name, 0.0)) / size
            # Once a mean is no number the epoch's sum never is one again; the batch may be either, so it says so too.
            sums[name] = total
            record(batch_name, value, self.step)
        self._stop.check()

    def on_test_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stop in the middle of a validation too."""
        self._stop.check()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Log what the epoch ended with."""
        self.epoch = epoch + 1
        values = scalars(logs or {})
        self._recorder.log_epoch(self.epoch, values)
        self._recorder.event("epoch_end", epoch=self.epoch, step=self.step)
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            log.warning("Epoch %d: not finite: %s", self.epoch, ", ".join(bad))


class StopOnly(keras.callbacks.Callback):  # type: ignore[misc]
    """Looks for a wish to stop between the batches of an evaluation."""

    def __init__(self, stop: StopSwitch) -> None:
        super().__init__()
        self._stop = stop

    def on_test_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stop here if that is asked for."""
        self._stop.check()


def _learning_rate(model: keras.Model) -> float | None:
    rate = getattr(model.optimizer, "learning_rate", None)
    return None if rate is None else float(rate)
