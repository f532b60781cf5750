"""TensorBoard's event files, written without TensorFlow.

A file is a sequence of TFRecords, each an ``Event`` message (tensorboard/compat/proto/event.proto); the first one
names the version of the format. Scalars are ``simple_value``, images ``image`` summaries.
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from app.trackers.base import Tracker

_FOLDER = "tensorboard"

#: What TensorBoard shows as it is; anything else is encoded anew.
_SHOWN_FORMATS = ("PNG", "JPEG")


class TensorBoardTracker(Tracker):
    """One event file a run, in ``<logdir>/tensorboard/<execution id>/``; params, tags and assets have no place there.

    With ``split`` the metrics of training and validation go to the sub-folders ``train/`` and ``validation/``, there
    without their ``val_``, so that TensorBoard draws both into one chart; ``test_`` metrics stay in the folder itself.
    """

    def __init__(self, *, split: bool = False) -> None:
        super().__init__(split=split)
        self._split = split
        self._writers: dict[str, _EventFile] = {}
        self._images: Counter[str] = Counter()

    def discard(self, run_id: str, logdir: Path, reference: dict[str, Any]) -> None:
        """Remove the run's folder, where there is one."""
        folder = Path(logdir, _FOLDER, run_id)
        if folder.is_dir():
            shutil.rmtree(folder)

    def start(self, run_id: str, logdir: Path) -> None:
        """Create the event file."""
        self._folder = Path(logdir, _FOLDER, run_id)
        self._file("")
        self.reference["folder"] = f"{_FOLDER}/{run_id}"

    def end(self) -> None:
        """Close the event files. TensorBoard knows no state of a run."""
        for writer in self._writers.values():
            writer.close()

    def flush(self) -> None:
        """Bring what was logged to the disk, where TensorBoard finds it."""
        for writer in self._writers.values():
            writer.flush()

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Write a scalar. The format holds 32-bit floats."""
        folder, tag = self._place(name)
        self._file(folder).write(Summary.Value(tag=tag, simple_value=value), self.time, step or 0)

    def log_image(self, name: str, file_path: str | Path) -> None:
        """Write an image; further images of one name become its further steps."""
        self._write_image(name, Path(file_path).read_bytes())

    def log_figure(self, name: str, figure: Any) -> None:
        """Write a matplotlib figure as an image."""
        drawn = BytesIO()
        figure.savefig(drawn, format="png")
        self._write_image(name, drawn.getvalue())

    def _place(self, name: str) -> tuple[str, str]:
        if not self._split or name.startswith("test_"):
            return "", name
        if name.startswith("val_"):
            return "validation", name.removeprefix("val_")
        return "train", name

    def _file(self, folder: str) -> _EventFile:
        if folder not in self._writers:
            self._writers[folder] = _EventFile(self._folder / folder)
        return self._writers[folder]

    def _write_image(self, name: str, encoded: bytes) -> None:
        with Image.open(BytesIO(encoded)) as image:
            width, height = image.size
            channels = len(image.getbands())
            if image.format not in _SHOWN_FORMATS:
                converted = BytesIO()
                image.save(converted, format="PNG")
                encoded = converted.getvalue()
        summary = Summary.Image(width=width, height=height, colorspace=channels, encoded_image_string=encoded)
        self._file("").write(Summary.Value(tag=name, image=summary), self.time, self._images[name])
        self._images[name] += 1


class _EventFile:
    """One file of events; its folder must hold no other, TensorBoard follows only the newest of a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        created = time.time()
        name = f"events.out.tfevents.{int(created):010d}.{platform.node()}.{os.getpid()}"
        self._records = RecordWriter(open(folder / name, "xb"))  # noqa: SIM115 - open for as long as the run
        self._records.write(Event(wall_time=created, file_version="brain.Event:2").SerializeToString())
        self.flush()

    def write(self, value: Summary.Value, when: float | None, step: int) -> None:
        wall_time = time.time() if when is None else when
        event = Event(wall_time=wall_time, step=step, summary=Summary(value=[value]))
        self._records.write(event.SerializeToString())

    def flush(self) -> None:
        self._records.flush()

    def close(self) -> None:
        self._records.close()
