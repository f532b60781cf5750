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
#: What is assigned to a name that looks like a secret's, in code (with or without a type), JSON, YAML or a command.
_SECRET_ASSIGNMENT = re.compile(
    r"""((?:(?:api|access|secret|private|auth)[-_]?key|token|secret|passw(?:or)?d|credentials?)\\?["']?
         (?:[ \t]*:[ \t]*[\w.\[\]| ]{1,40}?(?=[ \t]*=))?[ \t]*[:=][ \t]*)
        (?:(\\?["'])(?:(?!\2)(?:\\.|[^\n])){4,}\2|[^\s"',}]{4,})""",
    re.IGNORECASE | re.VERBOSE,
)
_SECRET_IN_ADDRESS = re.compile(r"(?<=://)([^/\s:@]*):[^/\s:@]+@")
_SHORTEST_SECRET = 8
#: No secret that the cut of a diff could go through is longer.
_LONGEST_SECRET = 4096
#: Every file and folder whose name begins with ".env", at any depth.
_NO_ENV_FILES = (":(exclude,top,glob,icase)**/.env*", ":(exclude,top,glob,icase)**/.env*/**")


def installed_packages() -> dict[str, str]:
    """Return name -> version of every distribution that this interpreter sees. Takes a tenth of a second or more."""
    found = {}
    for distribution in importlib.metadata.distributions():
        if "Name" in distribution.metadata:  # a package that is being removed has none
            found[distribution.metadata["Name"]] = distribution.version
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
    """Return the git commit, branch and uncommitted diff of the code in a folder; None where there is no commit.

    The branch is None where none is checked out. The diff is cut at 1 MB, leaves out ``.env*`` files, and what looks
    like a secret in it is replaced.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    # With these options git runs no program of the user's: no external diff, no converter to text.
    diff = _git(folder, "diff", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD", "--", ":/", *_NO_ENV_FILES)
    text = (diff or b"")[: _MAX_DIFF_BYTES + _LONGEST_SECRET].decode("utf-8", "replace")
    branch = _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    return {
        "commit": commit.decode().strip(),
        "branch": None if branch is None else branch.decode("utf-8", "replace").strip(),
        "dirty": bool(diff),
        "diff": hide_secrets(text).encode()[:_MAX_DIFF_BYTES].decode("utf-8", "ignore"),
        "diff_cut": len(diff or b"") > _MAX_DIFF_BYTES,
    }


def hide_secrets(text: str, more: Iterable[str] = ()) -> str:
    """Return a text with secrets replaced by ``<secret>``.

    Replaced are the values of secret-looking variables of the environment, what is assigned to secret-looking names,
    passwords in addresses, and the values in ``more``.
    """
    values = [value for name, value in os.environ.items() if _SECRET_NAME.search(name) and "PATH" not in name]
    for value in sorted([*values, *more], key=len, reverse=True):
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "<secret>")
    text = _SECRET_IN_ADDRESS.sub(r"\1:<secret>@", text)
    return _SECRET_ASSIGNMENT.sub(lambda match: f"{match[1]}{match[2] or ''}<secret>{match[2] or ''}", text)


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


def _git(folder: Path, *arguments: str) -> bytes | None:
    # No monitor of the user's is started for this, and no lock taken that the user's own git would wait for.
    options = ("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotepath=off")
    command = ["git", *options, *arguments]
    try:
        result = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=_GIT_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout if result.returncode == 0 else None
