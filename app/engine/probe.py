"""Tells as JSON what a worker finds here: Python, the backend's version, GPUs. Run as a process, it takes seconds."""

from __future__ import annotations

import json
import platform
import sys

from app.config.models import SessionConfig
from app.engine.session import choose_backend, gpu_names, import_backend


def main(argv: list[str]) -> int:
    """Print ``{"python", "executable", "versions", "gpus"}``, or ``{"error"}`` and return 1."""
    choose_backend(SessionConfig())
    found: dict[str, object] = {"python": platform.python_version(), "executable": sys.executable}
    try:
        found["versions"] = import_backend()
        found["gpus"] = gpu_names()
    except Exception as error:  # whatever a broken installation raises is the answer
        found["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(found), flush=True)
    return 1 if "error" in found else 0
