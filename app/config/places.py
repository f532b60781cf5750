"""Where the things are that belong to a user rather than to a workspace."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def user_folder() -> Path:
    """Return the user's own folder of settings; ``TRACKSIDE_CONFIG_DIR`` names another one. It may not exist yet."""
    folder = os.environ.get("TRACKSIDE_CONFIG_DIR") or platformdirs.user_config_dir("trackside", appauthor=False)
    return Path(folder)
