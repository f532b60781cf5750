from __future__ import annotations

import json
import math
import os
import struct
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.records.files import RecordError
from app.records.sources.wandb import WandbRuns
from app.records.sources.wandb_log import WandbLog

NAME = "offline-run-20260101_120000-abcd1234"
BLOCK = 32768
REAL = Path(__file__).parents[3].parent / "shared" / "data" / "real" / "wandb" / "wandb-test-asset"
STARTED = 1_767_268_800


# What W&B writes is written here by its own description of the format: it is not among the packages of this project.


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def item(name: str | list[str], value: Any) -> bytes:
    keys = field(1, name) if isinstance(name, str) else b"".join(field(2, key) for key in name)
    return keys + field(16, value if isinstance(value, bytes) else json.dumps(value))


def history(step: int, *, nested: bool = False, **values: Any) -> bytes:
    values = {"_step": step, "_timestamp": STARTED + step, "_runtime": step, **values}
    items = b"".join(field(1, item(name.split(".") if nested else name, value)) for name, value in values.items())
    return field(2, items + field(2, field(1, step)))


def config(**values: Any) -> bytes:
    return field(5, b"".join(field(1, item(name, value)) for name, value in values.items()))


def summary(**values: Any) -> bytes:
    return field(3, b"".join(field(1, item(name, value)) for name, value in values.items()))


def about_run(**values: str) -> bytes:
    numbers = {"run_id": 1, "project": 3, "group": 6, "job_type": 7, "name": 8, "tags": 10, "host": 13}
    parts = [field(numbers[name], text) for name, texts in values.items() for text in texts.split(",")]
    stamp = field(17, field(1, STARTED) + field(2, 500_000_000))
    return field(17, b"".join([*parts, stamp, field(21, field(2, "f00"))]))


def exit_with(code: int, runtime: int = 60) -> bytes:
    return field(18, (field(1, code) if code else b"") + field(2, runtime))


def log_of(records: Iterable[bytes]) -> bytes:
    data = bytearray(struct.pack("<4sHB", b":W&B", 0xBEE1, 0))

    def add(kind: int, part: bytes) -> None:
        data.extend(struct.pack("<IHB", zlib.crc32(part, zlib.crc32(bytes([kind]))), len(part), kind) + part)

    for record in records:
        rest = field(1, 1) + record + field(16, field(1, 1)) + field(19, "0123456789abcdef")
        begin = True
        while True:
            left = BLOCK - len(data) % BLOCK
            if left < 7:
                data.extend(bytes(left))
                left = BLOCK
            part, rest = rest[: left - 7], rest[left - 7 :]
            add((2 if rest else 1) if begin else (3 if rest else 4), part)
            begin = False
            if not rest:
                break
    return bytes(data)


RECORDS = [
    about_run(run_id="abcd1234", project="houses", name="bright-moon-7", group="a", tags="baseline,gpu", host="lab"),
    config(lr=0.1, _wandb={"cli_version": "0.17"}, model={"layers": [64, 32], "name": "mlp"}),
    *(history(step, loss=1 / (step + 1), flag=True) for step in range(3)),
    history(3, loss=b"NaN", train={"acc": 0.5}, text="words"),
    history(4, nested=True, **{"val.loss": "Infinity"}),
    history(5, picture={"_type": "image-file", "path": "media/images/picture_5.png"}),
    field(7, field(1, 0)),
    summary(loss=0.2, best=0.125, _step=5, picture={"_type": "image-file"}),
    exit_with(0),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, RECORDS)


def write(parent: Path, records: Iterable[bytes], name: str = NAME) -> Path:
    folder = parent / name
    (folder / "files" / "media" / "images").mkdir(parents=True)
    (folder / "files" / "media" / "images" / "picture_5.png").write_bytes(b"png")
    (folder / "files" / "output.log").write_text("hello\n")
    (folder / "files" / "wandb-metadata.json").write_text('{"os": "Linux", "python": "3.11", "git": {"commit": "f00"}}')
    (folder / "run-abcd1234.wandb").write_bytes(log_of(records))
    return folder


def age(path: Path) -> None:
    then = time.time() - 3600
    os.utime(path, (then, then))


def test_a_run_is_read_with_all_that_its_log_tells(folder: Path) -> None:
    source = WandbRuns(folder.parent)
    assert list(source.scan({}).changed) == [NAME]
    record = source.read(NAME)
    assert (record.id, record.name, record.experiment) == ("abcd1234", "bright-moon-7", "houses")
    assert (record.state, record.started, record.ended) == ("finished", STARTED + 0.5, STARTED + 60.5)
    assert record.tags == {"group": "a", "baseline": "", "gpu": ""}
    assert record.params == {
        "lr": 0.1, "model.layers.0": 64, "model.layers.1": 32, "model.name": "mlp",
        "env.host": "lab", "env.python": "3.11", "env.system": "Linux", "env.commit": "f00",
    }  # fmt: skip
    assert record.metrics.keys() == {"loss", "flag", "train.acc", "val.loss", "best"}
    assert record.metrics["best"].last == 0.125
    assert record.metrics["loss"].count == 4
    assert (record.artifacts, record.log) == (folder / "files", folder / "files" / "output.log")
    assert record.problems == ()


def test_the_points_have_the_steps_and_times_of_the_history(folder: Path) -> None:
    source = WandbRuns(folder.parent)
    points = source.series(NAME, "loss")
    assert points["step"].tolist() == [0, 1, 2, 3]
    assert points["time"].tolist() == [STARTED, STARTED + 1, STARTED + 2, STARTED + 3]
    assert points["value"][:3].tolist() == [1.0, 0.5, 1 / 3]
    assert math.isnan(points["value"][3])
    assert source.series(NAME, "val.loss")["value"].tolist() == [math.inf]
    assert source.series(NAME, "best")["value"].tolist() == [0.125]
    with pytest.raises(KeyError):
        source.series(NAME, "text")


def test_images_are_found_and_none_that_leads_out_of_the_run(folder: Path) -> None:
    outside = history(6, secret={"_type": "image-file", "path": "../../../secret.png"})
    (folder / "run-abcd1234.wandb").write_bytes(log_of([*RECORDS, outside]))
    (folder.parent.parent / "secret.png").write_bytes(b"x")
    (medium,) = WandbRuns(folder.parent).media(NAME)
    assert (medium.kind, medium.name, medium.step, medium.path.read_bytes()) == ("image", "picture", 5, b"png")


@pytest.mark.parametrize(("code", "state"), [(0, "finished"), (1, "failed"), (255, "failed")])
def test_the_exit_code_tells_how_a_run_ended(tmp_path: Path, code: int, state: str) -> None:
    write(tmp_path, [RECORDS[0], exit_with(code)])
    assert WandbRuns(tmp_path).read(NAME).state == state


def test_a_run_without_an_end_runs_as_long_as_its_log_grows(tmp_path: Path) -> None:
    folder = write(tmp_path, RECORDS[:4])
    source = WandbRuns(tmp_path)
    known = source.scan({}).changed
    assert source.read(NAME).state == "running"
    age(folder / "run-abcd1234.wandb")
    assert list(source.scan(known).changed) == [NAME]
    assert source.read(NAME).state == "crashed"


@pytest.mark.parametrize("cut", [7, 8, 20, -1])
def test_a_log_that_grows_is_read_on_from_where_it_was(tmp_path: Path, cut: int) -> None:
    large = [history(step, loss=float(step), text="x" * (step * 7)) for step in range(400)]
    data = log_of([*large, history(400, loss=400.0, text="y" * 3 * BLOCK), *large])
    path = tmp_path / "run-a.wandb"
    log = WandbLog(path)
    for end in range(BLOCK + cut, len(data) + BLOCK, BLOCK + 1234):
        path.write_bytes(data[:end])
        log.advance()
    assert log.broken == 0
    values = [*range(401), *range(400)]
    assert log.points("loss")["value"].tolist() == values
    whole = WandbLog(path)
    whole.advance()
    assert np.array_equal(whole.points("loss"), log.points("loss"))


def test_a_damaged_record_costs_its_block_alone(tmp_path: Path) -> None:
    data = bytearray(log_of(history(step, loss=float(step)) for step in range(3000)))
    data[BLOCK + 100] ^= 0xFF
    path = tmp_path / "run-a.wandb"
    path.write_bytes(data)
    log = WandbLog(path)
    log.advance()
    steps = log.points("loss")["step"]
    assert log.broken == 1
    assert steps[-1] == 2999
    assert len(steps) > 2000


def test_without_a_log_the_config_and_the_last_values_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path, [])
    (folder / "run-abcd1234.wandb").unlink()
    (folder / "files" / "config.yaml").write_text(
        "wandb_version: 1\nlr:\n  desc: null\n  value: 0.1\nbad:\n  value: !!python/object:os.system {}\n"
    )
    (folder / "files" / "wandb-summary.json").write_text('{"loss": 0.5, "_step": 3, "deep": {"acc": 1}}')
    source = WandbRuns(tmp_path)
    assert list(source.scan({}).changed) == [NAME]
    record = source.read(NAME)
    assert {name: value for name, value in record.params.items() if not name.startswith("env.")} == {"lr": 0.1}
    assert {name: metric.last for name, metric in record.metrics.items()} == {"loss": 0.5, "deep.acc": 1.0}
    assert "is missing" in record.problems[0]


def test_the_folder_of_one_run_can_be_the_source(folder: Path) -> None:
    source = WandbRuns(folder)
    (key,) = source.scan({}).changed
    assert source.read(key).name == "bright-moon-7"


@pytest.mark.parametrize("key", ["", "..", "../x", "latest-run", "a/b"])
def test_a_key_that_leads_elsewhere_is_no_run(folder: Path, key: str) -> None:
    with pytest.raises(KeyError):
        WandbRuns(folder.parent).read(key)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real records are not here")
def test_a_real_run_is_read() -> None:
    source = WandbRuns(REAL)
    (key,) = source.scan({}).changed
    record = source.read(key)
    assert (record.id, record.experiment, record.state) == ("g9dvvkua", "code-toad", "finished")
    assert record.started == 1613519047.0
    assert record.params["env.commit"] == "86db7dc9144c87a4b41cad77a0dae2e55288b587"
    assert record.problems == ()


@settings(max_examples=200)
@given(data=st.data())
def test_no_damage_raises(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(log_of(RECORDS))
    places = st.integers(0, len(content) - 1)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=4)):
        content[place] = byte
    check(tmp_path_factory, bytes(content[: data.draw(st.integers(0, len(content)))]))


@settings(max_examples=200)
@given(records=st.lists(st.binary(max_size=60) | st.binary(max_size=60).map(lambda data: field(2, data)), max_size=5))
def test_no_message_raises(tmp_path_factory: pytest.TempPathFactory, records: list[bytes]) -> None:
    check(tmp_path_factory, log_of(records))


def check(factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = factory.getbasetemp() / "damaged" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run-abcd1234.wandb").write_bytes(content)
    source = WandbRuns(folder.parent)
    source.scan({})
    for name in source.read(NAME).metrics:
        with suppress(RecordError):
            source.series(NAME, name)
    source.media(NAME)
