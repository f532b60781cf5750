"""Where the things are that belong to a user rather than to a workspace."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs


def user_folder() -> Path:
    """Return the user's own folder of settings; ``TRACKSIDE_CONFIG_DIR`` names another one. It may not exist yet."""
    folder = os.environ.get("TRACKSIDE_CONFIG_DIR") or platformdirs.user_config_dir("trackside", appauthor=False)
    return Path(folder)


def replace_user_file(file: Path, text: str) -> None:
    """Put a file of the user's folder in place at once, making the folder. OSError if it cannot be written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-", suffix=file.suffix)
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise
