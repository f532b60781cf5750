"""Starts one of Trackside's modules in a process of its own: ``python <folder of app>/start.py app.jobs.keeper ARGS``.

``python -m app.jobs.keeper`` would import whatever ``app`` comes first on ``sys.path``: a user's own folder of that
name in the working directory or on PYTHONPATH. This file is run by its path, imports nothing of ours before it has said
which ``app`` is meant, and so works from any folder, with any interpreter, from a checkout as from site-packages.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
#: What a module is installed with, where it has another name.
_PACKAGES = {"PIL": "pillow", "jax": "'jax[cpu]'", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def pin() -> None:
    """Make ``import app`` mean the package this file lies in, whatever ``sys.path`` says and whatever was imported."""
    present = getattr(sys.modules.get("app"), "__file__", None)
    if present is not None and Path(present).resolve().parent == PACKAGE:
        return
    for name in [name for name in sys.modules if name == "app" or name.startswith("app.")]:
        del sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        "app", PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{PACKAGE} is not a package: its __init__.py is missing")
    sys.modules["app"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["app"])


def command(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """Return the command line that starts a module of ours, with this or another interpreter."""
    return [python, str(PACKAGE / "start.py"), module, *arguments]


def main(argv: list[str]) -> int:
    """Import the module that ``argv`` names first and return what its ``main(argv)`` returns for the rest."""
    if sys.version_info < (3, 11):  # noqa: UP036 - a worker's interpreter is the user's choice
        return _refuse(f"Trackside needs Python 3.11 or later; {sys.executable} is {sys.version.split()[0]}")
    if not argv or not argv[0].startswith("app."):
        return _refuse(f"usage: {Path(__file__).name} app.<room>.<module> [ARGUMENT ...]")
    # Python puts the folder of the file it runs first: app/messages.py would be importable as ``messages``.
    if sys.path and Path(sys.path[0]).resolve() == PACKAGE:
        del sys.path[0]
    pin()
    try:
        result: int = importlib.import_module(argv[0]).main(argv[1:])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "app":
            raise
        package = _PACKAGES.get(error.name.partition(".")[0], error.name)
        install = f"{sys.executable} -m pip install {package}"
        return _refuse(f"{sys.executable} has no module {error.name}, which Trackside needs there: {install}")
    return result


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
