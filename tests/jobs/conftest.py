from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.records.layout import Workspace
from app.records.live import LiveRun
from tests.running import Spares, end_all_runs, example, start, wait_for_mirrors


@pytest.fixture(scope="session")
def spares() -> Iterator[Spares]:
    shelf = Spares()
    yield shelf
    shelf.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace.at(tmp_path / "workspace")
    yield workspace
    end_all_runs(workspace)


@pytest.fixture(scope="session")
def finished(spares: Spares, tmp_path_factory: pytest.TempPathFactory) -> LiveRun:
    """The example, with Comet too, trained to its end."""
    workspace = Workspace.at(tmp_path_factory.mktemp("finished"))
    document = example(
        tracking__trackers=[{"type": "tensorboard"}, {"type": "mlflow"}, {"type": "comet_ml"}],
        experiment__tags=["first", "tabular"],
    )
    return wait_for_mirrors(start(document, workspace, spares.take()))
