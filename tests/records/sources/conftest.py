"""Event files of real writers, written once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class EventLogdir:
    """A logdir, and what TensorBoard's own reader finds in each of its runs."""

    path: Path
    expected: dict[str, Any]


@pytest.fixture(scope="session")
def event_logdir(tmp_path_factory: pytest.TempPathFactory) -> EventLogdir:
    folder = tmp_path_factory.mktemp("logdir")
    command = [sys.executable, "-m", "tests.records.sources.event_writers", str(folder)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    expected = folder / "expected.json"
    found = json.loads(expected.read_text(encoding="utf-8"))
    expected.unlink()
    return EventLogdir(folder, found)
