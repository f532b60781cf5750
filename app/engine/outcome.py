"""How a training ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How a training ended: ``state`` is finished or stopped, ``reason`` early_stopping, user or None."""

    state: str
    reason: str | None = None
    message: str | None = None
