"""JSON read a few times faster than the standard library reads it, for sources that have thousands of files of it."""

from __future__ import annotations

import json
from typing import Any


def parse_json(data: bytes) -> Any:
    """Return the value of a JSON text, the same as :func:`json.loads`.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    from pydantic_core import from_json  # a window that is just starting has no time for it

    try:
        return from_json(data)
    except ValueError:  # broken, or one of the few that only the standard library takes: half characters, UTF-16
        pass
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
