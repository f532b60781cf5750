"""environment.json: what it takes to know, or repeat, the surroundings of a run."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil

from app.records.processes import host_name

_MAX_DIFF_BYTES = 1_000_000
_GIT_SECONDS = 10.0
#: Variables of the environment whose values are secrets by the look of their names.
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)", re.IGNORECASE)
_SECRET_ASSIGNMENT = re.compile(
    r"(?i)((?:api_?key|token|secret|passw(?:or)?d)[\"']?\s*[:=]\s*)([\"']?)([^\s\"',}]{4,})(\2)"
)
_SHORTEST_SECRET = 8


def installed_packages() -> dict[str, str]:
    """Return name -> version of every distribution that this interpreter sees. Takes a tenth of a second or more."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found[name] = distribution.version
    return dict(sorted(found.items(), key=lambda item: item[0].casefold()))


def describe_platform(versions: Mapping[str, str] | None = None, gpus: Iterable[str] = ()) -> dict[str, Any]:
    """Return what metrics.json says of the machine: CPU, memory (bytes), GPUs, OS, Python and library versions."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "node": host_name(),
        "cpu": {
            "brand": _cpu_brand(),
            "cores": psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
            "threads": psutil.cpu_count() or 1,
        },
        "memory": psutil.virtual_memory().total,
        "gpu": [{"name": name} for name in gpus],
        "python_version": platform.python_version(),
        "python_compiler": platform.python_compiler(),
        "libraries": dict(versions or {}),
    }


def describe_code(folder: Path) -> dict[str, Any] | None:
    """Return the git commit, branch and uncommitted diff of the code in a folder; None where there is no git.

    The diff is cut at 1 MB, leaves out ``.env*`` files, and what looks like a secret in it is replaced.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    diff = _git(folder, "diff", "--no-color", "--no-ext-diff", "HEAD", "--", ":/", ":(exclude,top,glob)**/.env*") or ""
    data = diff.encode("utf-8", "replace")
    return {
        "commit": commit.strip(),
        "branch": (_git(folder, "rev-parse", "--abbrev-ref", "HEAD") or "").strip() or None,
        "dirty": bool(diff),
        "diff": hide_secrets(data[:_MAX_DIFF_BYTES].decode("utf-8", "ignore")),
        "diff_cut": len(data) > _MAX_DIFF_BYTES,
    }


def hide_secrets(text: str, more: Iterable[str] = ()) -> str:
    """Return a text with secrets replaced by ``<secret>``.

    Replaced are the values of secret-looking variables of the environment, what is assigned to secret-looking names,
    and the values in ``more``.
    """
    values = [value for name, value in os.environ.items() if _SECRET_NAME.search(name) and "PATH" not in name]
    for value in sorted([*values, *more], key=len, reverse=True):
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "<secret>")
    return _SECRET_ASSIGNMENT.sub(r"\1\2<secret>\4", text)


def describe_python() -> dict[str, Any]:
    """Return which Python runs here and where."""
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "prefix": sys.prefix,
    }


def _cpu_brand() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git(folder: Path, *arguments: str) -> str | None:
    # Settings of the user's that run programs (external diffs, fsmonitor) have no business here.
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.quotepath=off", *arguments]
    try:
        result = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=_GIT_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.decode("utf-8", "replace") if result.returncode == 0 else None
