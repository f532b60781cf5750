"""Means and medians in place of missing values, learned from the samples to fit on alone."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

from app.config.models import FitConfig
from app.engine.data.columns import Encoding
from app.engine.datasets import load_dataset
from app.engine.ending import TrainingError
from app.engine.filling import filled
from app.engine.pipeline import Room, Split, split_samples
from app.engine.samples import Changed

#: The last two rows are those to test on.
ROWS = "a,b,born,y\n1,x,2001-01-01,1\n,x,2003-01-01,2\n6,z,,3\n2,z,2003-01-01,4\n900,z,2020-01-01,5\n,x,,6\n"


def split_of(tmp_path: Path, text: str = ROWS, **parameters: Any) -> Split:
    path = tmp_path / "data.csv"
    path.write_text(text)
    samples = load_dataset("csv", {"path": str(path), "target": "y", **parameters}, tmp_path / "cache")
    return split_samples(
        samples, FitConfig.model_validate({"samples": {"fit": 4, "val": 0, "test": 2}, "shuffle": False}), seed=0
    )


@pytest.mark.parametrize(("how", "value"), [("mean", 3), ("median", 2)])
def test_what_stands_for_a_missing_value_is_learned_from_the_samples_to_fit_on(
    tmp_path: Path, how: str, value: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trackside")
    split = filled(split_of(tmp_path, missing=how, features=["a", "b"]), Room())
    assert split.fit.X.tolist() == [[1, 1, 0], [value, 1, 0], [6, 0, 1], [2, 0, 1]]
    assert split.test.X.tolist() == [[900, 0, 1], [value, 1, 0]]
    assert f"Column a: missing values become {value}, the {how} of the samples to fit on" in caplog.text


def test_new_rows_are_filled_with_the_same(tmp_path: Path) -> None:
    split = filled(split_of(tmp_path, missing="median"), Room())
    encoding = Encoding.from_json(json.loads(json.dumps(split.fit.encoding)))
    batch = pyarrow.record_batch(
        [pyarrow.array([text], pyarrow.string()) for text in (None, "x", None)], ["a", "b", "born"]
    )
    assert encoding.encode_features(batch).tolist() == split.test.X[1:].tolist()
    assert split.test.X[1].tolist() == [2, 1, 0, 2003, 1, 1, 2, 0]  # each part of a date has its own


def test_what_is_too_large_for_the_memory_is_filled_as_it_is_read(tmp_path: Path) -> None:
    split = split_of(tmp_path, missing="mean", features=["a"])
    made = filled(split, Room(limit=4))
    assert isinstance(made.fit.X, Changed)
    assert np.asarray(made.test.X).tolist() == [[900], [3]]


def test_every_input_has_its_own(tmp_path: Path) -> None:
    split = filled(split_of(tmp_path, missing="median", features={"first": ["b"], "second": ["b", "a"]}), Room())
    assert split.fit.X["first"].tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert split.fit.X["second"][:, 2].tolist() == [1, 2, 6, 2]


def test_a_column_without_values_among_those_to_fit_on_is_named(tmp_path: Path) -> None:
    text = "a,y\n" + ",1\n" * 4 + "1,1\n2,2\n"
    with pytest.raises(TrainingError, match="column 'a' has no values among the samples to fit on"):
        filled(split_of(tmp_path, text, missing="mean"), Room())


def test_samples_that_lack_nothing_stay_as_they_are(tmp_path: Path) -> None:
    split = split_of(tmp_path, missing=0)
    assert filled(split, Room()) is split
