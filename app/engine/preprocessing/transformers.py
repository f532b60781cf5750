"""The transformers of the catalog: estimators of scikit-learn, fitted on rows that need not all be in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn.preprocessing

from app.engine.preprocessing import vocabulary
from app.engine.samples import Array, as_stored, in_memory, portions

_SCORERS = ("chi2", "f_classif", "f_regression")
#: Functions of scikit-learn that a saved transformer names, and that skops does not know.
TRUSTED = tuple(f"sklearn.feature_selection._univariate_selection.{name}" for name in _SCORERS)


class TooLargeError(Exception):
    """All rows at once are wanted, and they are more than may be in memory."""


@dataclass(frozen=True)
class Rows:
    """What a transformer is fitted on: features that may be on the disk or sparse, and their targets.

    ``limit`` is how many bytes of rows that are not in memory yet may be put there, ``check`` is called between
    portions.
    """

    X: Any
    y: Any
    limit: int
    check: Callable[[], None]

    def portions(self) -> Any:
        """Yield the features, some rows at a time."""
        for some in portions(self.X):
            self.check()
            yield some

    def together(self) -> Any:
        """Return all features.

        Raises:
            TooLargeError: they are not in memory, and more than may be.
        """
        if in_memory(self.X) or not hasattr(self.X, "row_bytes"):
            return self.X
        stored = as_stored(self.X)
        if stored.nbytes > self.limit:
            raise TooLargeError
        return stored[:]


@dataclass(frozen=True)
class Kind:
    """How a transformer of the catalog is made, fitted and used.

    ``make`` takes its settings and returns the estimator, all of what was learnt in it. ``transform`` takes that,
    features, and the settings.
    """

    make: Callable[..., Any]
    fit: Callable[[Any, Rows], None]
    transform: Callable[[Any, Any, Mapping[str, Any]], Any] = lambda made, X, options: made.transform(X)


def fit_by_portions(estimator: Any, rows: Rows) -> None:
    """Fit what has ``partial_fit``, or else what has ``fit`` on all rows."""
    if hasattr(estimator, "partial_fit"):
        for some in rows.portions():
            estimator.partial_fit(some)
    else:
        estimator.fit(rows.together())


def _fit_vocabulary(vectorizer: Any, rows: Rows) -> None:
    vocabulary.learn(vectorizer, rows.portions())


def _fit_kbest(selector: Any, rows: Rows) -> None:
    X, y = rows.together(), np.asarray(rows.y)
    if y.ndim == 2:
        y = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0]
    selector.set_params(k=min(selector.k, X.shape[1]))
    selector.fit(X, y)


def _make_kbest(scorer: str, k: int) -> Any:
    from sklearn import feature_selection

    return feature_selection.SelectKBest(getattr(feature_selection, scorer), k=k)


def _make_min_max(feature_range: list[float], clip: bool) -> Any:
    return sklearn.preprocessing.MinMaxScaler(tuple(feature_range), clip=clip)


def _make_robust(quantile_range: list[float], with_centering: bool, with_scaling: bool) -> Any:
    return sklearn.preprocessing.RobustScaler(
        with_centering=with_centering, with_scaling=with_scaling, quantile_range=tuple(quantile_range)
    )


def _make_one_hot(max_categories: int | None) -> Any:
    return sklearn.preprocessing.OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=max_categories, dtype=np.float32
    )


def _vectorized(vectorizer: Any, X: Array, options: Mapping[str, Any]) -> Any:
    return vocabulary.vectorized(vectorizer, X)


def _numbered(vectorizer: Any, X: Array, options: Mapping[str, Any]) -> Array:
    return vocabulary.word_numbers(vectorizer, X, options["output_sequence_length"])


#: Every transformer of the catalog by its id.
KINDS: dict[str, Kind] = {
    "standard_scaler": Kind(sklearn.preprocessing.StandardScaler, fit_by_portions),
    "min_max_scaler": Kind(_make_min_max, fit_by_portions),
    "max_abs_scaler": Kind(sklearn.preprocessing.MaxAbsScaler, fit_by_portions),
    "robust_scaler": Kind(_make_robust, fit_by_portions),
    "one_hot_encoder": Kind(_make_one_hot, fit_by_portions),
    "kbest": Kind(_make_kbest, _fit_kbest),
    "tfidf": Kind(vocabulary.make_tfidf, _fit_vocabulary, _vectorized),
    "binary_vectorizer": Kind(vocabulary.make_binary_vectorizer, _fit_vocabulary, _vectorized),
    "text_vectorization": Kind(vocabulary.make_text_vectorization, _fit_vocabulary, _numbered),
}
