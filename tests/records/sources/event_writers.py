"""Logdirs as TensorFlow 1 and 2 and PyTorch write them, and what TensorBoard's own reader finds in each.

A program of its own, because it needs TensorFlow: ``python -m tests.records.sources.event_writers FOLDER``.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import api as hp
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

START = 1_700_000_000.0
SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-45, 3.4e38]


class SummaryWriter:
    """What torch.utils.tensorboard.SummaryWriter does, which writes its records by these same classes."""

    def __init__(self, folder: Path) -> None:
        self._writer = EventFileWriter(str(folder))
        self._time = START

    def add(self, step: int, *values: Summary.Value) -> None:
        self._time += 0.25
        self._writer.add_event(Event(wall_time=self._time, step=step, summary=Summary(value=values)))

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.add(step, Summary.Value(tag=tag, simple_value=value))

    def add_event(self, event: Event) -> None:
        self._writer.add_event(event)

    def close(self) -> None:
        self._writer.close()


def metadata(plugin: str, content: bytes = b"") -> SummaryMetadata:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content))


def write_pytorch(folder: Path) -> None:
    writer = SummaryWriter(folder / "run")
    rng = random.Random(1)
    for step in range(700):
        writer.add_scalar("loss", rng.gauss(0, 1), step)
        writer.add_scalar("train/acc", rng.random(), step)
        if step % 7 == 0:
            writer.add_scalar("eval_acc", SPECIAL[step // 7 % len(SPECIAL)], step)
    for step, value in enumerate(SPECIAL):
        writer.add(step, Summary.Value(tag="new_style", tensor=TensorProto(dtype="DT_FLOAT", float_val=[value])))
        double = TensorProto(dtype="DT_DOUBLE", double_val=[value * math.pi])
        writer.add(step, Summary.Value(tag="double", tensor=double, metadata=metadata("scalars")))
    for step in (-3, 2**40, 5):
        writer.add_scalar("odd/stéps 损失", float(step), step)
    text = TensorProto(dtype="DT_STRING", string_val=[b"# hello"], tensor_shape=TensorShapeProto(dim=[{"size": 1}]))
    writer.add(3, Summary.Value(tag="note/text_summary", tensor=text, metadata=metadata("text", b"\x08\x00")))
    curve = TensorProto(dtype="DT_FLOAT", float_val=range(12), tensor_shape={"dim": [{"size": 6}, {"size": 2}]})
    writer.add(4, Summary.Value(tag="pr", tensor=curve, metadata=metadata("pr_curves", b"\x10\x02")))
    writer.close()

    trial = SummaryWriter(folder / "run" / "1700000000.5")
    config = {"lr": 0.01, "optimizer": "adam", "nesterov": True, "layers": 3}
    for pb in (
        hp.hparams_config_pb(hparams=[], metrics=[]),
        hp.hparams_pb(config, trial_id="a", start_time_secs=START),
    ):
        trial.add(0, *pb.value)
    trial.add_scalar("hparam/accuracy", 0.5, 0)
    end = session_end_pb(api_pb2.STATUS_SUCCESS, 4e9)  # the writer's own records are of now
    trial.add(0, *Summary.FromString(end.SerializeToString()).value)
    trial.close()


def write_tensors(folder: Path) -> None:
    """Scalars of every type that NumPy and TensorFlow share, as content and as values."""
    writer = SummaryWriter(folder)
    types = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool bfloat16".split()
    for step, number in enumerate((0, 1, 3, 100)):
        for name in types:
            value = bool(number) if name == "bool" else float(number) if "float" in name else number
            tensor = TensorProto.FromString(tf.make_tensor_proto(value, name).SerializeToString())
            writer.add(step, Summary.Value(tag=f"values/{name}", tensor=tensor, metadata=metadata("scalars")))
            if name != "bool":
                raw = tf.cast(number, name).numpy().tobytes()
                tensor = TensorProto(dtype=tensor.dtype, tensor_content=raw, tensor_shape=TensorShapeProto())
                kept = {} if step else {"metadata": metadata("scalars")}  # told once, as TensorFlow's FileWriter does
                writer.add(step, Summary.Value(tag=f"content/{name}", tensor=tensor, **kept))
    writer.close()


def write_many_tags(folder: Path) -> None:
    writer = SummaryWriter(folder)
    rng = random.Random(2)
    for step in range(30):
        for number in range(60):
            writer.add_scalar(f"weights/layer_{number:03}", rng.gauss(0, 1), step)
        values = [Summary.Value(tag=f"grads/{name}", simple_value=rng.random()) for name in ("a", "bb", "ccc")]
        writer.add(step, *values)
    writer.close()


def write_tf2(folder: Path) -> None:
    with tf.summary.create_file_writer(str(folder / "train")).as_default():
        tf.summary.scalar("started", 1, step=0)
        for step in range(300):
            tf.summary.scalar("epoch_loss", 1 / (step + 1), step=step)
            tf.summary.scalar("epoch_acc2", step / 300, step=step, description="share")
        for step, value in enumerate(SPECIAL):
            tf.summary.scalar("special", value, step=step)
        for step in range(3):
            tf.summary.image("pictures", np.full((2, 4, 4, 3), step / 3), step=step)
            tf.summary.histogram("weights", np.arange(10.0) + step, step=step)
            tf.summary.text("words", ["one", "two"], step=step)
            tf.summary.audio("sound", np.zeros((2, 100, 1), np.float32), 8000, step=step)
        hp.hparams({"units": 16, "act": "relu"})


def write_tf1(folder: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        number = v1.placeholder(tf.float32, [])
        merged = v1.summary.merge(
            [
                v1.summary.scalar("loss", number),
                v1.summary.scalar("accuracy", number * 2),
                v1.summary.histogram("weights", tf.fill([20], number)),
                v1.summary.image("picture", tf.fill([1, 4, 4, 3], number)),
            ]
        )
        scalars = v1.summary.merge([v1.summary.scalar("lr", number), v1.summary.scalar("momentum", number + 1)])
        for steps in (range(40), range(20, 60)):  # begun again from a checkpoint
            writer = v1.summary.FileWriter(str(folder), graph, filename_suffix=f".{steps[0]}")
            writer.add_session_log(v1.SessionLog(status=SessionLog.START), steps[0])
            for step in steps:
                writer.add_summary(session.run(scalars, {number: step / 7}), step)
                if step % 10 == 0:
                    writer.add_summary(session.run(merged, {number: step / 3}), step)
            writer.close()


def found_by_tensorboard(folder: Path) -> dict[str, Any]:
    """Return what EventAccumulator finds: {"scalars": {tag: points}, "media": {tag: [[step, SHA-1], ...]}}."""
    kinds = ("scalars", "tensors", "images", "audio", "histograms", "compressedHistograms")
    reader = EventAccumulator(str(folder), dict.fromkeys(kinds, 0), purge_orphaned_data=False)
    reader.Reload()
    tags = reader.Tags()
    scalars = {tag: [[e.step, e.wall_time, e.value] for e in reader.Scalars(tag)] for tag in tags["scalars"]}
    media: dict[str, list[list[Any]]] = {}

    def add(tag: str, step: int, *contents: bytes) -> None:
        media.setdefault(tag, []).extend([step, hashlib.sha1(content).hexdigest()] for content in contents)

    for tag in tags["tensors"]:
        known = reader.summary_metadata.get(tag)
        plugin = known.plugin_data.plugin_name if known else ""
        for event in reader.Tensors(tag):
            array = tf.make_ndarray(event.tensor_proto)
            if array.ndim == 0 and array.dtype != object:
                scalars.setdefault(tag, []).append([event.step, event.wall_time, float(array)])
            elif plugin in ("images", "audio", "text"):
                strings = list(event.tensor_proto.string_val)
                add(tag, event.step, *{"images": strings[2:], "audio": strings[::2], "text": strings}[plugin])
            elif plugin in ("histograms", "pr_curves"):
                add(tag, event.step, array.astype("<f8").tobytes())
    for tag in tags["images"]:
        for event in reader.Images(tag):
            add(tag, event.step, event.encoded_image_string)
    for tag in tags["histograms"]:
        for event in reader.Histograms(tag):
            found = event.histogram_value
            inner = found.bucket_limit[:-1]
            table = np.array([[found.min, *inner], [*inner, found.max], found.bucket])
            add(tag, event.step, table.T.tobytes())
    return {"scalars": scalars, "media": media}


def main(folder: Path) -> None:
    write_pytorch(folder / "pytorch")
    write_tensors(folder / "tensors")
    write_many_tags(folder / "many_tags")
    write_tf2(folder / "tf2")
    write_tf1(folder / "tf1")
    runs = sorted({path.parent for path in folder.rglob("*tfevents*")})
    found = {run.relative_to(folder).as_posix(): found_by_tensorboard(run) for run in runs}
    (folder / "expected.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
