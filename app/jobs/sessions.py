"""What a run's session asks of the process that trains it: which Python, and whether a warm one will do."""

from __future__ import annotations

import sys
from pathlib import Path

from app.config.interpreters import find_interpreter
from app.config.models import SessionConfig
from app.config.validation import ValidationError
from app.records.files import RecordError, read_json
from app.records.layout import ExecutionFolder


def session_of(folder: ExecutionFolder) -> SessionConfig:
    """Return the session of a run; the default one where its config cannot be read, as its worker will say."""
    try:
        return SessionConfig.model_validate(read_json(folder.resolved)["session"])
    except (RecordError, KeyError, TypeError, ValidationError):
        return SessionConfig()


def interpreter_of(session: SessionConfig) -> Path:
    """Return the Python that a session is to be trained with.

    Raises:
        FileNotFoundError: it is not there.
    """
    if session.python is None:
        return Path(sys.executable)
    found = find_interpreter(session.python, Path.cwd())
    if found is None:
        raise FileNotFoundError(f"session.python: there is no interpreter {session.python}")
    return found


def why_cold(session: SessionConfig) -> str | None:
    """Return why a warm worker cannot take a run, None if it can.

    It has imported TensorFlow in our own Python and started no device: all else of a session it can still do.
    """
    if session.python is not None:
        return f"session.python is {session.python}"
    if session.backend not in (None, "tensorflow"):
        return f"session.backend is {session.backend}"
    return None
