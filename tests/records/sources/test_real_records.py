"""Records of other people's programs, read beside the readers of the programs that wrote them."""

from __future__ import annotations

import shutil
import struct
import sys
import types
from pathlib import Path

import pytest

from app.records.sources.mlflow_files import MLflowFiles
from app.records.sources.tensorboard import TensorBoardSource
from app.records.summary import summary_of
from tests.records.sources.event_logs import bits
from tests.records.sources.mlflow_stores import STATES, all_of, as_mlflow_says, find_real_records, history

from mlflow import MlflowClient  # isort: skip

REAL = find_real_records()

pytestmark = pytest.mark.skipif(REAL is None, reason="the records of others are not here")


def names_in(folder: str) -> list[str]:
    return [] if REAL is None else sorted(path.name for path in (REAL / folder).iterdir())


@pytest.mark.parametrize("name", names_in("mlruns"))
def test_a_real_store_reads_as_mlflows_client_has_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert REAL is not None
    store = tmp_path / "mlruns"
    shutil.copytree(REAL / "mlruns" / name, store)  # the client writes there when it opens a store
    source = MLflowFiles(store)
    runs = all_of(source)
    if not runs:
        pytest.skip("there is no run in it, and MLflow's client does not read its experiment any more")
    for record in runs.values():  # git keeps no empty folders, without which a run is none to the client
        for kind in ("metrics", "params", "tags", "artifacts"):
            (record.path / kind).mkdir(exist_ok=True)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(store.as_uri())
    theirs = {run.info.run_id: (experiment, gone, run) for experiment, gone, run in as_mlflow_says(client)}
    assert theirs.keys() <= runs.keys()
    for run_id, (experiment, gone, run) in theirs.items():
        record = runs[run_id]
        assert (record.name, record.experiment) == (run.info.run_name or run_id, experiment)
        assert record.state == STATES[run.info.status]
        assert record.started == run.info.start_time / 1000
        assert record.ended == (None if run.info.end_time is None else run.info.end_time / 1000)
        is_in_trash = record.key.startswith(".trash/")  # where the client takes an experiment for what it was before
        assert record.deleted == (gone or is_in_trash or run.info.lifecycle_stage == "deleted")
        assert {key: str(value) for key, value in record.params.items()} == run.data.params
        assert record.tags == run.data.tags
        assert record.metrics.keys() == run.data.metrics.keys()
        for metric, summary in record.metrics.items():
            points = source.series(record.key, metric)
            ours = [(step, time, repr(value)) for step, time, value in points.tolist()]
            assert ours == history(client, run_id, metric)
            assert repr(summary) == repr(summary_of(points["value"], points["step"]))
    # Of two experiments with one id, one of which was deleted, the client sees the other alone.
    assert all(runs[run_id].key.startswith(".trash/") for run_id in runs.keys() - theirs.keys())


@pytest.mark.parametrize("name", names_in("tfevents"))
def test_a_real_logdir_reads_as_tensorboards_own_reader_has_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert REAL is not None
    # Without it TensorBoard's reader imports TensorFlow, eight seconds for nothing.
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    source = TensorBoardSource(REAL / "tfevents" / name)
    runs = {run.key: run for run in source.read_many(sorted(source.scan({}).changed))}
    assert runs
    for key, run in runs.items():
        theirs: dict[str, list[tuple[int, float, float]]] = {}
        reader = EventAccumulator(str(run.path), {"scalars": 0, "tensors": 0}, purge_orphaned_data=False)
        reader.Reload()
        for tag in reader.Tags()["scalars"]:
            for point in reader.Scalars(tag):
                theirs.setdefault(tag, []).append((point.step, point.wall_time, point.value))
        for tag in reader.Tags()["tensors"]:
            for event in reader.Tensors(tag):
                array = tensor_util.make_ndarray(event.tensor_proto)
                if array.ndim == 0 and array.dtype.kind in "fiub":
                    theirs.setdefault(tag, []).append((event.step, event.wall_time, float(array)))
        assert run.metrics.keys() == theirs.keys()
        for tag, points in theirs.items():
            wanted = [(step, struct.pack("<d", time), struct.pack("<d", value)) for step, time, value in points]
            assert bits(source.series(key, tag)) == wanted
            assert run.metrics[tag].count == len(wanted)
