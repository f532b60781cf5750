"""The command line in this process, and a workspace with runs of every kind that its readers know."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.cli import main
from app.records.files import to_json
from app.records.layout import ExecutionFolder, Workspace
from app.records.metrics import Metrics
from app.records.series import POINT_DTYPE, SeriesFolder
from app.records.status import Status, write_status
from tests.records.sources.event_logs import age, log

STARTED = 1_750_000_000.0
MLFLOW_RUN = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The value that it printed."""
        return json.loads(self.out)


Ask = Callable[..., Answer]


@pytest.fixture
def ask(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Give a command to the command line, for the workspace."""

    def give(*arguments: str | Path) -> Answer:
        capsys.readouterr()
        status = main([*map(str, arguments), "--workspace", str(workspace)])
        return Answer(status, *capsys.readouterr())

    return give


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


def write_execution(workspace: Path, number: int, *, state: str = "finished", **status: Any) -> ExecutionFolder:
    """Write an execution as the program does, without training anything."""
    folder = Workspace.at(workspace).new_execution("Boston Housing", "boston_housing")
    metrics = Metrics()
    series = SeriesFolder(folder.series)
    series.declare(["loss", "val_loss"])
    for epoch in range(1, 4):
        for name, value in (("loss", number + 1 / epoch), ("val_loss", number + 2 / epoch)):
            metrics.set(name, epoch, value)
            series.append(name, np.array([(epoch, STARTED + epoch, value)], POINT_DTYPE).tobytes())
    series.close()
    config = {"experiment": {"name": "Boston Housing"}, "training": {"batch_size": 2**number, "epochs": 3}}
    folder.document.write_bytes(to_json(config))
    folder.resolved.write_bytes(to_json({**config, "tracking": {"tags": {"stage": "debug" if number % 2 else "real"}}}))
    folder.metrics.write_bytes(metrics.encode())
    folder.log.write_text("a line\n")
    times: dict[str, Any] = {"submitted": STARTED + number, "started": STARTED + number, "ended": STARTED + number + 60}
    write_status(folder.status, Status(id=f"e{number}-execution", state=state, **times | status))
    return folder


def write_mlflow(store: Path) -> Path:
    """Write a file store with one run; its loss is not a number at the end."""
    run = store / "0" / MLFLOW_RUN
    for kind in ("metrics", "params", "tags", "artifacts"):
        (run / kind).mkdir(parents=True)
    (store / "0" / "meta.yaml").write_text("artifact_location: /somewhere/0\nexperiment_id: '0'\nname: Default\n")
    (run / "meta.yaml").write_text(
        f"experiment_id: '0'\nlifecycle_stage: active\nrun_id: {MLFLOW_RUN}\nrun_uuid: {MLFLOW_RUN}\n"
        "start_time: 1700000001000\nend_time: 1700000002500\nstatus: 3\n"
    )
    (run / "metrics" / "loss").write_text("1700000001000 0.5 0\n1700000001500 inf 1\n1700000002000 nan 2\n")
    (run / "params" / "optimizer").write_text("sgd")
    (run / "tags" / "mlflow.runName").write_text("aged-owl")
    return run


def write_table(path: Path) -> Path:
    """Write a csv log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("epoch,accuracy\n0,0.5\n1,0.75\n")
    return path


@pytest.fixture
def others(workspace: Path) -> None:
    """Runs of other programs in the workspace."""
    write_mlflow(workspace / "mlruns")
    log(workspace / "logs" / "conv", "train/loss", 3.0, 2.0, 1.0)
    write_table(workspace / "tables" / "mine.csv")
    age(workspace)


@pytest.fixture
def executions(workspace: Path) -> list[ExecutionFolder]:
    """Three executions."""
    return [write_execution(workspace, number) for number in range(3)]
