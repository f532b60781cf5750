"""Batches for Keras of samples that it should not take as arrays: those on disk, and epochs shorter than the data."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from app.engine.samples import Arrays, Samples


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The batches of one epoch after another. They come in their order, whatever number is asked for.

    Args:
        samples: the samples.
        size: how many a batch has; the last of each pass over the samples may have fewer.
        seed: shuffles, each pass in another way; None leaves the order as it is.
        steps: batches in an epoch; the next epoch goes on where this one ended. Without it, all of a pass.
        window: samples of those on disk that are held in memory at a time.

    Attributes:
        fault: what went wrong while a batch was made, if anything did; a backend wraps it beyond recognition.
    """

    def __init__(
        self,
        samples: Samples,
        size: int,
        *,
        seed: int | None = None,
        steps: int | None = None,
        window: int | None = None,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=2)
        self._samples, self._size, self._window = samples, size, window
        self._rng = None if seed is None else np.random.default_rng(seed)
        self._steps = -(-len(samples) // size) if steps is None else steps
        self._flow = self._pass()
        self._has_begun = False
        self._looked_at: deque[tuple[Arrays, Arrays]] = deque()
        self.fault: Exception | None = None

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return self._steps

    def on_epoch_begin(self) -> None:
        """Begin to hand out batches: what was asked for before was only looked at, for shapes and types."""
        self._has_begun = True

    def __getitem__(self, index: int) -> tuple[Arrays, Arrays]:
        """Return the next batch."""
        if self._has_begun and self._looked_at:
            return self._looked_at.popleft()
        try:
            batch = next(self._flow)
        except Exception as error:
            self.fault = error
            raise
        if not self._has_begun:
            self._looked_at.append(batch)
        return batch

    def _pass(self) -> Iterator[tuple[Any, Any]]:
        while True:
            yield from self._samples.batches(self._size, self._rng, window=self._window)
