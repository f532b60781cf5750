"""What every test stands on: nothing of the user's own settings, and no network because a variable is set."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

# A slow machine is no reason to fail, and a failure must come again on the next machine.
hypothesis.settings.register_profile("trackside", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("trackside")

#: What trackers read from a shell.
TRACKER_VARIABLES = ("COMET_", "MLFLOW_", "TENSORBOARD_", "WANDB_")


@pytest.fixture(scope="session", autouse=True)
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let this process and its children see empty settings, an empty keyring and no tracker's variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(TRACKER_VARIABLES)]:
            patch.delenv(name)
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        yield
