"""What the window's process may import: nothing that takes seconds, whatever page is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.records.layout import Workspace
from tests.e2e.conftest import Program
from tests.ui.recording import record_run

HEAVY = (
    "tensorflow keras mlflow comet_ml wandb tensorboard pandas pyarrow sklearn scipy h5py matplotlib pyqtgraph torch"
).split()


def test_the_real_window_has_imported_nothing_heavy(start: Callable[..., Program], tmp_path: Path) -> None:
    workspace = Workspace.at(tmp_path / "lab")
    folder = record_run(workspace, batches=3)
    program = start("open", "--workspace", str(workspace.root))

    row = program.wait_for("Runs")
    program.screen.click(row["x"], row["y"])
    program.until(lambda: program.ask(find="1 run") or program.ask(find="All runs, 1"), "the run in the window")
    program.screen.press("ctrl+n")
    program.wait_for("Config as JSON")
    program.screen.press("ctrl+1")
    program.screen.press("Down", "Return")
    program.wait_for("Finished")
    assert folder.path.is_dir()

    imported = {name.partition(".")[0] for name in program.ask(modules=True)}
    assert imported.isdisjoint(HEAVY)
    assert "PySide6" in imported
