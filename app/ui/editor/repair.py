"""What one click on the link of a problem does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from app.config.problems import Problem
from app.ui.editor.document import Path, to_path
from app.ui.editor.values import ABSENT, parse

_MEANT = re.compile(r"did you mean (?:'(.+?)'|\"(.+?)\")\?")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def suggestion(problem: Problem) -> Any:
    """Return the one value or name that would put a problem right, ``ABSENT`` where there is a choice."""
    if found := _MEANT.search(problem.message):
        return found[1] or found[2]
    value = parse(problem.valid, "any")
    if isinstance(value, int | float | list):
        return value
    return problem.valid if _NAME.fullmatch(problem.valid) else ABSENT


def is_name(problem: Problem) -> bool:
    """Return whether it is the key that is wrong, not its value."""
    return problem.message.startswith(("no key is called", "no parameter of"))


def repaired(get: Callable[[Path], Any], problem: Problem) -> tuple[Path, Any] | None:
    """Return where to put which value so that the problem is gone, None if nobody knows."""
    value = suggestion(problem)
    path = to_path(problem.path)
    if value is ABSENT or not path:
        return None
    if not is_name(problem):
        return path, value
    owner = get(path[:-1])
    if not isinstance(owner, dict) or value in owner:
        return None
    return path[:-1], {value if key == path[-1] else key: item for key, item in owner.items()}
