"""Leaves runs on disk as the program does, without training anything."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from app.messages import BATCH_PREFIX, POINT
from app.records.events import append_event
from app.records.files import replace_file, to_json
from app.records.layout import ExecutionFolder, Workspace
from app.records.log import append_entry
from app.records.metrics import Metrics
from app.records.processes import Identity
from app.records.series import SeriesFolder
from app.records.status import END_STATES, Status, read_status, write_status

LOSSES: Mapping[str, Sequence[float]] = {
    "loss": (20.0, 12.0, 9.0),
    "val_loss": (22.0, 13.5, 14.0),
    "test_loss": (11.0,),
}
DOCUMENT: dict[str, Any] = {
    "experiment": {"name": "Boston Housing"},
    "model": {
        "input_shape": [13],
        "network": [{"type": "dense", "units": 8, "activation": "relu"}, {"type": "dense", "units": 1}],
        "compilation": {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
    },
    "dataset": {"name": "boston_housing", "transformers": [{"type": "standard_scaler"}]},
    "training": {"samples": {"fit": 0.6, "val": 0.2, "test": 0.2}, "batch_size": 32, "epochs": 3},
    "tracking": {"trackers": [{"type": "tensorboard"}, {"type": "mlflow"}]},
}


def record_run(
    workspace: Workspace,
    state: str = "finished",
    *,
    experiment: str = "Boston Housing",
    metrics: Mapping[str, Sequence[float]] = LOSSES,
    batches: int = 0,
    started: float | None = None,
    seconds: float = 2.5,
    message: str | None = None,
    document: Mapping[str, Any] = DOCUMENT,
) -> ExecutionFolder:
    """Leave a run of one state; ``batches`` is how many optimizer steps an epoch has in its per-batch series.

    An active run has this process as its keeper and worker, so it counts as alive.
    """
    folder = workspace.new_execution(experiment, "boston_housing")
    started = time.time() - 60 if started is None else started
    replace_file(folder.document, to_json(dict(document)))
    replace_file(folder.resolved, to_json(dict(document)))
    folder.commands.mkdir()
    append_entry(folder.log, "INFO", "Trainer", "Building the model")
    if state != "queued":
        log_metrics(folder, metrics, batches=batches, started=started)
    active = Identity.of() if state in ("starting", "running") else None
    begun = None if state == "queued" else started
    write_status(
        folder.status,
        Status(state=state if active else "queued", submitted=started, started=begun, keeper=active, worker=active),
    )
    if state in END_STATES:
        end_run(folder, state, metrics=metrics, ended=started + seconds, message=message, started=started)
    return folder


def log_metrics(
    folder: ExecutionFolder,
    metrics: Mapping[str, Sequence[float]],
    *,
    batches: int = 0,
    started: float = 0.0,
    first_epoch: int = 1,
) -> None:
    """Append epochs to the series and events of a run, one value of each metric an epoch."""
    epochs = max((len(values) for values in metrics.values()), default=0)
    if first_epoch == 1:
        begin = {"time": started, "kind": "stage_begin", "stage": "fit_model", "epochs": epochs}
        append_event(folder.events, begin)
    series = SeriesFolder(folder.series)
    names = list(metrics)
    series.declare([*names, *(BATCH_PREFIX + name for name in names if batches and "_" not in name)])
    for number in range(epochs):
        epoch = first_epoch + number
        for name, values in metrics.items():
            if number < len(values):
                series.append(name, POINT.pack(epoch, started + epoch / 2, values[number]))
                if batches and "_" not in name:
                    rows = (
                        POINT.pack((epoch - 1) * batches + batch, started + epoch / 2, values[number] + batch % 3)
                        for batch in range(1, batches + 1)
                    )
                    series.append(BATCH_PREFIX + name, b"".join(rows))
        event = {"time": started + epoch / 2, "kind": "epoch_end", "epoch": epoch, "step": epoch * max(1, batches)}
        append_event(folder.events, event)
    series.close()


def end_run(
    folder: ExecutionFolder,
    state: str = "finished",
    *,
    metrics: Mapping[str, Sequence[float]] = LOSSES,
    ended: float | None = None,
    message: str | None = None,
    started: float | None = None,
) -> None:
    """End a run: its summary, its last event, its state."""
    ended = time.time() if ended is None else ended
    summary = Metrics()
    for name, values in metrics.items():
        for epoch, value in enumerate(values, 1):
            summary.set(name, epoch, value)
    summary.elapsed["fit_model"] = 2.0
    replace_file(folder.metrics, summary.encode())
    append_event(folder.events, {"time": ended, "kind": "end", "state": state, "reason": None, "message": message})
    status = read_status(folder.status)
    write_status(folder.status, status.change(state=state, ended=ended, message=message, keeper=None, worker=None))
