"""The steps that a config asks for, each of which says where it stands there when it cannot do its part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse

from app.config.components import is_users_own
from app.config.models import ComponentEntry
from app.engine.ending import TrainingError
from app.engine.faults import is_out_of_memory, sentence_of
from app.engine.own_code import make_own, own_fault
from app.engine.preprocessing import images, numbers, texts
from app.engine.preprocessing.transformers import KINDS, Kind, Rows, TooLargeError, fit_by_portions
from app.engine.samples import Array

#: Every preprocessor of the catalog by its id.
PREPROCESSORS: dict[str, Callable[..., Any]] = {
    "divide": numbers.Divide,
    "normalize": numbers.Normalize,
    "replace": numbers.Replace,
    "spectrogram": numbers.Spectrogram,
    "grayscale": images.Grayscale,
    "grayscale_to_color": images.GrayscaleToColor,
    "image_resize": images.ImageResize,
    "channels_first": images.ChannelsFirst,
    "lemmatization": texts.Lemmatization,
    "alphanumeric": texts.Alphanumeric,
}

#: Steps that learn nothing, and those of the user's own, which are objects of other classes.
_OTHER = Kind(lambda: None, fit_by_portions)


class Step:
    """A preprocessor, or a transformer once it is fitted.

    Args:
        entry: it in the config.
        where: its path there.
        made: the object that does it.
        kind: how that is fitted and used, for a transformer.
    """

    def __init__(self, entry: ComponentEntry, where: str, made: Any, kind: Kind = _OTHER) -> None:
        self.entry = entry
        self.made = made
        self._name = f"{where} ({entry.type})"
        self._kind = kind
        self._forms: dict[Any, Any] = {}

    def fit(self, rows: Rows) -> None:
        """Learn from the rows to fit on.

        Raises:
            TrainingError: it cannot learn from them.
        """
        try:
            with self._named("be fitted on", rows.X):
                self._kind.fit(self.made, rows)
        except TooLargeError:
            own = is_users_own(self.entry.type)
            raise TrainingError(
                f"{self._name}: learns from all rows at once, and they are more than {rows.limit >> 20} MB; "
                + (
                    "give it partial_fit(X)"
                    if own
                    else "take a transformer that learns in portions (standard_scaler, "
                    "min_max_scaler, max_abs_scaler, tfidf)"
                )
                + ", or fewer rows (training.samples.fit)"
            ) from None

    def __call__(self, X: Any) -> Any:
        """Return the features changed: as many rows, of one form whichever they are; they may be sparse.

        Raises:
            TrainingError: it cannot do that with them, or makes something else of them.
        """
        with self._named("take", X):
            found = self._kind.transform(self.made, X, self.entry.options)
        made = found if scipy.sparse.issparse(found) else np.asarray(found)
        if made.dtype.kind in "US":
            made = made.astype(object)
        elif made.dtype == np.float64 and X.dtype != np.float64 and not is_users_own(self.entry.type):
            made = made.astype(np.float32)  # which Keras would make of it for every batch
        if made.ndim == 0 or made.shape[0] != X.shape[0]:
            rows = "a single value" if made.ndim == 0 else f"{made.shape[0]} rows"
            raise TrainingError(f"{self._name}: makes {rows} of {X.shape[0]} rows; as many as came would be right")
        form = (made.shape[1:], made.dtype)
        before = self._forms.setdefault((X.shape[1:], X.dtype), form)
        if form != before:
            told = " and ".join(f"{dtype} of shape {list(shape)}" for shape, dtype in (before, form))
            raise TrainingError(f"{self._name}: makes {told} of different rows; one form would be right")
        return made

    @contextmanager
    def _named(self, what: str, X: Any) -> Iterator[None]:
        try:
            yield
        except (TrainingError, TooLargeError, MemoryError):
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            fault = own_fault(error) if is_users_own(self.entry.type) else sentence_of(error)
            features = "texts" if X.dtype == object else str(X.dtype)
            raise TrainingError(
                f"{self._name}: cannot {what} features of shape {list(X.shape[1:])} ({features}): {fault}"
            ) from error


def make_preprocessor(entry: ComponentEntry, where: str) -> Step:
    """Return a preprocessor of the config.

    Raises:
        TrainingError: its settings are refused, or what it needs is not installed.
    """
    return Step(entry, where, _make(PREPROCESSORS, entry, "preprocessor", where))


def make_transformer(entry: ComponentEntry, where: str) -> Step:
    """Return a transformer of the config, which is not fitted yet.

    Raises:
        TrainingError: its settings are refused.
    """
    made = _make({id: kind.make for id, kind in KINDS.items()}, entry, "transformer", where)
    return saved_transformer(entry, where, made)


def saved_transformer(entry: ComponentEntry, where: str, made: Any) -> Step:
    """Return a transformer of which there is the object that does it."""
    return Step(entry, where, made, _OTHER if is_users_own(entry.type) else KINDS[entry.type])


def dense(X: Any) -> Array:
    """Return features as an array, those of a sparse matrix as float32."""
    made: Array = X.toarray().astype(np.float32, copy=False) if scipy.sparse.issparse(X) else X
    return made


def _make(classes: dict[str, Callable[..., Any]], entry: ComponentEntry, kind: str, where: str) -> Any:
    if is_users_own(entry.type):
        return make_own(entry.type, kind, entry.options, where)
    try:
        return classes[entry.type](**entry.options)
    except TrainingError as error:
        raise TrainingError(f"{where}: {error}") from error
    except (TypeError, ValueError) as error:
        raise TrainingError(f"{where} ({entry.type}): {error}") from error
