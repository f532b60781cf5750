"""What a user sets once for all workspaces of a machine, in ``settings.json`` of the user's own config folder."""

from __future__ import annotations

import os
from pathlib import Path

from app.config.checking import schema_problems
from app.config.documents import read_document
from app.config.models import ConfigModel
from app.config.places import replace_user_file, user_folder
from app.config.problems import ConfigError, Problem
from app.config.validation import Field


def default_slots() -> int:
    """Return how many runs may train at once: 1 up to 4 cores, else a quarter of the cores."""
    return max(1, (os.cpu_count() or 1) // 4)


class Settings(ConfigModel):
    """The settings of a user."""

    slots: int = Field(
        default_factory=default_slots, ge=1, title="Slots", description="How many runs may train at the same time."
    )


def settings_file() -> Path:
    """Return where the settings are."""
    return user_folder() / "settings.json"


def load_settings() -> tuple[Settings, list[Problem]]:
    """Return the settings, and what is wrong with their file; a setting that is wrong or absent has its default."""
    file = settings_file()
    if not file.exists():
        return Settings(), []
    try:
        document = read_document(file)
    except ConfigError as error:
        return Settings(), error.problems
    problems = schema_problems(document, Settings)
    wrong = {problem.path.partition(".")[0] for problem in problems}
    return Settings.model_validate({key: value for key, value in document.items() if key not in wrong}), problems


def save_settings(settings: Settings) -> None:
    """Replace the settings' file atomically; its folder is made if there is none. OSError if it cannot be written."""
    replace_user_file(settings_file(), settings.model_dump_json(indent=2) + "\n")
