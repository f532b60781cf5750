from __future__ import annotations

import json
import math
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.records.files import RecordError
from app.records.sources.comet import CometArchives

KEY = "5d1c4cb62a3c4b1e9a5e0c35b7a1f1aa"
PROGRAM = """
import sys
import comet_ml
folder = sys.argv[1]
experiment = comet_ml.OfflineExperiment(
    offline_directory=folder, experiment_key=sys.argv[2], project_name="houses", workspace="anna",
    display_summary_level=0, log_env_details=True, log_env_gpu=False, log_git_metadata=False, log_code=False,
    auto_output_logging=False, log_env_cpu=False, log_env_disk=False, log_env_network=False,
)
experiment.set_name("first")
experiment.add_tags(["baseline", "stage=debug"])
experiment.log_parameters({"lr": 0.1, "optimizer": {"name": "adam", "betas": [0.9, 0.99]}, "big": float("inf")})
for step, value in enumerate([0.5, float("nan"), 0.25], 1):
    experiment.log_metric("loss", value, step=step, epoch=1)
with experiment.train():
    experiment.log_metric("acc", 0.75, step=3)
experiment.log_other("note", "a word")
open(f"{folder}/rows.bin", "wb").write(b"12345")
experiment.log_asset(f"{folder}/rows.bin", file_name="sub/rows.bin", step=7)
experiment.end()
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an archive that Comet wrote."""
    folder = tmp_path_factory.mktemp("comet")
    command = [sys.executable, "-c", PROGRAM, str(folder), KEY]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder / f"{KEY}.zip"


def message(kind: str, **payload: Any) -> dict[str, Any]:
    return {"type": kind, "payload": payload}


def metric(value: Any, **more: Any) -> dict[str, Any]:
    return message("metric_msg", metric={"metricName": "loss", "metricValue": value, **more})


def write(path: Path, messages: list[Any], about: Any = None, compression: int = zipfile.ZIP_STORED) -> CometArchives:
    with zipfile.ZipFile(path, "w", compression) as opened:
        opened.writestr("experiment.json", json.dumps(about or {}))
        opened.writestr("messages.json", "\n".join(map(json.dumps, messages)))
    return CometArchives(path)


def test_what_comet_wrote_is_read(archive: Path) -> None:
    source = CometArchives(archive.parent)
    assert list(source.scan({}).changed) == [archive.name]
    record = source.read(archive.name)
    assert (record.id, record.name, record.experiment, record.state) == (KEY, "first", "houses", "finished")
    assert record.started is not None
    assert record.ended is not None
    assert 0 < record.ended - record.started < 120
    assert record.tags == {"baseline": "", "stage": "debug", "note": "a word"}
    params = {name: value for name, value in record.params.items() if not name.startswith("env.")}
    assert {name.partition("|")[0] for name in params} >= {"lr", "optimizer", "big"}
    assert (params["lr"], params["big"]) == (0.1, "Infinity")
    assert str(record.params["env.python"]).startswith("3.")
    assert "env.packages.numpy" in record.params
    loss = source.series(archive.name, "loss")
    assert loss["step"].tolist() == [1, 2, 3]
    assert loss["value"][[0, 2]].tolist() == [0.5, 0.25]
    assert math.isnan(loss["value"][1])
    assert (loss["time"] >= record.started - 1).all()
    assert record.metrics["train_acc"].last == 0.75
    assert record.problems == ()


def test_a_file_is_read_in_the_archive(archive: Path) -> None:
    (medium,) = [medium for medium in CometArchives(archive).media(archive.name) if medium.name == "sub/rows.bin"]
    assert (medium.kind, medium.step, medium.size, medium.path) == ("file", 7, 5, archive)
    assert medium.offset is not None
    assert archive.read_bytes()[medium.offset :][:5] == b"12345"


def test_an_archive_that_has_not_changed_is_not_told_again(archive: Path) -> None:
    source = CometArchives(archive.parent)
    known = source.scan({}).changed
    assert source.scan(known).changed == {}
    assert source.scan({**known, "gone.zip": b""}).gone == {"gone.zip"}


def test_a_zip_file_of_something_else_is_none(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as opened:
        opened.writestr("data.csv", "a")
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04")
    assert CometArchives(tmp_path).scan({}).changed == {}


def test_the_empty_archive_of_a_killed_run_is_a_run_that_crashed(tmp_path: Path) -> None:
    path = tmp_path / f"{KEY}.zip"
    zipfile.ZipFile(path, "w").close()
    source = CometArchives(tmp_path)
    (key,) = source.scan({}).changed
    record = source.read(key)
    assert (record.name, record.state) == (KEY, "crashed")
    assert "empty" in record.problems[0]


def test_messages_of_old_versions_are_read(tmp_path: Path) -> None:
    messages = [
        message(
            "ws_msg", metric={"metricName": "loss", "metricValue": 1.5, "step": 4}, local_timestamp=1_500_000_000_000
        ),
        message("ws_msg", param={"paramName": "lr", "paramValue": "0.1"}, context="train"),
        message("ws_msg", params={"paramName": "sizes", "paramValue": [1, 2]}),
        message("ws_msg", log_other={"key": "Name", "val": "old"}),
        message("ws_msg", stdout="text", stderr=False),
    ]
    record = write(tmp_path / "a.zip", messages).read("a.zip")
    assert (record.name, record.params, record.problems) == ("old", {"lr": "0.1", "sizes.0": 1, "sizes.1": 2}, ())
    assert record.metrics["loss"].last == 1.5


def test_a_value_without_a_step_has_that_of_its_epoch_or_its_place(tmp_path: Path) -> None:
    messages = [metric(1.0), metric(2.0, epoch=7), metric(3.0, step=9, epoch=7), metric(4.0, step="x"), metric("word")]
    points = write(tmp_path / "a.zip", messages).series("a.zip", "loss")
    assert points["step"].tolist() == [0, 7, 9, 3]


@pytest.mark.parametrize("state", ["stopped", "failed", "crashed"])
def test_the_state_that_our_own_archives_tell_is_shown(tmp_path: Path, state: str) -> None:
    source = write(tmp_path / "a.zip", [message("log_other", key="trackside.state", value=state)])
    assert source.read("a.zip").state == state


def test_an_error_that_comet_noted_is_a_failure(tmp_path: Path) -> None:
    assert write(tmp_path / "a.zip", [], {"customer_error_reported": True}).read("a.zip").state == "failed"


def test_messages_that_are_none_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    source = write(tmp_path / "a.zip", [metric(1.0), 3, {"type": "log_other", "payload": {}}, {}, metric(2.0)])
    record = source.read("a.zip")
    assert record.metrics["loss"].count == 2
    assert "3 messages of messages.json cannot be read" in record.problems[0]


def test_what_is_packed_to_fill_the_memory_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("messages.json", b"\0" * (64 << 20))
    record = CometArchives(path).read("a.zip")
    assert "67,108,864 bytes are packed into" in " ".join(record.problems)


def test_a_line_without_an_end_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("messages.json", json.dumps(metric(1.0)).encode() + b"\n" + b"x" * (20 << 20))
    record = CometArchives(path).read("a.zip")
    assert record.metrics["loss"].count == 1
    assert "too long" in " ".join(record.problems)


@pytest.mark.parametrize("key", ["", "..", "../a.zip", "missing.zip", "a\0.zip"])
def test_a_key_that_leads_elsewhere_is_no_run(tmp_path: Path, key: str) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "a.zip", [])
    with pytest.raises(KeyError):
        CometArchives(tmp_path / "in").read(key)


@settings(max_examples=200)
@given(data=st.data())
def test_no_damage_raises(archive: Path, data: st.DataObject) -> None:
    content = bytearray(archive.read_bytes())
    # The directory at the end is what zip files are read by.
    places = st.integers(0, len(content) - 1) | st.integers(len(content) - 600, len(content) - 1)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=4)):
        content[place] = byte
    path = archive.with_name(f"damaged-{KEY}.zip")
    path.write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    source = CometArchives(path)
    source.scan({})
    record = source.read(path.name)
    for name in record.metrics:
        with suppress(RecordError):
            source.series(path.name, name)
    assert all(medium.offset + medium.size <= path.stat().st_size for medium in source.media(path.name))  # type: ignore[operator]
