"""Small event files, written in the test itself."""

from __future__ import annotations

import io
import os
import struct
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from app.records.sources.event_file import EventFile

NAME = "events.out.tfevents.1700000000.host"


def scalar_event(tag: str, value: float, step: int) -> bytes:
    value_of_tag = Summary.Value(tag=tag, simple_value=value)
    return bytes(Event(wall_time=1.7e9 + step, step=step, summary=Summary(value=[value_of_tag])).SerializeToString())


def write(path: Path, events: list[bytes], mode: str = "wb") -> None:
    with open(path, mode) as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event)


def read(path: Path) -> EventFile:
    file = EventFile(path)
    file.update()
    return file


def steps(file: EventFile, tag: str) -> list[int]:
    return [int(step) for step in file.contents.points(tag)["step"]]


def bits(points: Any) -> list[tuple[int, bytes, bytes]]:
    return [(int(step), struct.pack("<d", time), struct.pack("<d", value)) for step, time, value in points.tolist()]


def append(path: Path, data: bytes) -> None:
    with open(path, "ab") as file:
        file.write(data)


def ends_of_records(data: bytes) -> list[int]:
    ends, at = [], 0
    while at < len(data):
        at += 16 + int.from_bytes(data[at : at + 8], "little")
        ends.append(at)
    return ends


def intact_points(file: EventFile) -> Counter[tuple[str, int, bytes, bytes]]:
    return Counter((tag, *point) for tag in file.contents.series for point in bits(file.contents.points(tag)))


class Writer:
    """Logs scalars as TensorBoard's EventFileWriter does, without its thread."""

    def __init__(self, folder: Path, suffix: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = open(folder / f"{NAME}{suffix}", "ab")  # noqa: SIM115 - held open
        self._writer = RecordWriter(self._file)
        self._writer.write(Event(wall_time=1.7e9, file_version="brain.Event:2").SerializeToString())

    def log(self, tag: str, *values: float, first: int = 0) -> None:
        for step, value in enumerate(values, first):
            found = Summary.Value(tag=tag, simple_value=value)
            event = Event(wall_time=1.7e9 + step, step=step, summary=Summary(value=[found]))
            self._writer.write(event.SerializeToString())
        self._writer.flush()

    def log_image(self, tag: str, data: bytes, step: int) -> None:
        found = Summary.Value(tag=tag, image=Summary.Image(encoded_image_string=data))
        self._writer.write(Event(wall_time=1.7e9, step=step, summary=Summary(value=[found])).SerializeToString())
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def log(folder: Path, tag: str, *values: float, first: int = 0, suffix: str = "") -> Path:
    writer = Writer(folder, suffix)
    writer.log(tag, *values, first=first)
    writer.close()
    return max(folder.glob(f"*tfevents*{suffix}"))


def age(path: Path, seconds: float = 3600) -> None:
    """Let a file, or all below a folder, be written to so long ago."""
    then = time.time() - seconds
    for each in [path, *path.rglob("*")]:
        os.utime(each, (then, then))


LARGE = 30_000


def large(folder: Path) -> Path:
    """Return an event file that is worth keeping what was read of it: 30,000 points of two tags."""
    records = io.BytesIO()
    writer = RecordWriter(records)
    for step in range(50):
        for tag in ("loss", "acc"):
            value = Summary.Value(tag=tag, simple_value=step / 7)
            writer.write(Event(wall_time=1.7e9, step=step, summary=Summary(value=[value])).SerializeToString())
    folder.mkdir(parents=True)
    path = folder / NAME
    path.write_bytes(records.getvalue() * (LARGE // 100))
    return path
