from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.query import QueryError, parse
from app.records.query.syntax import And, Comparison, Has, Key, Not, Or, Query, Value
from tests.records.query.trees import text, trees


def test_the_example_of_the_design_is_understood() -> None:
    assert parse('val_loss < 16 and optimizer = adam and tags.stage != "debug" and age < 2d') == And(
        (
            Comparison(Key("val_loss"), "<", (Value("16"),)),
            Comparison(Key("optimizer"), "=", (Value("adam"),)),
            Comparison(Key("stage", "tags"), "!=", (Value("debug", quoted=True),)),
            Comparison(Key("age"), "<", (Value("2d"),)),
        )
    )


def test_not_binds_more_than_and_and_and_more_than_or() -> None:
    a, b, c = (Comparison(Key(name), "=", (Value("1"),)) for name in "abc")
    assert parse("not a = 1 and b = 1 or c = 1") == Or((And((Not(a), b)), c))
    assert parse("a = 1 or b = 1 and not c = 1") == Or((a, And((b, Not(c)))))
    assert parse("not (a = 1 or b = 1)") == Not(Or((a, b)))
    assert parse("(a = 1 and b = 1) and c = 1") == And((And((a, b)), c))


def test_keywords_are_understood_in_large_letters_too() -> None:
    assert parse("NOT a IN (1, 2) OR Has(b) AND c LIKE x%") == parse("not a in (1, 2) or has(b) and c like x%")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("loss", Key("loss")),
        ("metrics.loss", Key("loss", "metrics")),
        ("metrics.loss.min", Key("loss.min", "metrics")),
        ('"train/loss"', Key("train/loss", quoted=True)),
        ('"train/loss".min', Key("train/loss", quoted=True, stat="min")),
        ('metrics."train/loss"', Key("train/loss", "metrics", quoted=True)),
        ("metrics.'train/loss'.max", Key("train/loss", "metrics", quoted=True, stat="max")),
        ("metrics.`train/loss`", Key("train/loss", "metrics", quoted=True)),
        ("params.model.network.1.rate", Key("model.network.1.rate", "params")),
        ('tags."a \\"b\\" \\\\"', Key('a "b" \\', "tags", quoted=True)),
        ('"and"', Key("and", quoted=True)),
    ],
)
def test_names_have_a_scope_quotes_and_a_statistic(text: str, key: Key) -> None:
    assert parse(f"has({text})") == Has(key)
    assert parse(f"{text}<1") == Comparison(key, "<", (Value("1"),))


@pytest.mark.parametrize("operator", ["=", "!=", "<", "<=", ">", ">=", "~", "like"])
def test_operators_need_space_only_where_they_are_words(operator: str) -> None:
    space = " " if operator == "like" else ""
    assert parse(f"a{space}{operator}{space}1e-3") == Comparison(Key("a"), operator, (Value("1e-3"),))  # type: ignore[arg-type]


def test_a_backslash_stays_where_it_hides_no_quote() -> None:
    assert parse(r'name ~ "\d+\.\"x"') == Comparison(Key("name"), "~", (Value(r'\d+\."x', quoted=True),))


def test_lists_stand_in_either_brackets() -> None:
    expected = Comparison(Key("a"), "not in", (Value("x"), Value("y z", quoted=True)))
    assert parse('a not in (x, "y z")') == parse("a not in [x,'y z']") == expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "a name is missing here"),
        ("loss", 5, "an operator such as = or < is missing after loss"),
        ("loss <", 7, "a value is missing after <"),
        ("loss < and a = 1", 8, "a value is missing before 'and'"),
        ("loss < 1 a", 10, "'and' or 'or' is missing before 'a'"),
        ("loss ! 1", 6, "write != or not"),
        ('name = "abc', 8, "not closed"),
        ("(a = 1", 7, ") is missing"),
        ("a = 1)", 6, "no bracket is open"),
        ("(a = 1]", 7, "column 1 must be closed"),
        ("a in x", 6, "a list stands in brackets"),
        ("a in (x y)", 9, "a comma is missing"),
        ("a in (x", 8, ") is missing"),
        ("a in [x)", 8, "a comma is missing"),
        ("a not like x", 3, "after a not comes in"),
        ("and = 1", 1, "a name is missing before 'and'"),
        ("has a", 5, "has needs brackets"),
        ("has(", 5, "a name is missing"),
        ("metrics. < 1", 1, "a name is missing after metrics."),
        ('"" = 1', 1, "a name cannot be empty"),
        ('"a". = 1', 1, "a name cannot be empty"),
        ("< 3", 1, "a name is missing before '<'"),
        ("a = 1 and", 10, "a name is missing here"),
        ("a < = 1", 5, "a value is missing before '='"),
    ],
)
def test_an_error_points_at_its_place(text: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.start + 1 == column
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"column {column}: ")


def test_what_is_too_long_or_too_deep_is_refused() -> None:
    for bad in ("(" * 5_000, "not " * 4_000 + "a = 1", "a" * 50_000):
        with pytest.raises(QueryError, match="at most"):
            parse(bad)


@given(trees)
def test_the_text_of_a_tree_gives_the_tree_again(tree: Query) -> None:
    assert parse(str(tree)) == tree


@given(st.one_of(text, st.text(st.sampled_from("ab.()[],\"'=!<>~ not and or in has metrics. 1"), max_size=30)))
def test_whatever_is_typed_is_a_query_or_an_error_within_the_text(typed: str) -> None:
    try:
        again = parse(str(parse(typed)))
    except QueryError as error:
        place = error
    else:
        assert again == parse(typed)
        return
    assert 0 <= place.start <= len(typed)
    assert place.start < place.end
