"""The example's mirrors, read by our own readers of other programs' records, beside the execution that they mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.records.layout import Workspace
from app.records.live import LiveRun
from app.records.sources.base import RunRecord, Source
from app.records.sources.comet import CometArchives
from app.records.sources.executions import Executions
from app.records.sources.mlflow_files import MLflowFiles
from app.records.sources.tensorboard import TensorBoardSource

MIRRORS = {"tensorboard": TensorBoardSource, "mlruns": MLflowFiles, "comet": CometArchives}


def only_run(source: Source) -> RunRecord:
    scan = source.scan({})
    (key,) = scan.changed
    record = source.read(key)
    assert (scan.problems, record.problems) == ((), ())
    return record


@pytest.fixture(params=MIRRORS)
def mirror(finished: LiveRun, request: pytest.FixtureRequest) -> Source:
    folder: Path = finished.folder.trackings / request.param
    return MIRRORS[request.param](folder)


@pytest.fixture(scope="module")
def own(finished: LiveRun) -> Source:
    return Executions(Workspace.around(finished.folder.path).root)


def test_every_metric_reads_back_as_the_execution_has_it(own: Source, mirror: Source) -> None:
    ours, theirs = only_run(own), only_run(mirror)
    assert len(ours.metrics) == 6
    assert theirs.metrics.keys() == ours.metrics.keys()
    for name, summary in ours.metrics.items():
        points, mirrored = own.series(ours.key, name), mirror.series(theirs.key, name)
        assert mirrored["value"].tolist() == points["value"].tolist()
        assert mirrored["step"].tolist() == points["step"].tolist()
        assert mirrored["time"] == pytest.approx(points["time"], abs=0.001)
        found = theirs.metrics[name]
        same = ("first", "last", "min", "max", "count", "mean", "trend")
        assert [getattr(found, each) for each in same] == [getattr(summary, each) for each in same]
        # metrics.json counts epochs from 1; a test metric is logged at the step that the training ended with.
        if not name.startswith("test_"):
            assert (found.min_step, found.max_step) == (summary.min_step, summary.max_step)


def test_every_param_reads_back_as_the_execution_has_it(own: Source, mirror: Source) -> None:
    ours, theirs = only_run(own).params, only_run(mirror).params
    logged = {name: value for name, value in ours.items() if not name.startswith(("elapsed.", "env."))}
    assert len(logged) > 30
    if mirror.kind == "tensorboard":
        assert theirs == {}  # it has no place for them
    else:
        assert theirs == logged


def test_every_mirror_tells_whose_it_is_and_how_the_run_ended(own: Source, mirror: Source) -> None:
    ours, theirs = only_run(own), only_run(mirror)
    assert theirs.name == ours.name
    if mirror.kind != "tensorboard":
        assert theirs.state == ours.state
        assert theirs.tags.items() >= ours.tags.items()
