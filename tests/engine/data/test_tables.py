"""Tables of the user: what their columns become, and what is said of those that cannot be read."""

from __future__ import annotations

import bz2
import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from app.config.catalog import load_catalog
from app.engine.data.columns import Encoding
from app.engine.data.inference import learn
from app.engine.data.tables import CsvTable, import_arrow
from app.engine.samples import Samples

Load = Callable[..., Samples]
Refusal = Callable[..., str]

PEOPLE = """\
age,city,born,smokes,income
30,Oslo,1990-05-17,true,100.5
41,Rome,1980-01-01,false,80
25,Oslo,2001-12-31,true,60
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(text: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


Write = Callable[..., Path]


def test_every_kind_of_column_becomes_numbers(load: Load, write: Write) -> None:
    samples = load("csv", path=write(PEOPLE), target="income")
    assert samples.X.dtype == np.float32
    assert samples.X.tolist() == [
        [30, 1, 0, 1990, 5, 17, 3, 0, 1],
        [41, 0, 1, 1980, 1, 1, 1, 0, 0],
        [25, 1, 0, 2001, 12, 31, 0, 0, 1],
    ]
    assert samples.y.tolist() == [100.5, 80, 60]
    assert samples.y.dtype == np.float32
    assert samples.class_names == ()


def test_what_was_done_is_kept_and_can_be_done_with_new_rows(load: Load, write: Write) -> None:
    samples = load("csv", path=write(PEOPLE), target="income")
    encoding = Encoding.from_json(json.loads(json.dumps(samples.encoding)))
    assert encoding.feature_names == [
        *("age", "city=Oslo", "city=Rome"),
        *("born.year", "born.month", "born.day", "born.weekday", "born.hour", "smokes"),
    ]
    batch = pyarrow.record_batch(
        {"age": ["7"], "city": ["Paris"], "born": ["2020-02-29"], "smokes": ["false"], "income": [None]}
    )
    assert encoding.encode_features(batch).tolist() == [[7, 0, 0, 2020, 2, 29, 5, 0, 0]]


def test_categories_and_dates_can_be_numbers(load: Load, write: Write) -> None:
    samples = load(
        "csv", path=write(PEOPLE), target="income", features=["city", "born"], categories="ordinal", dates="days"
    )
    assert samples.X.tolist() == [[0, 7441], [1, 3652], [0, 11687]]


def test_texts_as_target_are_classes_in_the_order_of_their_names(load: Load, write: Write) -> None:
    samples = load("csv", path=write(PEOPLE), target="city", features=["age"])
    assert samples.y.tolist() == [0, 1, 0]
    assert samples.y.dtype == np.int64
    assert samples.class_names == ("Oslo", "Rome")


def test_whole_numbers_as_target_stay_whole_and_are_classes_where_that_is_asked_for(load: Load, write: Write) -> None:
    path = write("a,y\n1,10\n2,9\n3,10\n")
    samples = load("csv", path=path, target="y")
    assert samples.y.tolist() == [10, 9, 10]
    assert samples.y.dtype == np.int64
    classes = load("csv", path=path, target="y", types={"y": "category"})
    assert classes.y.tolist() == [1, 0, 1]
    assert classes.class_names == ("9", "10")


def test_classes_have_one_order_whatever_stands_beside_numbers(load: Load, write: Write) -> None:
    path = write("a,y\n1,inf\n2,nan\n3,10\n4,9\n5,-inf\n6,NaN\n")
    samples = load("csv", path=path, target="y", types={"y": "category"}, missing_values=[""])
    assert samples.class_names == ("9", "10", "-inf", "NaN", "inf", "nan")


def test_true_and_false_are_two_classes_however_they_are_written(load: Load, write: Write) -> None:
    samples = load("csv", path=write("a,y\n1,true\n2,True\n3,FALSE\n4,1\n5,0\n"), target="y")
    assert samples.y.tolist() == [1, 1, 0, 1, 0]
    assert samples.class_names == ("false", "true")


def test_classes_can_be_given_in_their_order_and_others_are_refused_by_row(
    load: Load, refusal: Refusal, write: Write
) -> None:
    path = write("a,y\n1,low\n2,high\n")
    samples = load("csv", path=path, target="y", classes=["low", "high"])
    assert samples.y.tolist() == [0, 1]
    assert samples.class_names == ("low", "high")
    said = refusal("csv", path=path, target="y", classes=["low", "medium"])
    assert said == "dataset.parameters.classes: row 3 has the y 'high', which is none of low, medium"


def test_several_targets_and_several_inputs(load: Load, write: Write) -> None:
    path = write("a,b,c,y,z\n1,2,some words,3,dog\n4,5,other words,6,cat\n")
    together = load("csv", path=path, target=["a", "y"], features=["b"])
    assert together.y.tolist() == [[1, 3], [4, 6]]
    named = load(
        "csv",
        path=path,
        target={"height": "y", "kind": "z"},
        features={"numbers": ["a", "b"], "words": ["c"]},
        types={"c": "text"},
    )
    assert named.X["numbers"].tolist() == [[1, 2], [4, 5]]
    assert named.X["words"].tolist() == ["some words", "other words"]
    assert named.y["height"].tolist() == [3, 6]
    assert named.y["kind"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("name", "text", "parameters"),
    [
        ("data.tsv", "a\ty\n1,5\t2\n", {"decimal": ","}),
        ("data.csv", "a;y\n1,5;2\n", {"decimal": ",", "separator": ";"}),
        ("data.csv.gz", gzip.compress(b"a,y\n1.5,2\n", mtime=0), {}),
        ("data.csv.bz2", bz2.compress(b"a,y\n1.5,2\n"), {}),
        ("data.csv", "\ufeffa,y\r\n 1.5 ,2\r\n\r\n", {}),
        ("data.csv", '"a","y"\n"1.5","2"\n', {}),
        ("data.csv", "1.5,2\n", {"header": False, "target": "column_2"}),
        ("data.csv", "a,é\n1.5,2\n".encode("cp1252"), {"encoding": "cp1252", "target": "é"}),
    ],
)
def test_forms_of_csv(load: Load, write: Write, name: str, text: Any, parameters: dict[str, Any]) -> None:
    samples = load("csv", **{"path": write(text, name), "target": "y", **parameters})
    assert samples.X.tolist() == [[1.5]]
    assert samples.y.tolist() == [2]


def test_a_value_may_have_separators_and_line_breaks_in_it(load: Load, write: Write) -> None:
    samples = load("csv", path=write('a,y\n"x,\n""1""",1\nb,2\n'), target="y", types={"a": "text"})
    assert samples.X.tolist() == ['x,\n"1"', "b"]


def test_a_column_is_what_all_of_its_rows_are(load: Load, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.engine.data.tables._BLOCK_BYTES", 64)
    rows = [f"{row},{row},{row % 2}" for row in range(200)]
    rows[150] = "150,2020-01-01,true"
    samples = load("csv", path=write("\n".join(["y,a,b", *rows])), target="y", max_categories=300)
    assert samples.X.shape == (200, 201)  # both are categories, but those of b are 0, 1 and true
    assert samples.X[:, :200].sum(axis=1).tolist() == [1] * 200


MISSING = "a,b,y\n1,x,1\n,x,2\n3,NA,3\n8,z,4\n"


def test_missing_values_are_an_error_unless_something_is_said_about_them(refusal: Refusal, write: Write) -> None:
    said = refusal("csv", path=write(MISSING), target="y")
    assert said == (
        "data.csv: row 3 has no a (missing values: a 1, b 1); set dataset.parameters.missing to drop, mean, median or "
        "a number to fill in"
    )


@pytest.mark.parametrize(("how", "value"), [(-1, -1), (0.5, 0.5)])
def test_missing_numbers_are_filled(load: Load, write: Write, how: Any, value: float) -> None:
    samples = load("csv", path=write(MISSING), target="y", missing=how)
    assert samples.X.tolist() == [[1, 1, 0], [value, 1, 0], [3, 0, 0], [8, 0, 1]]


def test_a_zero_byte_in_a_text_is_named_by_its_row(refusal: Refusal, write: Write) -> None:
    said = refusal("csv", path=write("a,y\nsome words,1\nother\0words,2\n"), target="y", types={"a": "text"})
    assert said == "data.csv: row 3: column 'a' has a zero byte, which no text has"


def test_rows_that_lack_a_value_are_dropped(load: Load, write: Write, caplog: pytest.LogCaptureFixture) -> None:
    samples = load("csv", path=write(MISSING), target="y", missing="drop")
    assert samples.X.tolist() == [[1, 1, 0], [8, 0, 1]]
    assert samples.y.tolist() == [1, 4]
    assert "2 of 4 rows are left out, as they lack a value (a 1, b 1)" in caplog.text


def test_a_column_that_nobody_asked_for_may_lack_values(load: Load, write: Write) -> None:
    assert len(load("csv", path=write(MISSING), target="y", features=["a"], missing=0)) == 4
    assert load("csv", path=write("a,b,y\n1,,2\n"), target="y", features=["a"]).X.tolist() == [[1]]


def test_a_missing_target_is_named_and_can_only_be_dropped(
    load: Load, refusal: Refusal, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    path = write("a,b,y\n1,5,2\n3,5,\n,5,4\n")
    said = refusal("csv", path=path, target="y", features=["b"])
    assert said == "data.csv: row 3 has no y (missing values: y 1); set dataset.parameters.missing to drop"
    filled = load("csv", path=path, target="y", missing=0)
    assert (filled.X.tolist(), filled.y.tolist()) == ([[1, 5], [0, 5]], [2, 4])
    assert "1 of 3 rows are left out, as they lack a target (y 1)" in caplog.text
    assert load("csv", path=path, target="y", missing="drop").y.tolist() == [2]
    said = refusal("csv", path=write("a,y\n1,\n,2\n"), target="y", missing="drop")
    assert said == "data.csv: every row lacks a value (a 1, y 1); choose another missing or target"


@pytest.mark.parametrize(
    ("text", "parameters", "said"),
    [
        ("a,b\n1,2\n3\n", {}, "data.csv: row 3 has 1 value, the rows before it have 2: '3'"),
        ("a,b\n1,2\n3,4,5\n", {}, "data.csv: row 3 has 3 values, the rows before it have 2: '3,4,5'"),
        ("", {}, "data.csv: is empty"),
        ("a,b\n", {}, "data.csv: has no rows"),
        ("a,a,b\n1,2,3\n", {}, "data.csv: two columns are called 'a'; every column needs a name of its own"),
        ("a;b\n1;2\n", {}, "data.csv: has one column, 'a;b'; set dataset.parameters.separator to ;"),
        ("a,bb\n1,2\n", {}, "dataset.parameters.target: no column is called 'b'; did you mean 'bb'? (columns: a, bb)"),
        ("a,b\n1,2\n", {"features": ["c"]}, "dataset.parameters.features: no column is called 'c'"),
        ("a,b\n1,2\n", {"features": ["b"]}, "dataset.parameters.features: 'b' is the target"),
        ("a,b\n1,2\n", {"features": []}, "dataset.parameters.features: is []; a list of columns"),
        ("a,b\n1,2\n", {"types": {"c": "number"}}, "dataset.parameters.types: no column is called 'c'"),
        ("a,b\n1,2\n", {"types": {"a": "int"}}, "dataset.parameters.types.a: no type of a column is called 'int'"),
        ("a,b\n1,2\n?,3\n", {"types": {"a": "number"}}, "data.csv: row 3: '?' in column 'a' is no number"),
        ("a,b\n1,2\n1e39,3\n", {}, "data.csv: row 3: 1e39 in column 'a' is too large"),
        ("a,b\n1,x\n2,y\n3,z\n", {"max_categories": 2}, "data.csv: column 'b' has more than 2 categories"),
        ("a,b\n,2\n,3\n", {}, "data.csv: column 'a' has no values; leave it out of the features"),
        ("a,b\n1,2\n,\n", {"missing": "drop", "types": {"a": "date"}}, "data.csv: row 2: '1' in column 'a' is no date"),
        ("b\n1\n", {}, "data.csv: no column is left for the features"),
        (b"a,b\n1,2\n\xff,3\n", {}, "data.csv: line 3 is no utf-8 text; set dataset.parameters.encoding"),
        ("a,b\n1,2\n", {"encoding": "utf-9"}, "dataset.parameters.encoding: unknown encoding: utf-9"),
        ("a,b\n1,2\n", {"types": {"b": "text"}}, "dataset.parameters.types.b: is text; a target is a number or"),
        ("a,c,b\n1,x,2\n", {"target": ["b", "c"]}, "dataset.parameters.target: 'c' is a category; give it an output"),
        ("a,c,b\n1,x,2\n", {"types": {"c": "text"}}, "dataset.parameters.features: 'c' is text, which cannot stand"),
    ],
)
def test_a_table_that_cannot_be_trained_on_says_where_and_why(
    refusal: Refusal, write: Write, text: Any, parameters: dict[str, Any], said: str
) -> None:
    assert refusal("csv", **{"path": write(text), "target": "b", **parameters}).startswith(said)


def test_rows_far_into_a_file_are_counted_as_those_at_its_begin(
    refusal: Refusal, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine.data.tables._BLOCK_BYTES", 64)
    rows = ["a,b", *["1,2"] * 98, "3", "1,2"]
    assert refusal("csv", path=write("\n".join(rows)), target="b").startswith("data.csv: row 100 has 1 value,")
    rows[99] = "x,2"
    said = refusal("csv", path=write("\n".join(rows)), target="b", types={"a": "number"})
    assert said.startswith("data.csv: row 100: 'x' in column 'a' is no number")
    rows[99] = '"1,2'
    said = refusal("csv", path=write("\n".join([*rows, *["1,2"] * 99])), target="b")
    assert said == "data.csv: has a quotation mark that is never closed, or a row above 2 MB"


def test_a_compressed_table_that_was_cut_off_is_said_to_be(refusal: Refusal, write: Write, tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 10_000)
    said = refusal("csv", path=write(whole[: len(whole) // 2], "data.csv.gz"), target="b")
    assert said.startswith("data.csv.gz: cannot be read (Compressed file ended before")
    assert not list((tmp_path / "cache").glob("*"))


def test_a_category_that_was_meant_as_a_number_is_traced_to_its_row(refusal: Refusal, write: Write) -> None:
    text = "a,b\n" + "".join(f"{row},1\n" for row in range(200)) + "what,1\n"
    said = refusal("csv", path=write(text), target="b")
    assert "column 'a' has more than 100 categories; row 202 has the first that is no number, 'what'" in said


def test_the_column_of_row_numbers_that_pandas_writes_is_left_out(load: Load, write: Write) -> None:
    assert load("csv", path=write(",a,y\n0,5,6\n1,7,8\n"), target="y").X.tolist() == [[5], [7]]


def test_parquet_knows_its_types(load: Load, tmp_path: Path) -> None:
    import datetime

    table = pyarrow.table(
        {
            "whole": pyarrow.array([1, 2], pyarrow.int16()),
            "real": pyarrow.array([0.5, float("nan")]),
            "flag": [True, False],
            "kind": pyarrow.array(["b", "a"]).dictionary_encode(),
            "digits": ["7", "8"],
            "day": [datetime.date(2024, 2, 29), datetime.date(2024, 3, 1)],
            "y": ["no", "yes"],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    samples = load("parquet", path=tmp_path / "data.parquet", target="y", missing=-1, dates="days")
    assert samples.X.tolist() == [[1, 0.5, 1, 0, 1, 1, 0, 19782], [2, -1, 0, 1, 0, 0, 1, 19783]]
    assert samples.class_names == ("no", "yes")


def test_parquet_that_is_none_or_has_lists_is_refused(refusal: Refusal, tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1 and no more")
    assert refusal("parquet", path=path, target="y").startswith("data.parquet: cannot be read as Parquet (")
    pyarrow.parquet.write_table(pyarrow.table({"a": [[1], [2]], "y": [1, 2]}), path)
    assert "column 'a' is of the type list" in refusal("parquet", path=path, target="y")


def test_a_table_is_read_the_same_in_small_portions_as_in_one(
    load: Load, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    rows = [
        f"{a:.4f},{'' if a > 1.5 else 'pqr'[b]},{b}"
        for a, b in zip(rng.normal(size=500), rng.integers(3, size=500), strict=True)
    ]
    path = write("\n".join(["a,b,y", *rows]))
    whole = load("csv", path=path, target="y", missing="drop")
    monkeypatch.setattr("app.engine.data.tables._BLOCK_BYTES", 128)
    parts = load("csv", path=path, target="y", missing="drop", max_categories=99)  # another key of the cache
    np.testing.assert_array_equal(whole.X, parts.X)
    np.testing.assert_array_equal(whole.y, parts.y)
    assert whole.encoding == parts.encoding


def test_a_python_without_pyarrow_is_told_what_to_install(
    refusal: Refusal, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    import_arrow.cache_clear()
    assert "run 'pip install pyarrow' with it" in refusal("csv", path=write(PEOPLE), target="income")


def test_the_end_can_be_asked_for_while_a_table_is_read(write: Write) -> None:
    class EndError(BaseException):
        pass

    def check() -> None:
        raise EndError

    parameters = {p.name: p.default for p in load_catalog().require("dataset", "csv").parameters}
    table = CsvTable(write(PEOPLE), parameters)
    with pytest.raises(EndError):
        learn(table, {**parameters, "target": "income"}, check)
