"""The backend of a process, as the config's session wants it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

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


@pytest.mark.parametrize(
    ("session", "variables"),
    [
        (
            {"backend": "jax", "device": "cpu", "options": {"num_cores": 1, "allow_memory_growth": True}},
            {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
        ),
        (
            {"backend": "jax", "options": {"num_cores": 1, "deterministic": True}},
            {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_gpu_deterministic_ops=true"},
        ),
        (
            {"backend": "torch", "device": "cpu", "options": {"deterministic": True}},
            {"KERAS_BACKEND": "torch", "KERAS_TORCH_DEVICE": "cpu", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"},
        ),
    ],
)
def test_what_a_backend_reads_when_it_is_imported_is_there_before(
    session: dict[str, Any], variables: dict[str, str]
) -> None:
    code = """
import json, os, sys
from app.config.models import SessionConfig
from app.engine.session import choose_backend
choose_backend(SessionConfig.model_validate_json(sys.argv[1]))
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
print(json.dumps({"variables": dict(os.environ), "cores": cores, "imported": "keras" in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", code, json.dumps(session)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert not found["imported"]
    assert found["variables"].items() >= variables.items()
    if session["backend"] == "jax":  # which has as many threads as it may use cores
        assert found["cores"] in (1, None)


def test_a_process_that_has_started_with_another_backend_trains_nothing() -> None:
    with pytest.raises(TrainingError, match=r"^session\.backend: jax, but this process has started with tensorflow"):
        apply_session(SessionConfig(backend="jax"))


@pytest.mark.skipif(bool(tensorflow.config.list_physical_devices("GPU")), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_an_error_that_says_what_to_do() -> None:
    assert gpu_names() == []
    with pytest.raises(TrainingError, match=r"^session\.device: gpu, but tensorflow sees no GPU here; use cpu, or"):
        apply_session(SessionConfig(device="gpu"))
    assert apply_session(SessionConfig()) == "cpu"
