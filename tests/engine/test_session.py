"""The backend of a process, as the config's session wants it."""

from __future__ import annotations

import os

import pytest
import tensorflow

from app.config.models import SessionConfig
from app.engine.ending import TrainingError
from app.engine.session import apply_session, choose_backend, gpu_names


def test_keras_runs_on_what_the_session_says_whatever_the_shell_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    choose_backend(SessionConfig())
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"  # who wants to hear everything, does


@pytest.mark.skipif(bool(tensorflow.config.list_physical_devices("GPU")), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_an_error_that_says_what_to_do() -> None:
    assert gpu_names() == []
    with pytest.raises(TrainingError, match=r"^session\.device: gpu, but tensorflow sees no GPU here; use cpu, or"):
        apply_session(SessionConfig(device="gpu"))
    assert apply_session(SessionConfig()) == "cpu"
