"""Every transformer of the catalog: what it learns and from which rows, and that it comes back as it was saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2

from app.config.catalog import load_catalog
from app.config.models import DatasetConfig
from app.engine import samples as samples_module
from app.engine.ending import StopRequested, StopSwitch, TrainingError
from app.engine.pipeline import Split, fit_transformers, transformed
from app.engine.preprocessing.saving import load_pipeline, save_pipeline
from app.engine.preprocessing.transformers import KINDS
from app.engine.samples import Samples, Stored
from tests.engine.conftest import entry
from tests.engine.preprocessing.conftest import NO_ROOM, Room, split_of, texts_of, transformer

OnDisk = Callable[[Any], Stored]

NUMBERS = np.random.default_rng(0).gamma(2, 3, (100, 4)).astype(np.float32)
CLASSES = np.arange(100) % 3
WORDS = "apple banana cherry date elder fig grape honey iris juniper".split()
TEXTS = texts_of(
    *(" ".join(np.random.default_rng(row).choice(WORDS, 3 + row % 5, p=np.arange(1, 11) / 55)) for row in range(100))
)

#: Settings of every transformer, and 100 rows of which it is fitted on the first 60.
CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "standard_scaler": ({}, NUMBERS),
    "min_max_scaler": ({"feature_range": [-1, 1]}, NUMBERS),
    "max_abs_scaler": ({}, NUMBERS),
    "robust_scaler": ({}, NUMBERS),
    "one_hot_encoder": ({}, (NUMBERS * 0.5).astype(np.int64)),
    "kbest": ({"k": 2}, NUMBERS),
    "tfidf": ({"min_df": 2}, TEXTS),
    "binary_vectorizer": ({"num_words": 5}, TEXTS),
    "text_vectorization": ({"output_sequence_length": 6}, TEXTS),
}
#: Those that must see all rows at once.
WHOLE = {"robust_scaler", "one_hot_encoder", "kbest"}


def fitted(split: Split, *steps: tuple[str, dict[str, Any]], room: Room | None = None) -> tuple[Any, Split]:
    entries = [entry("transformer", type, **options) for type, options in steps]
    found, before = fit_transformers(entries, split, room or Room())
    return found, transformed(before, found, room or Room())


def test_the_catalog_lists_what_there_is() -> None:
    assert sorted(KINDS) == list(load_catalog().ids("transformer")) == sorted(CASES)


@pytest.mark.parametrize("type", CASES)
def test_only_the_rows_to_fit_on_are_learnt_from(type: str) -> None:
    """What it makes of them is the same whatever the other rows are."""
    options, X = CASES[type]
    others = X.copy()
    others[60:] = texts_of(*["zebra zoo"] * 40) if X.dtype == object else 1000
    _, made = fitted(split_of(X, CLASSES, 60), (type, options))
    _, again = fitted(split_of(others, CLASSES, 60), (type, options))
    np.testing.assert_array_equal(made.fit.X, again.fit.X)
    assert not np.array_equal(made.val.X, again.val.X)


@pytest.mark.parametrize("type", CASES)
def test_a_run_finds_again_what_was_fitted(type: str, tmp_path: Path) -> None:
    options, X = CASES[type]
    steps, made = fitted(split_of(X, CLASSES, 60), (type, options))
    meaning = Samples(X, CLASSES, ("a", "b", "c"), {"columns": []})
    save_pipeline(steps, meaning, tmp_path / "pipeline")
    assert sorted(file.name for file in (tmp_path / "pipeline").iterdir()) == [f"0-{type}.skops", "samples.json"]
    loaded = load_pipeline(DatasetConfig(name="iris", transformers=[steps[0].entry]), tmp_path / "pipeline")
    np.testing.assert_array_equal(loaded.transform(X[60:]), made.val.X)
    assert (loaded.class_names, loaded.encoding) == (("a", "b", "c"), {"columns": []})
    names = skops.io.get_untrusted_types(file=tmp_path / "pipeline" / f"0-{type}.skops")
    assert names == (["sklearn.feature_selection._univariate_selection.chi2"] if type == "kbest" else [])


@pytest.mark.parametrize("type", CASES)
def test_rows_on_disk_are_learnt_from_in_portions(type: str, on_disk: OnDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "_WINDOW_BYTES", 200)
    options, X = CASES[type]
    _, expected = fitted(split_of(X, CLASSES, 60), (type, options))
    split = split_of(on_disk(X), CLASSES, 60)
    if type in WHOLE:
        with pytest.raises(TrainingError, match=rf"^dataset\.transformers\.0 \({type}\): learns from all rows at once"):
            fitted(split, (type, options), room=NO_ROOM)
        return
    _, made = fitted(split, (type, options), room=NO_ROOM)
    assert isinstance(made.fit.X, Stored)
    np.testing.assert_allclose(made.fit.X[:], expected.fit.X, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(made.val.X[::3], expected.val.X[::3], rtol=1e-5, atol=1e-6)


def test_a_scaler_centers_the_rows_that_it_is_fitted_on() -> None:
    _, made = fitted(split_of(NUMBERS, CLASSES, 60), ("standard_scaler", {}))
    assert made.fit.X.dtype == np.float32
    assert made.fit.X.mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert made.fit.X.std(axis=0) == pytest.approx(1, rel=1e-5)


def test_bytes_are_scaled_to_float32() -> None:
    _, made = fitted(split_of(NUMBERS.astype(np.uint8), CLASSES, 60), ("standard_scaler", {}))
    assert made.val.X.dtype == np.float32


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({}, {}),
        ({"ngram_range": [1, 2]}, {"ngram_range": (1, 2)}),
        ({"max_df": 0.5, "min_df": 0.05}, {"max_df": 0.5, "min_df": 0.05}),
        ({"max_df": 20, "min_df": 3}, {"max_df": 20, "min_df": 3}),
        ({"use_idf": False, "sublinear_tf": True}, {"use_idf": False, "sublinear_tf": True}),
        ({"max_features": 4}, {"max_features": 4}),
    ],
)
def test_tfidf_in_portions_is_that_of_scikit_learn(
    options: dict[str, Any], same: dict[str, Any], on_disk: OnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples_module, "_WINDOW_BYTES", 40_000)  # 19 texts
    (step,), made = fitted(split_of(on_disk(TEXTS), CLASSES, 60), ("tfidf", options))
    peer = TfidfVectorizer(**same).fit(list(TEXTS[:60]))
    assert step.made.get_feature_names_out().tolist() == peer.get_feature_names_out().tolist()
    np.testing.assert_allclose(made.val.X, peer.transform(list(TEXTS[60:])).toarray(), rtol=1e-5)


def test_binary_vectors_are_those_of_the_most_frequent_words() -> None:
    texts = texts_of("Up, up; DOWN!", "up and-up down", "and")
    (step,), made = fitted(split_of(texts, CLASSES[:3], 3), ("binary_vectorizer", {"num_words": 2}))
    assert step.made.get_feature_names_out().tolist() == ["up", "and"]  # "and" before "down": the alphabet decides
    assert made.fit.X.tolist() == [[1, 0], [1, 1], [0, 1]]
    own = {"filters": ";", "split": ",.", "lower": False}
    (step,), _ = fitted(split_of(texts_of("a b,c;d.e", "A"), CLASSES[:2], 2), ("binary_vectorizer", own))
    assert sorted(step.made.get_feature_names_out()) == ["A", "a b", "c", "d", "e"]


def test_texts_become_numbers_of_words_with_the_most_frequent_first() -> None:
    texts = texts_of("a b a", "a c", "zebra a b c d")
    settings = {"max_tokens": 5, "output_sequence_length": 4}
    _, made = fitted(split_of(texts, CLASSES[:3], 2), ("text_vectorization", settings))
    assert made.fit.X.dtype == np.int32
    assert made.fit.X.tolist() == [[2, 3, 2, 0], [2, 4, 0, 0]]
    assert made.val.X.tolist() == [[1, 2, 3, 4]]


def test_stop_words_go_only_where_that_is_asked_for_in_the_language_of_the_texts() -> None:
    texts = texts_of("the cat and the dog", "el perro también ladró")
    vocabulary: dict[str, list[str]] = {}
    for language in ("english", "spanish"):
        (step,), _ = fitted(
            split_of(texts, CLASSES[:2], 2),
            ("tfidf", {"language": language, "remove_stop_words": True, "strip_accents": "unicode"}),
        )
        vocabulary[language] = step.made.get_feature_names_out().tolist()
    assert vocabulary["english"] == ["cat", "dog", "el", "ladro", "perro", "tambien"]
    assert vocabulary["spanish"] == ["and", "cat", "dog", "ladro", "perro", "the"]
    (step,), _ = fitted(split_of(texts, CLASSES[:2], 2), ("tfidf", {}))
    assert {"the", "el"} <= set(step.made.get_feature_names_out())


def test_a_share_of_all_texts_as_the_least_is_a_count_of_one() -> None:
    """Older systems had 1.0 as the default, which kept the words of every text and no others."""
    (step,), _ = fitted(split_of(texts_of("a1 b1", "b1 c1"), CLASSES[:2], 2), ("tfidf", {"min_df": 1.0}))
    assert len(step.made.get_feature_names_out()) == 3


def test_words_chosen_by_what_they_tell_are_those_of_scikit_learn(on_disk: OnDisk) -> None:
    targets = np.array(["elder" in text for text in TEXTS]).astype(int)
    steps = [("tfidf", {}), ("kbest", {"k": 1})]
    (words, best), made = fitted(split_of(TEXTS, targets, 60), *steps)
    peer = SelectKBest(chi2, k=1).fit(TfidfVectorizer().fit_transform(list(TEXTS[:60])), targets[:60])
    np.testing.assert_array_equal(best.made.get_support(), peer.get_support())
    assert words.made.get_feature_names_out()[best.made.get_support()].tolist() == ["elder"]
    assert isinstance(made.fit.X, np.ndarray)
    assert made.fit.X.shape == (60, 1)


def test_weights_of_many_words_are_spread_out_only_where_they_are_read(on_disk: OnDisk) -> None:
    sparse = TfidfVectorizer(dtype=np.float32).fit_transform(list(TEXTS[:60]))
    room = Room(limit=sparse.data.nbytes * 4)  # enough for what is not 0
    split = split_of(TEXTS, CLASSES, 60)
    _, made = fitted(split, ("tfidf", {}), room=Room(limit=room.limit // 2))
    assert isinstance(made.fit.X, Stored)
    np.testing.assert_allclose(made.fit.X[5:9], sparse[5:9].toarray(), rtol=1e-5)
    batches = list(made.fit.batches(16, np.random.default_rng(0)))
    assert sum(len(X) for X, _ in batches) == 60


def test_kbest_keeps_all_features_where_there_are_fewer() -> None:
    _, made = fitted(split_of(NUMBERS, CLASSES, 60), ("kbest", {}))
    np.testing.assert_array_equal(made.fit.X, NUMBERS[:60])


def test_an_unknown_value_is_no_column_of_a_one_hot_encoding() -> None:
    _, made = fitted(split_of(np.array([[1], [2], [9]]), CLASSES[:3], 2), ("one_hot_encoder", {}))
    assert made.fit.X.tolist() == [[1, 0], [0, 1]]
    assert made.val.X.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("type", "options", "X", "says"),
    [
        ("standard_scaler", {}, np.zeros((100, 8, 8, 3)), r"shape \[8, 8, 3\] \(float64\): "),
        ("standard_scaler", {}, TEXTS, r"\(texts\): "),
        ("kbest", {}, -NUMBERS, "must be non-negative"),
        ("tfidf", {}, NUMBERS, "wants texts"),
        ("tfidf", {"min_df": 90}, TEXTS, "none is in as many as are asked for"),
        ("text_vectorization", {}, np.stack([TEXTS, TEXTS], axis=1), "wants one text a sample"),
    ],
)
def test_features_that_a_transformer_cannot_learn_from_are_told_with_its_place(
    type: str, options: dict[str, Any], X: Any, says: str
) -> None:
    with pytest.raises(TrainingError, match=rf"^dataset\.transformers\.0 \({type}\): cannot be fitted on .*{says}"):
        fitted(split_of(X, CLASSES, 60), (type, options))


def test_settings_that_a_transformer_refuses_are_told_with_its_place() -> None:
    with pytest.raises(TrainingError, match=r"^dataset\.transformers\.0 \(binary_vectorizer\): split is empty"):
        transformer("binary_vectorizer", split="")


def test_several_inputs_are_no_table_to_learn_from() -> None:
    split = split_of({"a": NUMBERS, "b": NUMBERS}, CLASSES, 60)
    with pytest.raises(TrainingError, match=r"^dataset\.transformers\.0 \(standard_scaler\): .* not from a, b$"):
        fitted(split, ("standard_scaler", {}))


def test_the_end_can_be_asked_for_while_a_transformer_learns() -> None:
    stop = StopSwitch()
    stop.request("c", "a test")
    with pytest.raises(StopRequested):
        fitted(split_of(NUMBERS, CLASSES, 60), ("standard_scaler", {}), room=Room(check=stop.check))


def test_a_pipeline_that_cannot_be_saved_or_loaded_says_where(tmp_path: Path) -> None:
    steps, _ = fitted(split_of(NUMBERS, CLASSES, 60), ("standard_scaler", {}))
    folder = tmp_path / "pipeline"
    dataset = DatasetConfig(name="iris", transformers=[steps[0].entry])
    with pytest.raises(TrainingError, match=f"^{folder}/0-standard_scaler.skops: cannot be loaded"):
        load_pipeline(dataset, folder)
    folder.write_text("a file where the folder should be")
    with pytest.raises(TrainingError, match=f"could not be saved to {folder}: "):
        save_pipeline(steps, Samples(NUMBERS, CLASSES), folder)


def test_no_type_of_count_is_left_to_scikit_learn() -> None:
    """Weights are float32, as Keras takes them, and what is saved is scikit-learn's own."""
    made = transformer("binary_vectorizer").made
    assert isinstance(made, CountVectorizer)
    assert made.dtype == np.float32
