"""Loading a dataset in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.engine.datasets import load_dataset
from app.engine.ending import TrainingError
from app.engine.samples import Samples

Load = Callable[..., Samples]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return what loads a dataset by its name and parameters."""

    def loaded(name: str, **parameters: Any) -> Samples:
        values = {key: str(value) if isinstance(value, Path) else value for key, value in parameters.items()}
        return load_dataset(name, values, tmp_path / "cache")

    return loaded


@pytest.fixture
def refusal(load: Load) -> Callable[..., str]:
    """Return what loads a dataset that cannot be loaded, and gives the sentence that says why."""

    def refused(name: str, **parameters: Any) -> str:
        with pytest.raises(TrainingError) as caught:
            load(name, **parameters)
        return str(caught.value)

    return refused
