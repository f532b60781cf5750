"""What is guessed from what was found in data, and the config that is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.config.checking import check
from app.config.first_config import file_name, first_config
from app.config.guessing import Choice, GuessError, guess
from app.config.survey import ArrayFacts, ColumnFacts, ColumnKind, Survey

ROWS = 200


def number(name: str, **facts: Any) -> ColumnFacts:
    usual = {"distinct": 150, "lowest": 0.0, "highest": 9.0, "mean": 4.0, "deviation": 2.0}
    return ColumnFacts(name, "number", **usual | facts)


def category(name: str, *values: str, kind: ColumnKind = "category", **facts: Any) -> ColumnFacts:
    counts = {value: ROWS // len(values) for value in values}
    return ColumnFacts(name, kind, distinct=len(values), counts=counts, **facts)


def table(*columns: ColumnFacts, **facts: Any) -> Survey:
    return Survey("table", "/data/House prices.csv", "csv", rows=ROWS, columns=columns, **facts)


def parameters(survey: Survey, choice: Choice = Choice()) -> Mapping[str, Any]:  # noqa: B008
    made = document(survey, choice)
    found: Mapping[str, Any] = made["dataset"]["parameters"]
    return found


def document(survey: Survey, choice: Choice = Choice()) -> dict[str, Any]:  # noqa: B008
    made = first_config(survey, guess(survey, choice), choice).document
    assert check(made) == []
    assert [each["type"] for each in made["tracking"]["trackers"]] == ["tensorboard", "mlflow"]
    return made


def test_a_column_that_is_called_like_a_target_is_the_target() -> None:
    found = guess(table(number("price"), number("area"), number("rooms")))
    assert (found.target, found.task) == ("price", "regression")
    assert "called 'price'" in found.target_reason


def test_the_only_column_with_classes_is_the_target() -> None:
    found = guess(table(category("kind", "a", "b", "c"), number("area"), number("rooms")))
    assert (found.target, found.task, found.classes) == ("kind", "classes", 3)


def test_the_last_column_is_the_target_where_nothing_else_says_so() -> None:
    assert guess(table(number("a"), number("b"), number("c"))).target == "c"
    assert guess(table(number("a"), number("b"), category("c", "x", kind="text"))).target == "b"


def test_a_column_that_numbers_the_rows_is_left_out() -> None:
    counter = number("id", whole=True, ascends=True, lowest=1.0, highest=float(ROWS), distinct=ROWS)
    found = guess(table(counter, number("a"), number("b")))
    assert found.left_out == {"id": "it numbers the rows"}
    assert parameters(table(counter, number("a"), number("b")))["features"] == ["a"]


def test_columns_that_say_nothing_are_left_out_with_the_reason() -> None:
    survey = table(
        number("constant", distinct=1),
        ColumnFacts("empty", "category", missing=ROWS),
        number("sparse", missing=150),
        category("names", *(f"name {n}" for n in range(150))),
        number("huge", fault="row 3 has 1e300, which is too large"),
        number("a"),
        number("b"),
    )
    assert set(guess(survey).left_out) == {"constant", "empty", "sparse", "names", "huge"}
    assert guess(survey, Choice(used={"names": True})).left_out.keys() == {"constant", "empty", "sparse", "huge"}


@pytest.mark.parametrize(
    ("column", "task"),
    [
        (number("y", whole=True, distinct=2, counts={"0": 100, "1": 100}), "binary"),
        (category("y", "no", "yes"), "binary"),
        (category("y", "true", "false", kind="boolean"), "binary"),
        (number("y", whole=True, distinct=5), "classes"),
        (number("y", whole=True, distinct=120), "regression"),
        (number("y", whole=True, distinct=5, lowest=-2.0), "regression"),
        (number("y", distinct=8), "regression"),
        (category("y", "a", "b", "c"), "classes"),
    ],
)
def test_the_task_is_what_the_values_of_the_target_are(column: ColumnFacts, task: str) -> None:
    survey = table(number("a"), column)
    assert guess(survey).task == task
    document(survey)


def test_another_task_can_be_chosen_where_the_target_allows_it() -> None:
    survey = table(number("a"), number("y", whole=True, distinct=5))
    made = document(survey, Choice(task="regression"))
    assert made["model"]["compilation"]["loss"] == "mean_squared_error"
    assert "types" not in made["dataset"]["parameters"]


def test_a_task_that_the_target_does_not_allow_is_refused() -> None:
    with pytest.raises(GuessError, match="'y' cannot be learned as binary; classes would be right"):
        guess(table(number("a"), category("y", "p", "q", "r")), Choice(task="binary"))
    folders = Survey("texts", "/data/mails", "texts", rows=9, classes={"ham": 4, "spam": 5})
    with pytest.raises(GuessError, match="leave the target out"):
        guess(folders, Choice(target="spam"))


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (number("y", distinct=1), "the same value in every row"),
        (category("y", "a", "b", kind="date"), "is a date"),
        (ColumnFacts("y", "category"), "more than 1,000 different values"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_the_reason(column: ColumnFacts, why: str) -> None:
    with pytest.raises(GuessError, match=why):
        guess(table(number("a"), column), Choice(target="y"))


def test_a_target_that_is_not_there_is_refused_with_the_closest() -> None:
    with pytest.raises(GuessError, match=r"did you mean 'price'\?"):
        guess(table(number("area"), number("price")), Choice(target="pirce"))


def test_one_column_alone_and_nothing_to_learn_from_are_refused() -> None:
    with pytest.raises(GuessError, match="one column alone"):
        guess(table(number("a")))
    with pytest.raises(GuessError, match="no column is left to learn 'b' from"):
        guess(table(number("a", distinct=1), number("b")))


def test_classes_are_numbered_by_the_dataset_whatever_they_are_called() -> None:
    survey = table(number("a"), number("class", whole=True, distinct=3, lowest=5.0, counts={"5": 9, "7": 9, "9": 9}))
    made = document(survey)
    assert made["dataset"]["parameters"]["types"] == {"class": "category"}
    assert made["model"]["network"][-1] == {"type": "dense", "units": 3, "activation": "softmax"}


def test_missing_features_are_filled_in_and_rows_without_a_target_left_out() -> None:
    assert parameters(table(number("a", missing=3), number("b")))["missing"] == "median"
    assert parameters(table(number("a"), number("b", missing=1)))["missing"] == "drop"
    assert "missing" not in parameters(table(number("a"), number("b")))
    both = table(number("a", missing=3), number("b", missing=1))
    assert parameters(both)["missing"] == "median"
    told = {what: why for what, _, why in first_config(both, guess(both)).reasons}
    assert told["Missing targets"] == "1 rows have no b"
    assert told["Missing values"].startswith("3 are missing (a)")


def test_a_target_far_from_zero_is_reached_by_a_last_layer() -> None:
    far = document(table(number("a"), number("price", mean=213_456.0, deviation=45_678.0)))
    assert far["model"]["network"][-1] == {"type": "rescaling", "scale": 45_700, "offset": 213_000}
    near = document(table(number("a"), number("price", mean=0.5, deviation=1.0)))
    assert near["model"]["network"][-1] == {"type": "dense", "units": 1}


def test_classes_of_which_there_are_few_weigh_more() -> None:
    rare = ColumnFacts("y", "category", distinct=2, counts={"no": 190, "yes": 10})
    assert document(table(number("a"), rare))["training"]["class_weight"] == "balanced"
    assert "class_weight" not in document(table(number("a"), category("y", "no", "yes")))["training"]


def test_texts_beside_numbers_are_left_out_and_alone_they_are_learned_from() -> None:
    words = ColumnFacts("review", "text", words=20.0)
    beside = guess(table(words, number("stars"), category("y", "good", "bad")))
    assert beside.left_out == {"review": "texts cannot stand beside numbers"}
    survey = table(words, category("y", "good", "bad"))
    made = document(survey)
    assert made["dataset"]["parameters"]["types"]["review"] == "text"
    assert made["dataset"]["transformers"] == [{"type": "tfidf", "max_features": 5000}]


def test_a_kind_that_the_user_says_is_written_down() -> None:

    made = parameters(table(number("zip", distinct=9), number("b")), Choice(kinds={"zip": "category"}))
    assert made["types"] == {"zip": "category"}


def test_images_are_divided_by_255_and_made_small() -> None:
    survey = Survey(
        "images", "/data/flowers", "images", rows=90, classes={"rose": 40, "tulip": 50}, shape=(600, 800, 3)
    )
    made = document(survey)
    assert made["dataset"]["parameters"] == {"path": "/data/flowers", "size": [96, 128]}
    assert made["dataset"]["preprocessors"] == [{"type": "divide", "factor": 255}]
    assert made["model"]["network"][-1] == {"type": "dense", "units": 1, "activation": "sigmoid"}


def arrays(*facts: ArrayFacts, columns: tuple[ColumnFacts, ...] = ()) -> Survey:
    return Survey("arrays", "/data/set.npz", "arrays", rows=facts[0].shape[0], arrays=facts, columns=columns)


def test_the_training_part_of_arrays_is_taken_and_images_get_channels() -> None:
    survey = arrays(
        *(ArrayFacts(f"x_{part}", (rows, 28, 28), "uint8") for part, rows in (("test", 20), ("train", 100))),
        *(ArrayFacts(f"y_{part}", (rows,), "int64") for part, rows in (("test", 20), ("train", 100))),
        columns=tuple(number(f"y_{part}", whole=True, distinct=10) for part in ("test", "train")),
    )
    made = document(survey)
    assert made["dataset"]["parameters"] == {"path": "/data/set.npz", "features": "x_train", "target": "y_train"}
    assert made["model"]["network"][0] == {"type": "reshape", "target_shape": [28, 28, 1]}
    assert made["model"]["network"][-1]["units"] == 10


def test_rows_of_zeros_and_a_one_are_classes() -> None:
    survey = arrays(ArrayFacts("X", (100, 4), "float64"), ArrayFacts("y", (100, 3), "float32", one_hot=True))
    made = document(survey)
    assert made["model"]["compilation"]["loss"] == "categorical_crossentropy"
    assert made["model"]["network"][-1]["units"] == 3
    several = document(arrays(ArrayFacts("X", (100, 4), "float64"), ArrayFacts("y", (100, 3), "float32")))
    assert several["model"]["network"][-1] == {"type": "dense", "units": 3}


def test_a_series_of_steps_is_read_by_convolutions() -> None:
    survey = arrays(
        ArrayFacts("X", (100, 50, 4), "float32"), ArrayFacts("y", (100,), "int64"), columns=(number("y", distinct=90),)
    )
    assert "conv1d" in [layer["type"] for layer in document(survey)["model"]["network"]]


def test_classes_of_arrays_begin_with_0() -> None:
    survey = arrays(
        ArrayFacts("X", (100, 4), "float32"),
        ArrayFacts("y", (100,), "int64"),
        columns=(number("y", whole=True, distinct=2, lowest=-1.0, counts={"-1": 50, "1": 50}),),
    )
    with pytest.raises(GuessError, match="whole numbers from 0 would be right"):
        guess(survey)


def test_arrays_without_a_name_for_the_target_want_it_named() -> None:
    survey = arrays(ArrayFacts("a", (100, 4), "float32"), ArrayFacts("b", (100, 4), "float32"))
    with pytest.raises(GuessError, match=r"a \[100, 4\], b \[100, 4\]"):
        guess(survey)
    assert guess(survey, Choice(target="b")).features == "a"


def test_too_few_samples_are_refused() -> None:
    survey = Survey("table", "/data/x.csv", "csv", rows=4, columns=(number("a"), number("b")))
    with pytest.raises(GuessError, match=r"x\.csv has 4 samples; 10 or more"):
        first_config(survey, guess(survey))


def test_what_was_found_survives_json() -> None:
    survey = table(number("a"), category("y", "no", "yes"), header=("a", "y"), samples=(("1", None),))
    again = Survey.from_json(survey.as_json())
    assert guess(again) == guess(survey)
    assert file_name(survey) == "house_prices.json"
