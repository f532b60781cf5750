from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from app.records.files import MissingFileError, RecordError
from app.records.metrics import ELAPSED_KEYS, Metrics, read_elapsed, read_metrics


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.json"


def test_a_metric_is_a_list_with_null_where_an_epoch_has_none(path: Path) -> None:
    metrics = Metrics()
    metrics.set("loss", 1, 3.5)
    metrics.set("loss", 2, 2.5)
    metrics.set("loss", 4, 1.5)
    metrics.set("val_loss", 3, math.nan)
    metrics.set("val_loss", 4, -math.inf)
    metrics.set("test_loss", 1, 9.0)
    path.write_bytes(metrics.encode())
    written = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert written["metrics"] == {
        "loss": [3.5, 2.5, None, 1.5],
        "val_loss": [None, None, "NaN", "-Infinity"],
        "test_loss": [9.0],
    }
    found = read_metrics(path)
    assert found["loss"] == [3.5, 2.5, None, 1.5]
    assert found["val_loss"] == pytest.approx([None, None, math.nan, -math.inf], nan_ok=True)


def test_the_six_stages_are_there_from_the_beginning(path: Path) -> None:
    metrics = Metrics()
    metrics.elapsed["build_model"] = 0.25
    metrics.platform = {"system": "Linux"}
    path.write_bytes(metrics.encode())
    assert read_elapsed(path) == dict.fromkeys(ELAPSED_KEYS, 0.0) | {"build_model": 0.25}
    assert json.loads(path.read_text())["platform"] == {"system": "Linux"}


def test_files_of_older_systems_are_read(path: Path) -> None:
    path.write_text(
        '{"elapsed": {"load_data": 0.776, "fit_model": {"start": 1, "end": 2}}, '
        '"metrics": {"loss": [516.9, NaN, Infinity], "mae": 3, "names": ["a", [1], true, 1%s]}}' % ("0" * 400)
    )
    assert read_elapsed(path) == {"load_data": 0.776}
    found = read_metrics(path)
    assert found["loss"] == pytest.approx([516.9, math.nan, math.inf], nan_ok=True)
    assert found["mae"] == [3.0]
    assert found["names"] == [None, None, None, None]


@pytest.mark.parametrize("content", ["[]", "{}", '{"metrics": []}'])
def test_a_file_without_metrics_is_named(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(RecordError, match=r'metrics\.json: expected an object with "metrics"'):
        read_metrics(path)
    assert read_elapsed(path) == {}


def test_a_missing_file_is_told_from_a_broken_one(path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_metrics(path)
    with pytest.raises(MissingFileError):
        read_elapsed(path)
