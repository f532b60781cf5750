"""Windows that tell their own times: started on a workspace that nobody has looked at before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from app.records.layout import PRIVATE

_HERE = Path(__file__).parent


def times_told(program: str, *arguments: str, timeout: float = 600) -> dict[str, float]:
    """Start a program of this folder without a screen, and return the times that it prints as its last line.

    Args:
        program: its file.
        arguments: what it does, its workspace, and more; of none a window without a workspace is started.
        timeout: how long it may take (seconds).

    Raises:
        RuntimeError: it told nothing.
    """
    for workspace in arguments[1:2]:
        (Path(workspace) / PRIVATE / "window.json").unlink(missing_ok=True)  # or it would open what it had open
    done = subprocess.run(
        [sys.executable, str(_HERE / program), *arguments],
        env={"QT_QPA_PLATFORM": "offscreen", **os.environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    try:
        told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise RuntimeError(f"{program} {' '.join(arguments)} told nothing: {done.stderr}") from None
    return told
