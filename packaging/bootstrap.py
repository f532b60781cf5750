"""Builds ``.venv`` with everything Trackside needs: ``python3 packaging/bootstrap.py --for run|test``.

Runs with any Python from 3.8 on and the standard library alone. What is there is kept: a second call only looks, a call
after an interrupted one goes on. See docs/decisions/0002-one-set-up-program.md.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional

import system

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
CONSTRAINTS = "packaging/constraints.txt"
STAMP = VENV / "trackside.json"
SUPPORTED = ("3.13", "3.12", "3.11")
EXAMPLE = " main.py train resources/experiments/boston_housing.json --workspace workspace\n"

WHERE_TO_GET_PYTHON = """\
  Debian 12+, Ubuntu 24.04+:  sudo apt-get install -y python3 python3-venv
  Fedora:                     sudo dnf install -y python3.13
  macOS:                      brew install python@3.13
  Windows:                    winget install Python.Python.3.13
  with pyenv:                 pyenv install 3.13"""


class SetupProblem(Exception):
    """The set-up cannot go on; the text says why and what to do."""


class Interpreter(NamedTuple):
    """A Python that was found: its path, "3.11" and the like, and whether it can make environments."""

    path: str
    version: str
    makes_venvs: bool


def main(argv: Optional[List[str]] = None) -> int:
    """Set up and return the exit status: 0, 1 when something is missing, 130 when interrupted."""
    parser = argparse.ArgumentParser(description="Build .venv with everything Trackside needs.")
    parser.add_argument("--for", dest="purpose", choices=("run", "test"), default="run", help="default: run")
    purpose = parser.parse_args(argv).purpose
    try:
        set_up(purpose)
    except (SetupProblem, system.SystemProblem) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def set_up(purpose: str) -> None:
    """Provide system libraries, environment and packages, each only where it is missing.

    Raises:
        SetupProblem: no fitting Python, or the packages could not be installed.
        system.SystemProblem: system libraries are missing and this user may not install them.
    """
    needs = system.missing(purpose)
    ready = is_ready(purpose)
    if ready and not needs:
        return
    python = None
    if not ready and not is_usable():
        python = find_python()
        if not python.makes_venvs:
            needs.append(system.venv_module(python.path, python.version))
    if needs:
        system.provide(needs)
    if python is not None:
        make_environment(python)
    if not ready:
        install(purpose)
        write_stamp(purpose)
    print("Everything is in place. To train the example:\n\n  " + str(PYTHON.relative_to(ROOT)) + EXAMPLE, flush=True)


def is_ready(purpose: str) -> bool:
    """Tell whether ``.venv`` was completed for this purpose from the same files, in the same place."""
    stamp = read_stamp()
    return PYTHON.exists() and stamp.get("for") in (purpose, "test") and stamp.get("key") == key()


def read_stamp() -> dict:
    """Return what the last completed set-up noted, or nothing."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(purpose: str) -> None:
    """Note that ``.venv`` is complete for this purpose."""
    STAMP.write_text(json.dumps({"root": str(ROOT), "for": purpose, "key": key()}), encoding="utf-8")


def key() -> str:
    """Return a hash of all that decides what ``.venv`` must hold: the place, the requirements, its Python."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (ROOT / "pyproject.toml", ROOT / "setup.py", ROOT / CONSTRAINTS, VENV / "pyvenv.cfg"):
        digest.update(path.read_bytes() if path.exists() else b"")
        digest.update(b"\0")
    return digest.hexdigest()


def is_usable() -> bool:
    """Tell whether there is an environment to install into: it runs, has pip, fits, and was not moved."""
    if read_stamp().get("root", str(ROOT)) != str(ROOT):
        return False  # its programs name the folder that it was made in
    found = probe(str(PYTHON))
    return found is not None and found.version in SUPPORTED and succeeds([str(PYTHON), "-m", "pip", "--version"])


def find_python() -> Interpreter:
    """Return the Python to build the environment with: this one if it fits, else the first that does.

    Raises:
        SetupProblem: there is none.
    """
    fitting = []
    for path in candidates():
        found = probe(path)
        if found is not None and found.version in SUPPORTED:
            if found.makes_venvs:
                return found
            fitting.append(found)
    if fitting:
        return fitting[0]
    raise SetupProblem(
        "Trackside needs Python 3.11, 3.12 or 3.13 and found none on this computer (this is "
        + sys.version.split()[0]
        + ").\nInstall one, then run the same command again:\n\n"
        + WHERE_TO_GET_PYTHON
    )


def candidates() -> Iterator[str]:
    """Yield the Pythons of this computer, the one that runs this file first, so that a user can choose."""
    yield getattr(sys, "_base_executable", None) or sys.executable
    for name in [*("python" + version for version in SUPPORTED), "python3"]:
        path = shutil.which(name)
        if path is not None:
            yield path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in SUPPORTED:
        for path in sorted(pyenv.glob("versions/" + version + ".*/bin/python")):
            yield str(path)


def probe(path: str) -> Optional[Interpreter]:
    """Ask an interpreter for its version; None if it does not run (a shim without a version, a broken link)."""
    question = (
        "import importlib.util as u, sys; print('%d.%d' % sys.version_info[:2], u.find_spec('ensurepip') is not None)"
    )
    try:
        # Not in the checkout: an environment's own modules must answer, not files that lie here.
        answer = subprocess.run(
            [path, "-I", "-c", question], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    version, makes_venvs = answer.stdout.decode().split()
    return Interpreter(path, version, makes_venvs == "True")


def make_environment(python: Interpreter) -> None:
    """Make ``.venv`` anew; one that is broken, moved or of another Python is replaced.

    Raises:
        SetupProblem: Python could not make it.
    """
    if VENV.is_symlink():
        print(".venv is a link to an environment of another folder; the link is replaced, what it leads to is left.")
        VENV.unlink()  # "venv --clear" would empty what it leads to
    elif VENV.exists():
        print(".venv cannot be used (broken, moved, or of another Python) and is made anew.", flush=True)
    print("Making .venv with Python " + python.version + " (" + python.path + ").", flush=True)
    if not succeeds([python.path, "-m", "venv", "--clear", str(VENV)], quiet=False):
        raise SetupProblem(python.path + " could not make " + str(VENV) + "; the lines above say why.")


def install(purpose: str) -> None:
    """Install Trackside and its libraries, in the versions that packaging/constraints.txt names.

    Raises:
        SetupProblem: neither uv nor pip could.
    """
    print("Installing what .venv lacks of Trackside's libraries (about 3 GB in all).", flush=True)
    wanted = ["-c", CONSTRAINTS, "-e", ".[dev]" if purpose == "test" else "."]
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    if succeeds([*pip, "--quiet", "-c", CONSTRAINTS, "uv"], quiet=False):
        uv = [str(PYTHON), "-m", "uv", "pip", "install", "--python", str(PYTHON), "--build-constraints", CONSTRAINTS]
        # Compiled now, as pip does by itself. Left to the first import, the first window and the first training wait
        # for it, and all of them do where nothing may be written then (PYTHONDONTWRITEBYTECODE, another user's folder):
        # importing TensorFlow takes 20 s instead of 8 s, MLflow 8 s instead of 3 s.
        if succeeds([*uv, "--compile-bytecode", *wanted], quiet=False):
            return
    print("uv did not do it (see above). Trying pip, which takes some minutes.", flush=True)
    if not succeeds([*pip, *wanted], quiet=False):
        raise SetupProblem(
            "The libraries could not be installed; the lines above say why. Is there a network, and room on the disk?\n"
            "The same command goes on from here: what was installed is kept."
        )


def succeeds(command: List[str], quiet: bool = True) -> bool:
    """Run a command in the checkout and tell whether it went well."""
    output = subprocess.DEVNULL if quiet else None
    try:
        done = subprocess.run(
            command, cwd=str(ROOT), stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
