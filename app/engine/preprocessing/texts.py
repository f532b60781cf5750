"""Preprocessors of texts."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from app.engine.ending import TrainingError
from app.engine.samples import Array

_NO_WORD = re.compile(r"[\W_]+")
_LANGUAGES = {"english": "en", "spanish": "es"}


class Alphanumeric:
    """Leaves letters and digits of any script, words between single spaces."""

    def transform(self, X: Array) -> Array:
        """Return the texts without other characters."""
        return _each(lambda text: _NO_WORD.sub(" ", text).strip(), X)


class Lemmatization:
    """Brings every word to the form that a dictionary has: "children were" to "child be" (simplemma).

    Args:
        language: english or spanish.

    Raises:
        TrainingError: simplemma is not installed.
    """

    def __init__(self, language: str = "english") -> None:
        try:
            from simplemma import text_lemmatizer
        except ImportError as error:
            raise TrainingError(
                "lemmatization needs the library simplemma, which this Python does not have; pip install simplemma "
                "(or trackside[text]) gets it"
            ) from error
        code = _LANGUAGES[language]
        self._change: Callable[[str], str] = lambda text: " ".join(text_lemmatizer(text, lang=code))

    def transform(self, X: Array) -> Array:
        """Return the texts of lemmas, a space between each."""
        return _each(self._change, X)


def check_texts(X: Array) -> None:
    """Raise ValueError where features are no texts."""
    if X.dtype != object or not all(isinstance(text, str) for text in X.reshape(-1)[:1]):
        raise ValueError("wants texts")


def column_of(X: Array) -> Array:
    """Return texts one behind the other; raise ValueError where a sample has several, or none."""
    check_texts(X)
    if X.size != len(X):
        raise ValueError("wants one text a sample")
    return X.reshape(-1)


def _each(change: Callable[[str], str], X: Array) -> Array:
    check_texts(X)
    made = np.empty(X.size, object)
    made[:] = [change(text) for text in X.reshape(-1)]
    return made.reshape(X.shape)
