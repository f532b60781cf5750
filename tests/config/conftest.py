from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from app.config.checking import check
from app.config.documents import read_document
from app.resources import resource

EXAMPLE = resource("experiments", "boston_housing.json")


@pytest.fixture
def document() -> dict[str, Any]:
    """The example config that ships with Trackside."""
    return copy.deepcopy(read_document(EXAMPLE))


@pytest.fixture
def problems_of(document: dict[str, Any]) -> Callable[..., dict[str, str]]:
    """Return the problems of the example after values were set, as message and valid values by path."""

    def problems(**changes: Any) -> dict[str, str]:
        for path, value in changes.items():
            *parents, last = path.split("__")
            at: Any = document
            for key in parents:
                at = at[int(key)] if isinstance(at, list) else at.setdefault(key, {})
            at[int(last) if isinstance(at, list) else last] = value
        return {problem.path: f"{problem.message} | {problem.valid}" for problem in check(document)}

    return problems
