from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.records import files
from app.records.layout import ExecutionFolder, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.at(tmp_path)


@pytest.fixture
def execution(workspace: Workspace) -> ExecutionFolder:
    return workspace.new_execution("Boston Housing", "boston_housing")


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object]], None]:
    """Wait for a condition; the limit is there only for a test that fails."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "this never came true"
            time.sleep(0.01)

    return wait


@pytest.fixture
def no_space_beside() -> Callable[[Path], None]:
    """Let the disk be full for every new file that is to replace this one: the kernel itself says so."""

    def fill(path: Path) -> None:
        latest = next(files._counter)
        for number in range(latest + 1, latest + 20):
            os.symlink("/dev/full", path.with_name(f".{path.name}.{os.getpid()}.{number}.tmp"))

    return fill
