"""Which workspaces may run code of their own.

The list is the user's, in the user's own folder, so no workspace can trust itself; each is known by its real path.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from app.config.own_code import INTERPRETER, OwnUse, own_code_of, source_file
from app.config.places import replace_user_file, user_folder
from app.config.problems import ConfigError, Problem

_LOCK_SECONDS = 10.0


class UntrustedError(ConfigError):
    """A config that names own code, in a workspace that is not trusted; ``uses`` are the places that name it."""

    def __init__(self, uses: list[OwnUse], root: Path) -> None:
        self.uses = uses
        remedy = f"trackside trust {root}, if you know that code"
        super().__init__([Problem(use.path, why_untrusted(use.id, root, use.kind), remedy) for use in uses])


def require_trust(document: Mapping[str, Any], root: Path) -> None:
    """Let a config pass that names no code of the user's own, or is to run in a workspace that is trusted.

    Raises:
        UntrustedError: it names such code, and the user has not said that this workspace may run it.
    """
    uses = own_code_of(document)
    if uses and not is_trusted(root):
        raise UntrustedError(uses, root)


def is_trusted(root: Path) -> bool:
    """Return whether the user trusts a workspace; with a list that cannot be read, none is."""
    return _real(root) in trusted()


def trusted() -> list[str]:
    """Return the real paths of the workspaces that are trusted."""
    try:
        found = json.loads(trust_file().read_text("utf-8"))["workspaces"]
        return [path for path in found if isinstance(path, str)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def trust(root: Path) -> None:
    """Trust a workspace from now on. OSError if that cannot be written down."""
    _change(lambda paths: [*paths, _real(root)])


def distrust(root: Path) -> None:
    """Trust a workspace no longer. OSError if that cannot be written down."""
    _change(lambda paths: [path for path in paths if path != _real(root)])


def why_untrusted(id: str, root: Path, kind: str = "") -> str:
    """Return why own code, or a Python that a config names, does not run in a workspace that is not trusted."""
    if kind == INTERPRETER:
        return f"{id!r} is a program that this config names, and the workspace {root} is not trusted"
    file = source_file(id, root)
    where = file.relative_to(root) if file else "an installed module"
    return f"{id!r} is code of your own ({where}), and the workspace {root} is not trusted"


def trust_file() -> Path:
    """Return where the list is."""
    return user_folder() / "trusted.json"


def _real(root: Path) -> str:
    return os.path.realpath(root.expanduser())


def _change(changed: Callable[[list[str]], list[str]]) -> None:
    file = trust_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock"), timeout=_LOCK_SECONDS):
        paths = sorted(set(changed(trusted())))
        replace_user_file(file, json.dumps({"workspaces": paths}, indent=2) + "\n")
