"""Looking at files and folders of a user's own, as they are found in the wild."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import ExifTags, Image

from app.config.first_config import first_config
from app.config.guessing import Choice, guess
from app.config.survey import ColumnFacts, Survey
from app.engine.data.folders import read_image, read_size
from app.engine.datasets import load_dataset
from app.engine.ending import TrainingError
from app.engine.surveying import survey_data

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write lines to a file of the test's own."""

    def written(*lines: str, name: str = "data.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
        return path

    return written


def column(survey: Survey, name: str) -> ColumnFacts:
    found = survey.column(name)
    assert found is not None
    return found


def loaded(survey: Survey, cache: Path, choice: Choice = Choice()) -> Any:  # noqa: B008
    """Load the dataset as the config that is made for it says."""
    dataset = first_config(survey, guess(survey, choice), choice).document["dataset"]
    return load_dataset(dataset["name"], dataset["parameters"], cache)


def refusal(path: Path) -> str:
    with pytest.raises(TrainingError) as caught:
        survey_data(path)
    return str(caught.value)


def rows(count: int = 20) -> list[str]:
    return [f"{n},{n * 1.5},{'yes' if n % 3 else 'no'},2024-01-{n % 28 + 1:02d}" for n in range(count)]


def test_columns_are_typed_and_counted(write: Write, tmp_path: Path) -> None:
    survey = survey_data(write("n,x,flag,day", *rows()))
    assert [each.kind for each in survey.columns] == ["number", "number", "category", "date"]
    assert survey.rows == 20
    x = column(survey, "x")
    assert (x.lowest, x.highest, x.mean) == (0.0, 28.5, 14.25)
    assert x.deviation == pytest.approx(np.std(np.arange(20) * 1.5))
    assert column(survey, "n").whole
    assert column(survey, "n").ascends
    assert column(survey, "flag").counts == {"yes": 13, "no": 7}
    assert survey.samples[1] == ["1", "1.5", "yes", "2024-01-02"]
    samples = loaded(survey, tmp_path, Choice(target="flag"))
    assert samples.class_names == ("no", "yes")


def test_another_separator_decimals_with_commas_and_gaps_are_found_out(write: Write, tmp_path: Path) -> None:
    lines = [f"{n},5;{'?' if n == 7 else n};{n % 2}" for n in range(30)]
    survey = survey_data(write("a;b;target", *lines))
    assert survey.parameters["separator"] == ";"
    assert survey.parameters["decimal"] == ","
    assert "?" in survey.parameters["missing_values"]
    assert column(survey, "b").missing == 1
    assert loaded(survey, tmp_path).X.shape == (30, 2)


def test_a_file_without_a_header_has_numbered_columns(write: Write, tmp_path: Path) -> None:
    survey = survey_data(write(*(f"{n * 7 % 20},{n % 3}" for n in range(20))))
    assert survey.parameters == {"header": False}
    assert list(survey.header) == ["column_1", "column_2"]
    assert "no header" in survey.notes[0]
    assert len(loaded(survey, tmp_path)) == 20


def test_a_tsv_and_a_compressed_file_are_read(write: Write, tmp_path: Path) -> None:
    assert survey_data(write("a\tb", "1\t2", name="data.tsv")).parameters == {}
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n3,4\n"))
    assert survey_data(path).rows == 2


@pytest.mark.parametrize("far", [False, True], ids=["at the begin", "far down"])
def test_a_text_that_is_no_utf8_is_read_all_the_same(write: Write, far: bool) -> None:
    before = ["Rome,1"] * (60_000 if far else 1)
    survey = survey_data(write("city,y", *before, "Köln,2", encoding="cp1252"))
    assert survey.parameters["encoding"] == "cp1252"
    assert "Köln" in column(survey, "city").counts


def test_long_texts_are_told_from_categories(write: Write) -> None:
    texts = [f'"this is what number {n} had to say, at some length",{n % 2}' for n in range(20)]
    survey = survey_data(write("review,good", *texts))
    assert column(survey, "review").kind == "text"
    assert guess(survey).target == "good"


def test_parquet_is_read_and_columns_of_lists_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    table = pa.table({
        "a": [1.0, None, 3.0] * 10,
        "lists": [[1], [2], [3]] * 10,
        "big": [1e300, 1.0, 2.0] * 10,
        "y": pa.array(["p", "q", "p"] * 10).dictionary_encode(),
    })  # fmt: skip
    pq.write_table(table, path)
    survey = survey_data(path)
    assert [each.kind for each in survey.columns] == ["number", "other", "other", "category"]
    assert guess(survey).left_out == {
        "lists": "values of the type list<element: int64> cannot be read",
        "big": "row 1: 1e+300 in column 'big' is too large",
    }
    assert len(loaded(survey, tmp_path)) == 30


def test_images_are_shown_with_their_class_and_broken_ones_named(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        folder = tmp_path / "train" / name
        folder.mkdir(parents=True)
        for n in range(4):
            Image.new("RGB", (20 + n, 16), (n * 9, 5, 7)).save(folder / f"{n}.png")
    (tmp_path / "train" / "dog" / "x.png").write_bytes(b"no image")
    (tmp_path / "test").mkdir()
    survey = survey_data(tmp_path)
    assert (survey.kind, survey.rows) == ("images", 9)
    assert dict(survey.classes) == {"cat": 4, "dog": 5}
    assert survey.parameters == {"bad_files": "skip", "size": [16, 21]}
    assert len(survey.samples) == 8
    assert any("train is taken" in note for note in survey.notes)
    assert any("dog/x.png" in note for note in survey.notes)


def test_a_turned_photo_is_as_high_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=exif)
    Image.new("RGB", (30, 20)).save(tmp_path / "plain.jpg")
    assert read_size(tmp_path / "turned.jpg") == (30, 20)
    assert read_image(tmp_path / "turned.jpg", None, "RGB", resize=False).shape == (30, 20, 3)
    assert read_size(tmp_path / "plain.jpg") == (20, 30)


def test_gray_images_of_one_size_have_one_channel(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (8, 8), 77).save(tmp_path / name / "0.png")
    survey = survey_data(tmp_path)
    assert survey.parameters == {"color_mode": "grayscale"}
    assert survey.shape == (8, 8, 1)


def test_texts_by_class_are_shown_by_their_beginnings(tmp_path: Path) -> None:
    for name in ("ham", "spam"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.txt").write_text(f"{name} and more")
    (tmp_path / "spam" / "1.txt").write_bytes(b"\xff\xfe\xff")
    survey = survey_data(tmp_path)
    assert survey.kind == "texts"
    assert survey.samples[0] == ("ham", "ham and more", "ham/0.txt")
    assert survey.parameters == {"bad_files": "skip"}


def test_arrays_are_listed_and_no_more_is_read_than_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, x_train=np.zeros((50, 8, 8), np.uint8), y_train=np.arange(50) % 3, names=np.array([None]))
    survey = survey_data(path)
    assert [(each.name, tuple(each.shape)) for each in survey.arrays] == [("x_train", (50, 8, 8)), ("y_train", (50,))]
    assert column(survey, "y_train").counts == {"0": 17, "1": 17, "2": 16}
    assert "names holds Python objects" in survey.notes[0]
    assert survey.shape == (8, 8, 1)
    assert loaded(survey, tmp_path).X.shape == (50, 8, 8)


def test_a_pair_of_npy_files_belongs_together_whichever_is_given(tmp_path: Path) -> None:
    np.save(tmp_path / "X_train.npy", np.random.default_rng(0).random((30, 4)))
    np.save(tmp_path / "y_train.npy", np.arange(30) / 7)
    by_features, by_target = survey_data(tmp_path / "X_train.npy"), survey_data(tmp_path / "y_train.npy")
    assert by_features == by_target
    assert by_features.header[-1] == "target"
    assert loaded(by_features, tmp_path / "cache").X.shape == (30, 4)


def test_tables_of_hdf5_are_read_by_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["group/X"] = np.zeros((12, 3))
        file["group/y"] = np.arange(12)
    survey = survey_data(path)
    assert [each.name for each in survey.arrays] == ["group/X", "group/y"]


@pytest.mark.parametrize("y", [np.arange(50) % 3, np.eye(3)[np.arange(50) % 3]], ids=["numbers", "one-hot"])
def test_arrays_to_test_on_are_left_out_and_said_so(tmp_path: Path, y: Any) -> None:
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=np.zeros((50, 8, 8)), y_train=y, x_test=np.zeros((9, 8, 8)), y_test=y[:9], note=np.zeros(2))
    found = guess(survey_data(path))
    assert (found.features, found.target) == ("x_train", "y_train")
    assert found.left_out == {
        "x_test": "a part of 'x_train' is kept to test on",
        "y_test": "a part of 'x_train' is kept to test on",
        "note": "'x_train' is learned from",
    }


def test_ragged_rows_are_refused_with_file_and_row(write: Write) -> None:
    assert refusal(write("a,b,c", "1,2,3", "4,5")).startswith("data.csv: row 3 has 2 values, the rows before it have 3")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; rows of values"),
        (b"a,b\n", "has no rows below its header"),
        (b"\x00\x01\x02\x03", "zero bytes"),
        (b"a,a,1b\n1,2,3\n", "two columns are called 'a'"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert said in refusal(path)


def test_a_row_of_texts_of_which_two_are_alike_is_no_header(write: Write) -> None:
    assert survey_data(write("red,red,yes", "blue,red,no", "red,green,yes")).parameters == {"header": False}


@pytest.mark.parametrize(
    ("dates", "form"),
    [
        (["18.11.2022", "1.2.2023"], "%d.%m.%Y"),
        (["18.11.2022 07:30", "01.02.2023 23:59"], "%d.%m.%Y %H:%M"),
        (["18/11/2022", "01/02/2023"], "%d/%m/%Y"),
        (["11/18/2022", "02/01/2023"], "%m/%d/%Y"),
        (["2022/11/18", "2023/02/01"], "%Y/%m/%d"),
        (["2022-11-18", "2023-02-01"], None),
        (["2022-11-18T07:30:00", "2023-02-01T00:00:00"], None),
        (["03/04/2022", "05/06/2023"], None),
        (["1.2.3", "4.5.6"], None),
        (["18.11.2022", "soon"], None),
        (["18.11.2022", "1.2.2023 "], "%d.%m.%Y"),
        (["25-01-4567", "26-01-4568"], None),
        (["6.1.7601", "10.0.1904"], None),
    ],
)
def test_how_dates_are_written_is_found_out(
    write: Write, tmp_path: Path, dates: Sequence[str], form: str | None
) -> None:
    survey = survey_data(write("sold;price", *(f"{dates[n % 2]};{n * 7 % 20}" for n in range(30))))
    assert survey.parameters.get("date_format") == form
    if form:
        assert column(survey, "sold").kind == "date"
        assert f"Dates are written as {form}." in survey.notes
        assert loaded(survey, tmp_path).X[0, :3].tolist() == [2022, 11, 18]


@pytest.mark.parametrize("other", ["1.2.3", "192.168.0.1", "NA", "?", "03.04.2022"])
def test_dates_are_found_beside_what_only_looks_like_them(write: Write, other: str) -> None:
    rows = [f"{n % 20 + 10}.11.2022,{other if n % 3 else '1.2.3'},{n}" for n in range(30)]
    assert survey_data(write("a,b,c", *rows)).parameters["date_format"] == "%d.%m.%Y"


def test_dates_may_have_gaps(write: Write) -> None:
    survey = survey_data(write("a,b", *(f"{'NA' if n % 5 else '18.11.2022'},{n * 7 % 20}" for n in range(30))))
    assert survey.parameters["date_format"] == "%d.%m.%Y"
    assert column(survey, "a").kind == "date"


def test_two_ways_to_write_dates_are_none(write: Write) -> None:
    rows = [f"18.11.2022,2022-11-{n % 20 + 10},{n}" for n in range(30)]
    assert "date_format" not in survey_data(write("a,b,c", *rows)).parameters


@pytest.mark.parametrize("name", ["data.parquet", "data.npz", "data.h5", "X.npy"])
def test_a_file_that_is_cut_off_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 not much")
    (tmp_path / "y.npy").write_bytes(b"\x93NUMPY")
    assert refusal(tmp_path / name).startswith(f"{name}: ")


def test_an_array_alone_wants_its_targets(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    assert "X.npy and y.npy" in refusal(tmp_path / "a.npy")


def test_another_kind_of_file_is_refused_with_what_would_do(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(b"%PDF")
    assert "is a file of the kind '.pdf'; a table (.csv" in refusal(path)
    assert refusal(tmp_path / "nothing.csv") == f"there is no {tmp_path / 'nothing.csv'}"


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    assert "has no files; a folder for each class" in refusal(tmp_path)
    Image.new("L", (8, 8)).save(tmp_path / "0.png")
    assert "has no folders; a folder for each of two or more classes" in refusal(tmp_path)


def test_progress_is_told_by_rows(write: Write) -> None:
    told: list[tuple[int, int]] = []
    survey_data(write("a,b", *(f"{n},{n}" for n in range(1000))), lambda done, total: told.append((done, total)))
    assert told == [(1000, 0)]
