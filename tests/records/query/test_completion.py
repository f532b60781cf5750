from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.query import Field, Names, complete

NAMES = Names(
    frozenset({"val_loss", "loss", "train/loss"}),
    frozenset({"model.compilation.optimizer", "model.compilation.optimizer.learning_rate"}),
    frozenset({"stage", "my tag"}),
)


def values(field: Field) -> list[str]:
    known = {"state": ["finished", "failed"], "model.compilation.optimizer": ["adam", "sgd", "my own"]}
    return known.get(field.name, [])


def offered(text: str) -> list[str]:
    """Return what the text becomes with each completion."""
    found = complete(text, len(text), NAMES, values)
    return [text[: found.start] + item.text for item in found.items]


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", ["state", "val_loss", '"train/loss"', "stage", '"my tag"', "not", "has("]),
        ("val", ["val_loss"]),
        ("metrics.", ["metrics.loss", 'metrics."train/loss"', "metrics.val_loss"]),
        ("tags.st", ["tags.stage"]),
        ('tags."my', ['tags."my tag"']),
        ('"train/', ['"train/loss"']),
        ("val_loss.", ["val_loss.min", "val_loss.best"]),
        ("learn", ["model.compilation.optimizer.learning_rate"]),
        ("val_loss ", ["val_loss <", "val_loss not in"]),
        ("val_loss <", ["val_loss <", "val_loss <="]),
        ("state ", ["state =", "state ~", "state like"]),
        ("star ", ["star =", "star !="]),
        ("state = ", ["state = finished", "state = failed"]),
        ("state = f", ["state = finished", "state = failed"]),
        ('state = "fa', ["state = failed"]),
        ("optimizer = m", ['optimizer = "my own"']),
        ("optimizer in ", ["optimizer in ("]),
        ("optimizer in (adam, ", ["optimizer in (adam, sgd"]),
        ("optimizer not ", ["optimizer not in"]),
        ("star = ", ["star = true", "star = false"]),
        ("age < ", ["age < 2d"]),
        ("started >= ", ["started >= 2026-11-18"]),
        ("val_loss < 3 ", ["val_loss < 3 and", "val_loss < 3 or"]),
        ("(val_loss < 3 ", ["(val_loss < 3 )", "(val_loss < 3 and"]),
        ('name = "x" and st', ['name = "x" and state', 'name = "x" and stage']),
        ("not ", ["not state", "not val_loss"]),
        ("has(", ["has(state", "has(val_loss"]),
    ],
)
def test_what_can_come_next_is_offered(typed: str, wanted: list[str]) -> None:
    found = offered(typed)
    assert [each for each in wanted if each not in found] == []


def test_what_begins_as_typed_comes_before_what_holds_it() -> None:
    assert offered("loss")[:2] == ["loss", "val_loss"] or offered("loss")[0] == "loss"
    assert offered("sta")[:3] == ["state", "started", "star"]


def test_nothing_is_offered_where_nothing_fits() -> None:
    assert offered("val_loss < ") == []
    assert offered("val_loss < 3 4 ") == []


def test_what_stands_behind_the_cursor_is_left_alone() -> None:
    found = complete("val < 3", 3, NAMES, values)
    assert (found.start, found.end) == (0, 3)
    assert [item.text for item in found.items] == ["val_loss"]


@given(st.text(st.sampled_from("ab.()[],\"'=!<>~ notandorhas"), max_size=20), st.integers(0, 20))
def test_completion_takes_whatever_is_typed(text: str, cursor: int) -> None:
    place = min(cursor, len(text))
    found = complete(text, place, NAMES, values)
    assert 0 <= found.start <= found.end == place
