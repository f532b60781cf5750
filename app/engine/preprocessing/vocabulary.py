"""Vectorizers of texts: their settings, and how their vocabulary is learnt from texts that are read in portions."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from app.engine.preprocessing.texts import column_of
from app.engine.samples import Array
from app.resources import resource

#: Numbers of text_vectorization that are no word's, as Keras' layer has them: what fills up, and an unknown word.
_FILL, _UNKNOWN = 0, 1


def make_tfidf(
    lowercase: bool,
    strip_accents: str | None,
    language: str,
    remove_stop_words: bool,
    ngram_range: list[int],
    max_df: float,
    min_df: float,
    max_features: int | None,
    use_idf: bool,
    sublinear_tf: bool,
) -> Any:
    """Return scikit-learn's TfidfVectorizer; documents are counted by a share up to 1 (max_df) or below 1 (min_df)."""
    from sklearn.feature_extraction import text

    words: list[str] | None = None
    if remove_stop_words:
        strip = {None: str, "ascii": text.strip_accents_ascii, "unicode": text.strip_accents_unicode}[strip_accents]
        words = sorted({strip(word) for word in _stop_words(language)})
    return text.TfidfVectorizer(
        lowercase=lowercase,
        strip_accents=strip_accents,
        stop_words=words,
        ngram_range=tuple(ngram_range),
        max_df=float(max_df) if max_df <= 1 else int(max_df),
        min_df=float(min_df) if min_df < 1 else int(min_df),
        max_features=max_features,
        use_idf=use_idf,
        sublinear_tf=sublinear_tf,
        dtype=np.float32,
    )


def make_binary_vectorizer(num_words: int | None, filters: str, lower: bool, split: str) -> Any:
    """Return scikit-learn's CountVectorizer with words as Keras' old Tokenizer told them apart."""
    if not split:
        raise ValueError("split is empty; a space would be right")
    return _counter(lower, f"[^{re.escape(filters + split)}]+", num_words, binary=True)


def make_text_vectorization(max_tokens: int | None, output_sequence_length: int, lowercase: bool) -> Any:
    """Return a CountVectorizer whose vocabulary, most frequent word first, numbers the words."""
    most = None if max_tokens is None else max(max_tokens - 2, 1)  # without what fills up and the unknown word
    return _counter(lowercase, r"(?u)\b\w+\b", most)


def learn(vectorizer: Any, portions: Iterable[Array]) -> None:
    """Fit a CountVectorizer or TfidfVectorizer as its own ``fit`` does, on texts that are never all in memory.

    Words of one frequency at the limit of ``max_features`` are taken in the order of the alphabet.

    Raises:
        ValueError: no word is left.
    """
    analyze = vectorizer.build_analyzer()
    documents: Counter[str] = Counter()
    occurrences: Counter[str] = Counter()
    total = 0
    for portion in portions:
        texts = column_of(portion)
        total += len(texts)
        for text in texts:
            words = Counter(analyze(text))
            occurrences.update(words)
            documents.update(words.keys())
    least, most = (
        bound if isinstance(bound, int) else bound * total for bound in (vectorizer.min_df, vectorizer.max_df)
    )
    kept = [word for word, count in documents.items() if least <= count <= most]
    kept.sort(key=lambda word: (-occurrences[word], word))
    kept = kept[: vectorizer.max_features]
    if not kept:
        raise ValueError(f"of {len(documents)} different words in {total} texts, none is in as many as are asked for")
    by_frequency = type(vectorizer).__name__ == "CountVectorizer"
    vocabulary = kept if by_frequency else sorted(kept)
    vectorizer.set_params(vocabulary=vocabulary)
    if by_frequency:
        vectorizer.fit([])  # takes the vocabulary as it is
    elif vectorizer.use_idf:
        # The smooth inverse document frequency of scikit-learn's TfidfTransformer.
        idf = [math.log((1 + total) / (1 + documents[word])) + 1 for word in vocabulary]
        vectorizer.idf_ = np.array(idf, np.float32)
    else:
        vectorizer.fit(vocabulary[:1])


def vectorized(vectorizer: Any, X: Array) -> Any:
    """Return a row of weights for each text, as a sparse matrix."""
    return vectorizer.transform(column_of(X))


def word_numbers(vectorizer: Any, X: Array, length: int) -> Array:
    """Return the number of each word from the most frequent one, 2, on: 1 is an unknown word, 0 fills up; int32."""
    numbers, analyze = vectorizer.vocabulary_, vectorizer.build_analyzer()
    made = np.full((len(X), length), _FILL, np.int32)
    for row, text in zip(made, column_of(X), strict=True):
        found = [numbers.get(word, _UNKNOWN - 2) + 2 for word in analyze(text)[:length]]
        row[: len(found)] = found
    return made


def _counter(lowercase: bool, pattern: str, most: int | None, binary: bool = False) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(
        lowercase=lowercase, token_pattern=pattern, max_features=most, binary=binary, dtype=np.float32
    )


def _stop_words(language: str) -> Iterable[str]:
    if language == "english":
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        found: Iterable[str] = ENGLISH_STOP_WORDS
        return found
    return resource("texts", f"stop_words_{language}.txt").read_text("utf-8").split()
