from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from app.records.series import POINT_DTYPE
from app.records.sources.tensorboard import TensorBoardSource
from tests.records.sources.event_logs import LARGE, large, log


@pytest.mark.parametrize("mapped_bytes", [0, 1 << 30])
def test_what_was_read_of_a_large_file_is_kept_as_points_that_numpy_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped_bytes: int
) -> None:
    monkeypatch.setattr("app.records.sources.event_cache._MAPPED_BYTES", mapped_bytes)
    large(tmp_path / "logdir")
    cache = tmp_path / "cache"
    source = TensorBoardSource(tmp_path / "logdir", cache)
    first = source.read(".")
    [kept] = cache.iterdir()
    rows = np.load(kept)
    assert rows.dtype == POINT_DTYPE
    assert rows.tolist() == [*source.series(".", "loss").tolist(), *source.series(".", "acc").tolist()]
    again = TensorBoardSource(tmp_path / "logdir", cache)
    assert again.read(".") == first
    assert again.series(".", "acc").tolist() == source.series(".", "acc").tolist()


def test_of_a_file_that_is_kept_only_the_end_is_read(tmp_path: Path) -> None:
    path = large(tmp_path / "logdir")
    cache = tmp_path / "cache"
    TensorBoardSource(tmp_path / "logdir", cache).read(".")
    data = path.read_bytes()
    with open(path, "r+b") as file:
        file.write(b"these bytes were read before")
        file.seek(0, os.SEEK_END)
        file.write(data[: len(data) // 300])
    run = TensorBoardSource(tmp_path / "logdir", cache).read(".")
    assert run.problems == ()
    assert run.metrics["loss"].count == LARGE // 2 + 50


def test_what_is_kept_of_a_file_that_was_replaced_is_not_used(tmp_path: Path) -> None:
    path = large(tmp_path / "logdir")
    cache = tmp_path / "cache"
    TensorBoardSource(tmp_path / "logdir", cache).read(".")
    path.unlink()
    log(tmp_path / "logdir", "other", 1.0).rename(path)
    assert set(TensorBoardSource(tmp_path / "logdir", cache).read(".").metrics) == {"other"}


def test_what_is_kept_and_damaged_is_read_anew_and_kept_again(tmp_path: Path) -> None:
    large(tmp_path / "logdir")
    cache = tmp_path / "cache"
    first = TensorBoardSource(tmp_path / "logdir", cache).read(".")
    [kept] = cache.iterdir()
    good = kept.read_bytes()
    damages = [good[:0], good[:10], good[:-1], good[: len(good) // 2], good[:-30] + good[-29:]]
    for place in (len(good) // 2, len(good) - 100, len(good) - 1, len(good) - 15, 200):
        damages.append(good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :])
    for damaged in damages:
        kept.write_bytes(damaged)
        assert TensorBoardSource(tmp_path / "logdir", cache).read(".") == first
        assert kept.read_bytes() == good


def test_a_folder_for_what_is_kept_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    large(tmp_path / "logdir")
    (tmp_path / "cache").write_text("a file stands where the folder should be")
    assert TensorBoardSource(tmp_path / "logdir", tmp_path / "cache").read(".").metrics["acc"].count == LARGE // 2


def test_a_follower_begins_with_what_is_kept_and_leaves_it_whole(tmp_path: Path) -> None:
    path = large(tmp_path / "logdir")
    source = TensorBoardSource(tmp_path / "logdir", tmp_path / "cache")
    first = source.read(".")
    tail = source.follow(".")
    assert {metric: len(points) for metric, points in tail.look().points} == dict.fromkeys(first.metrics, LARGE // 2)
    with open(path, "ab") as file:
        file.write(path.read_bytes()[: path.stat().st_size // 300])
    assert {metric: len(points) for metric, points in tail.look().points} == {"loss": 50, "acc": 50}
    assert TensorBoardSource(tmp_path / "logdir", tmp_path / "cache").read(".").metrics["acc"].count == LARGE // 2 + 50
