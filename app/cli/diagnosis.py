"""``trackside doctor``: what is installed, what a worker finds, what is missing and how to get it."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass

from app import __version__
from app.config.settings import load_settings
from app.start import command

_LIBRARIES = (
    "tensorflow",
    "keras",
    "numpy",
    "h5py",
    "scikit-learn",
    "skops",
    "mlflow",
    "tensorboard",
    "comet-ml",
    "pydantic",
    "psutil",
    "PySide6-Essentials",
    "qasync",
)
_PROBE_SECONDS = 120.0
# Opened in a process of its own: a Qt that lacks a library of the system may abort.
_QT_PROBE = """
import json, os
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from PySide6.QtCore import qVersion
from PySide6.QtWidgets import QApplication
application = QApplication([])
print(json.dumps({"qt": qVersion(), "platform": application.platformName()}))
"""


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, what was found, and what to do when that is not right."""

    what: str
    found: str
    remedy: str = ""


def doctor(arguments: argparse.Namespace) -> int:
    """Print the report; 1 when something is missing."""
    findings = [Finding("trackside", __version__), _python(), _slots(), *_versions()]
    if not arguments.json:
        print("Looking at Qt and TensorFlow, which takes some seconds ...", file=sys.stderr)
    findings += [_qt(), _screen(), *_worker()]
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            print(f"{'x' if finding.remedy else ' '} {finding.what:<{width}}  {finding.found}")
            if finding.remedy:
                print(f"  {'':<{width}}  -> {finding.remedy}")
    return 1 if any(finding.remedy for finding in findings) else 0


def _python() -> Finding:
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    remedy = "" if supported else "Trackside is made for Python 3.11 to 3.13; install one of them and run 'make run'"
    return Finding("python", f"{platform.python_version()} ({sys.executable})", remedy)


def _slots() -> Finding:
    settings, problems = load_settings()
    if problems:
        text = "; ".join(str(problem) for problem in problems)
        return Finding("settings", text, "correct the file or remove it; until then the defaults hold")
    return Finding("runs at once", str(settings.slots))


def _versions() -> list[Finding]:
    findings = []
    for name in _LIBRARIES:
        try:
            findings.append(Finding(name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            findings.append(Finding(name, "missing", f"{sys.executable} -m pip install {name}"))
    return findings


def _qt() -> Finding:
    result = _probe([sys.executable, "-P", "-c", _QT_PROBE])
    try:
        found = json.loads(result.stdout.splitlines()[-1])
        return Finding("Qt", f"{found['qt']}")
    except (ValueError, IndexError, KeyError):
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        why = lines[-1] if lines else f"exit code {result.returncode}"
        remedy = "install the system library that is named, or let 'make run' in Trackside's folder install it"
        return Finding("Qt", f"does not start: {why}", remedy)


def _screen() -> Finding:
    if sys.platform != "linux":
        return Finding("screen", "yes")
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    return Finding("screen", display or "none (the command line does not need one)")


def _worker() -> list[Finding]:
    result = _probe(command("app.engine.probe"))
    try:
        found = json.loads(result.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        found = {"error": lines[-1] if lines else f"exit code {result.returncode}"}
    if "error" in found:
        remedy = "let 'make run' in Trackside's folder repair the installation"
        return [Finding("worker", f"cannot import its libraries: {found['error']}", remedy)]
    gpus = found["gpus"]
    without = "none; training runs on the CPU (for an NVIDIA card: its driver and pip install 'tensorflow[and-cuda]')"
    return [Finding("worker", "ready"), Finding("GPU", ", ".join(gpus) or without)]


def _probe(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            arguments, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(arguments, 1, "", str(error))
