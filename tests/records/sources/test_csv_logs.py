from __future__ import annotations

import csv
import math
import os
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.records.files import RecordError
from app.records.sources.csv_log import CsvLogs

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "real" / "csvlog"
#: What Lightning's CSVLogger writes: a row for every call, empty where a metric was not logged.
LIGHTNING = """epoch,step,train_loss,val_loss
0,49,0.5,
0,49,,0.625
1,99,0.25,
1,99,,nan
"""


def log(folder: Path, text: str, name: str = "log.csv") -> CsvLogs:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return CsvLogs(folder)


def age(path: Path) -> None:
    then = time.time() - 3600
    os.utime(path, (then, then))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_log_of_keras_is_a_run(tmp_path: Path, separator: str) -> None:
    with open(tmp_path / "training.log", "w", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", "loss", "val_loss"], delimiter=separator)
        writer.writeheader()
        for epoch in range(3):
            writer.writerow({"epoch": epoch, "loss": 1 / (epoch + 1), "val_loss": "NA" if epoch == 1 else 2.0})
    age(tmp_path / "training.log")
    source = CsvLogs(tmp_path)
    (key,) = source.scan({}).changed
    record = source.read(key)
    assert (record.source, record.name, record.experiment, record.state) == ("csv", tmp_path.name, tmp_path.name, "")
    assert record.metrics.keys() == {"loss", "val_loss"}
    points = source.series(key, "loss")
    assert points["step"].tolist() == [0, 1, 2]
    assert points["value"].tolist() == [1.0, 0.5, 1 / 3]
    assert np.isnan(points["time"]).all()
    assert source.series(key, "val_loss")["step"].tolist() == [0, 2]
    assert "1 cell among numbers are none" in record.problems[0]


def test_the_gaps_of_lightning_are_no_values(tmp_path: Path) -> None:
    source = log(tmp_path / "lightning_logs" / "version_0", LIGHTNING, "metrics.csv")
    (tmp_path / "lightning_logs" / "version_0" / "hparams.yaml").write_text(
        "lr: 0.1\nnet:\n  units: [8, 4]\nf: !!x 1\n"
    )
    source = CsvLogs(tmp_path / "lightning_logs")
    (key,) = source.scan({}).changed
    record = source.read(key)
    assert (key, record.name, record.experiment) == ("version_0/metrics.csv", "version_0", "lightning_logs")
    assert record.params == {"lr": 0.1, "net.units": "[8, 4]", "f": "1"}
    assert source.series(key, "train_loss")["step"].tolist() == [49, 99]
    assert record.metrics["val_loss"].count == 2
    assert math.isnan(record.metrics["val_loss"].last)
    assert record.metrics["epoch"].last == 1.0
    assert record.problems == ()


def test_names_are_taken_without_the_blanks_around_them(tmp_path: Path) -> None:
    source = log(tmp_path, "                  epoch,         train/box_loss\n       1,       0.5\n")
    assert source.series("log.csv", "train/box_loss")["step"].tolist() == [1]


@pytest.mark.parametrize("stamp", ["1700000000.5", "1700000000500", "2023-11-14 22:13:20.500+00:00"])
def test_times_are_read_in_whatever_form(tmp_path: Path, stamp: str) -> None:
    source = log(tmp_path, f"Wall time,Step,Value\n{stamp},5,0.25\n", "run-tag-loss.csv")
    assert source.series("run-tag-loss.csv", "run-tag-loss").tolist() == [(5, 1700000000.5, 0.25)]
    assert source.read("run-tag-loss.csv").started == 1700000000.5


def test_a_duration_is_a_metric_and_no_time(tmp_path: Path) -> None:
    source = log(tmp_path, "epoch,loss,time\n0,1.5,12.5\n1,1.25,00:13\n")
    assert source.series("log.csv", "time")["value"].tolist() == [12.5]
    assert np.isnan(source.series("log.csv", "loss")["time"]).all()


@pytest.mark.parametrize(
    "text",
    [
        "name,loss\na,1\n", "1,2\n3,4\n", "epoch\n1\n", "", "epoch,loss", "step,text\n1,a\n", "step,x\n0.5,1\n",
        "epoch,x\n-1,2\n", "\0epoch,loss\n1,2\n", "epoch loss\n1 2\n", '{"a": 1}\n', '{"epoch": 1}\n', "[1]\n",
    ],
)  # fmt: skip
def test_a_file_that_counts_no_steps_is_no_run(tmp_path: Path, text: str) -> None:
    source = log(tmp_path, text)
    assert source.scan({}).changed == {}
    assert source.scan({}).changed == {}


def test_a_log_that_grows_runs_and_is_read_on(tmp_path: Path) -> None:
    source = log(tmp_path, "step,loss\n1,0.5\n2,0.2")
    known = dict(source.scan({}).changed)
    assert source.read("log.csv").state == "running"
    assert source.series("log.csv", "loss")["value"].tolist() == [0.5]
    with open(tmp_path / "log.csv", "a") as file:
        file.write("5\n3,0.125\nstep,loss\n1,9")
    assert list(source.scan(known).changed) == ["log.csv"]
    assert source.series("log.csv", "loss")["value"].tolist() == [0.5, 0.25, 0.125]
    age(tmp_path / "log.csv")
    assert source.series("log.csv", "loss").tolist()[-1][0] == 1
    assert source.series("log.csv", "loss")["value"].tolist() == [0.5, 0.25, 0.125, 9.0]
    assert source.read("log.csv").state == ""


def test_a_log_that_is_written_anew_with_another_column_is_read_anew(tmp_path: Path) -> None:
    source = log(tmp_path, "step,loss\n1,0.5\n")
    assert len(source.series("log.csv", "loss")) == 1
    (tmp_path / "log.csv").write_text("step,acc,loss\n1,,0.5\n2,0.75,0.25\n")
    assert source.series("log.csv", "loss")["value"].tolist() == [0.5, 0.25]
    assert source.series("log.csv", "acc")["step"].tolist() == [2]


@pytest.mark.parametrize("text", ["step,loss\n5,0.125\n", "step,loss\n5,0.125\n6,0.5\n7,0.75\n8,1.5\n"])
def test_a_log_that_another_run_has_begun_anew_is_read_anew(tmp_path: Path, text: str) -> None:
    source = log(tmp_path, "step,loss\n1,0.5\n2,0.25\n3,0.75\n")
    assert len(source.series("log.csv", "loss")) == 3
    (tmp_path / "log.csv").write_text(text)
    assert source.series("log.csv", "loss")["step"][0] == 5


def test_a_log_that_is_gone_is_told(tmp_path: Path) -> None:
    source = log(tmp_path, LIGHTNING)
    known = source.scan({}).changed
    (tmp_path / "log.csv").unlink()
    assert source.scan(known).gone == {"log.csv"}
    with pytest.raises(KeyError):
        source.read("log.csv")


def test_lines_of_another_form_are_counted(tmp_path: Path) -> None:
    source = log(tmp_path, "step,loss\n1,0.5\n2,1,2,3\n3,0.25\n")
    record = source.read("log.csv")
    assert record.metrics["loss"].count == 2
    assert "1 line cannot be read" in record.problems[0]


@pytest.mark.skipif(not REAL.is_dir(), reason="the real records are not here")
def test_real_lines_of_json_are_a_run() -> None:
    source = CsvLogs(REAL / "Elbhnasy-detectron2")
    (key,) = source.scan({}).changed
    record = source.read(key)
    assert (record.name, record.problems) == ("Elbhnasy-detectron2", ())
    loss = source.series(key, "total_loss")
    assert (len(loss), loss["step"][0], loss["value"][0]) == (200, 19, 2.725107299629599)
    assert record.metrics.keys() >= {"fast_rcnn/cls_accuracy", "lr", "eta_seconds"}


@pytest.mark.parametrize("key", ["", "..", "../log.csv", "missing.csv", "a\0.csv"])
def test_a_key_that_leads_elsewhere_is_no_run(tmp_path: Path, key: str) -> None:
    log(tmp_path, LIGHTNING)
    with pytest.raises(KeyError):
        log(tmp_path / "in", LIGHTNING).read(key)


ROW = '{"iteration": 1, "loss": 0.5, "deep": {"a": 1}, "timestamp": 1.7e9}\n'


@settings(max_examples=200)
@given(data=st.data(), text=st.sampled_from([LIGHTNING, ROW * 3, "step;loss\n1;0,5\n"]))
def test_no_damage_raises(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, text: str) -> None:
    content = bytearray(text.encode())
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    ):
        content[place] = byte
    path = tmp_path_factory.getbasetemp() / "log.csv"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    source = CsvLogs(path)
    source.scan({})
    for name in source.read("log.csv").metrics:
        with suppress(RecordError):
            source.series("log.csv", name)
