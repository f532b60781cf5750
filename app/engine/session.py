"""The session of this process: its backend, imported ahead, set up as the config says."""

from __future__ import annotations

import importlib
import logging
import os
import warnings

from app.config.models import SessionConfig
from app.engine.backends import BACKENDS, DEFAULT, Backend
from app.engine.ending import TrainingError
from app.records.log import logger

log = logger("Main")


def choose_backend(session: SessionConfig) -> None:
    """Say, before Keras is imported, what it computes with: whatever the user's shell or keras.json says."""
    name = session.backend or DEFAULT
    os.environ["KERAS_BACKEND"] = name
    BACKENDS[name].prepare(session)


def import_backend() -> dict[str, str]:
    """Import all that a training needs, running no op; return the libraries' versions.

    Raises:
        ModuleNotFoundError: one of them is not installed.
    """
    names = {"h5py": "h5py", "keras": "keras", "numpy": "numpy", "sklearn": "scikit-learn"}
    backend = os.environ["KERAS_BACKEND"]
    versions = {
        distribution: str(importlib.import_module(module).__version__)
        for module, distribution in {backend: backend, **names}.items()
    }
    # What a first training would otherwise import while somebody waits for it.
    for module in ("sklearn.datasets", "sklearn.preprocessing", "skops.io", "app.engine.trainer"):
        importlib.import_module(module)
    return versions


def gpu_names() -> list[str]:
    """Return the names of the GPUs that the backend sees."""
    return _backend()[1].gpu_names()


def apply_session(session: SessionConfig) -> str:
    """Set up device, memory, cores and ops before the first op, on the thread that trains; return the device in a word.

    Raises:
        TrainingError: the session asks for what is not there.
    """
    import keras

    # Progress bars and the like are no lines of a log. Keras keeps this for each thread.
    keras.config.disable_interactive_logging()
    name, backend = _backend()
    if name != (session.backend or DEFAULT):
        raise TrainingError(f"session.backend: {session.backend or DEFAULT}, but this process has started with {name}")
    gpus = gpu_names()
    if session.device == "gpu" and not gpus:
        raise TrainingError(
            f"session.device: gpu, but {name} sees no GPU here; use cpu, or install the driver and {name} with support "
            "for it ('trackside doctor' tells what is missing)"
        )
    backend.apply(session)
    device = "gpu" if gpus and session.device != "cpu" else "cpu"
    log.debug("Backend: %s; device: %s%s", name, device, f" ({', '.join(gpus)})" if device == "gpu" else "")
    return device


def _backend() -> tuple[str, Backend]:
    import keras

    name = keras.config.backend()
    return name, BACKENDS[name]


def route_python_messages(handler: logging.Handler) -> None:
    """Send what any library logs or warns to one handler, and nowhere else."""
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("trackside").setLevel(logging.DEBUG)
    for name in ("absl", "tensorflow"):
        chatty = logging.getLogger(name)
        chatty.handlers[:] = []
        chatty.propagate = True
    logging.captureWarnings(True)
    warnings.simplefilter("default")
