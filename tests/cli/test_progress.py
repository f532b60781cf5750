"""What is told of a run while somebody waits for it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from app.cli.progress import Progress, _Bar
from app.records.events import append_event
from app.records.layout import ExecutionFolder, Workspace
from app.records.live import LiveRun
from tests.ui.recording import record_run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def folder(tmp_path: Path) -> ExecutionFolder:
    """A run that has begun and noted nothing yet."""
    found = record_run(Workspace.at(tmp_path), "running", metrics={})
    found.events.unlink()
    return found


def note(folder: ExecutionFolder, kind: str, **data: Any) -> None:
    append_event(folder.events, {"time": 1.0, "kind": kind, **data})


def test_the_clock_of_the_bar_starts_with_fitting(folder: ExecutionFolder) -> None:
    run, terminal = LiveRun(folder), Terminal()
    with Progress(terminal) as progress:
        progress.show(run, "queued, next", run.refresh())
        assert "queued, next [" in terminal.getvalue()
        assert "epoch/s" not in terminal.getvalue()
        assert isinstance(progress._shown, _Bar)
        progress._shown._bar.start_t -= 3600  # an hour in the queue
        note(folder, "stage_begin", stage="fit_model", epochs=3)
        note(folder, "epoch_end", epoch=1)
        progress.show(run, "fit model", run.refresh())
    line = terminal.getvalue().rpartition("\r")[2]
    assert "1/3" in line
    assert "1:00:" not in line


def test_without_a_terminal_every_epoch_is_told_of_before_what_follows(folder: ExecutionFolder) -> None:
    run, file = LiveRun(folder), io.StringIO()
    with Progress(file) as progress:
        note(folder, "stage_begin", stage="fit_model", epochs=4)
        note(folder, "epoch_end", epoch=1)
        progress.show(run, "fit model", run.refresh())
        for epoch in (2, 3, 4):
            note(folder, "epoch_end", epoch=epoch)
        note(folder, "stage_end", stage="fit_model")
        note(folder, "stage_begin", stage="evaluate_model")
        progress.show(run, "evaluate model", run.refresh())
    lines = [line.strip() for line in file.getvalue().splitlines()]
    assert lines == ["fit model", "epoch 1/4", "epochs 2-4/4", "evaluate model"]
