from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from app.messages import BATCH_PREFIX, POINT
from app.records.files import MissingFileError, RecordError
from app.records.series import (
    NAMES_FILE,
    POINT_DTYPE,
    SeriesFile,
    SeriesFolder,
    read_names,
    read_series,
    series_files,
)

HEADER = 128
ROW = POINT.size


def rows(*values: float, first: int = 1) -> bytes:
    return b"".join(POINT.pack(step, 1e9 + step, value) for step, value in enumerate(values, first))


def values_of(path: Path) -> list[float]:
    return [float(value) for value in read_series(path)["value"]]


def log(folder: SeriesFolder, name: str, *values: float, first: int = 1) -> None:
    folder.declare([name])
    folder.append(name, rows(*values, first=first))


def test_numpy_opens_a_series_at_any_moment(tmp_path: Path) -> None:
    path = tmp_path / "loss.npy"
    series = SeriesFile(path)
    for count in range(5):
        for mode in (None, "r"):
            points = np.load(path, mmap_mode=mode)
            assert points.dtype == POINT_DTYPE
            assert points["step"].tolist() == list(range(1, count + 1))
        series.append(rows(0.5, first=count + 1))
        before_the_count = np.load(path)
        assert len(before_the_count) == count
        series.write_count()
    series.close()
    assert np.load(path, mmap_mode="r")["value"].tolist() == [0.5] * 5


def test_our_reader_sees_rows_before_the_count_does(tmp_path: Path) -> None:
    series = SeriesFile(tmp_path / "loss.npy")
    series.append(rows(3.0, math.nan, math.inf))
    assert values_of(tmp_path / "loss.npy") == pytest.approx([3.0, math.nan, math.inf], nan_ok=True)
    series.close()


@pytest.mark.parametrize("cut", range(HEADER + 2 * ROW + 1))
def test_a_series_that_is_cut_anywhere_keeps_its_whole_rows_and_grows_on(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "loss.npy"
    series = SeriesFile(path)
    series.append(rows(1.0, 2.0))
    series.write_count()
    series.close()
    os.truncate(path, cut)
    left = [1.0, 2.0][: max(0, cut - HEADER) // ROW]
    assert values_of(path) == left

    series = SeriesFile(path)
    assert np.load(path)["value"].tolist() == left
    series.append(rows(7.0))
    series.write_count()
    series.close()
    assert values_of(path) == [*left, 7.0]
    assert np.load(path)["value"].tolist() == [*left, 7.0]


def test_rows_that_do_not_fit_on_the_disk_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "loss.npy").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*loss\.npy'"):
        SeriesFile(tmp_path / "loss.npy")


def test_more_metrics_than_files_may_be_open_are_all_written(tmp_path: Path) -> None:
    folder = SeriesFolder(tmp_path / "series")
    names = [f"metric {number}" for number in range(150)]
    for epoch in (1, 2, 3):
        folder.declare(names)
        for name in names:
            folder.append(name, rows(epoch, first=epoch))
        open_files = [link for link in Path("/proc/self/fd").iterdir() if str(tmp_path) in os.path.realpath(link)]
        assert len(open_files) <= 64
    folder.write_counts()
    files = series_files(tmp_path / "series")
    assert set(files) == set(names)
    for path in files.values():
        assert np.load(path)["value"].tolist() == [1, 2, 3]
    folder.close()


def test_a_folder_that_is_opened_again_continues_its_series(tmp_path: Path) -> None:
    for first in (1, 3):
        folder = SeriesFolder(tmp_path)
        for name in ("Loss", "loss", BATCH_PREFIX + "loss", "a/b", "A/b"):
            log(folder, name, 0.1, 0.2, first=first)
        folder.close()
    files = series_files(tmp_path)
    assert set(files) == {"Loss", "loss", BATCH_PREFIX + "loss", "a/b", "A/b"}
    assert len({str(path).casefold() for path in files.values()}) == 5
    for path in files.values():
        assert read_series(path)["step"].tolist() == [1, 2, 3, 4]


def test_names_json_holds_true_names_and_which_values_are_running_ones(tmp_path: Path) -> None:
    folder = SeriesFolder(tmp_path)
    folder.declare(["val/ü:1"])
    folder.declare([BATCH_PREFIX + "auc", BATCH_PREFIX + "loss"], running={BATCH_PREFIX + "auc"})
    assert json.loads((tmp_path / NAMES_FILE).read_text(encoding="utf-8")) == {
        "val/ü%3A1.npy": {"name": "val/ü:1", "kind": "scalar"},
        ".batch/auc.npy": {"name": ".batch/auc", "kind": "scalar", "running": True},
        ".batch/loss.npy": {"name": ".batch/loss", "kind": "scalar"},
    }
    folder.close()


def test_a_metric_is_in_names_json_once_the_folder_can_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "series"
    blocked.write_text("a file where the folder should be")
    folder = SeriesFolder(blocked)
    with pytest.raises(OSError, match="series"):
        folder.declare(["loss"])
    blocked.unlink()
    log(folder, "loss", 1.0)
    folder.close()
    assert list(series_files(blocked)) == ["loss"]


def test_one_count_that_cannot_be_written_keeps_no_other_from_it(tmp_path: Path) -> None:
    folder = SeriesFolder(tmp_path)
    names = ["first", "gone", "last"]
    for name in names:
        log(folder, name, 1.0)
    folder._open["gone.npy"].close()  # as a disk that refuses: writing to it is an error from now on
    folder._open["gone.npy"]._file = open(os.open("/dev/full", os.O_RDWR), "r+b", buffering=0)  # noqa: SIM115
    with pytest.raises(OSError, match=r"gone\.npy"):
        folder.write_counts()
    for name in ("first", "last"):
        assert len(np.load(tmp_path / f"{name}.npy")) == 1
    with pytest.raises(OSError, match=r"gone\.npy"):
        folder.close()
    assert values_of(tmp_path / "gone.npy") == [1.0]


def test_everything_appended_can_be_waited_for(tmp_path: Path) -> None:
    folder = SeriesFolder(tmp_path)
    log(folder, "loss", 1.0)
    folder.write_counts()
    (tmp_path / "loss.npy").rename(tmp_path / "away.npy")
    with pytest.raises(FileNotFoundError, match=r"loss\.npy"):  # so it is waited for although its count is written
        folder.write_counts(sync=True)
    (tmp_path / "away.npy").rename(tmp_path / "loss.npy")
    folder.write_counts(sync=True)
    folder.close()


@pytest.mark.parametrize("content", [b"PK\x03\x04 no series", b"step,value\n1,2\n"])
def test_a_file_that_is_no_series_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "loss.npy"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"loss\.npy: not an \.npy file"):
        read_series(path)


def test_an_array_of_something_else_is_no_series(tmp_path: Path) -> None:
    np.save(tmp_path / "weights.npy", np.zeros(3))
    with pytest.raises(RecordError, match=r"weights\.npy: its rows are no points"):
        read_series(tmp_path / "weights.npy")


def test_a_missing_series_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"loss\.npy: the file is missing"):
        read_series(tmp_path / "loss.npy")


def test_a_folder_without_series_has_none(tmp_path: Path) -> None:
    assert series_files(tmp_path / "series") == {}


@pytest.mark.parametrize("content", ["[]", '{"a.npy": "a"}', '{"a.npy": {"kind": "scalar"}}'])
def test_names_of_another_form_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / NAMES_FILE).write_text(content)
    with pytest.raises(RecordError, match=r"names\.json: expected an object"):
        read_names(tmp_path)


def test_names_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    entries = {path: {"name": path, "kind": "scalar"} for path in ("../x.npy", "/x.npy", "a\0.npy", "fine.npy")}
    (tmp_path / NAMES_FILE).write_text(json.dumps(entries))
    assert series_files(tmp_path) == {"fine.npy": tmp_path / "fine.npy"}
