"""The backend of this process: quiet, imported ahead, set up as the config's session says."""

from __future__ import annotations

import importlib
import logging
import os
import warnings

from app.config.models import SessionConfig
from app.engine.ending import TrainingError
from app.records.log import logger

log = logger("Main")


def quiet_backend() -> None:
    """Ask TensorFlow to keep its greetings to itself; before it is imported.

    Errors stay. So do a few lines (oneDNN, CUDA that is not there) that it prints before it reads any setting.
    """
    # Whatever the user's shell or keras.json says: the session, the seeds and the errors here are TensorFlow's.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def import_backend() -> dict[str, str]:
    """Import all that a training needs, running no op; return the libraries' versions."""
    import h5py
    import keras
    import numpy
    import sklearn
    import tensorflow

    # What a first training would otherwise import while somebody waits for it.
    for module in ("sklearn.datasets", "sklearn.preprocessing", "skops.io", "app.engine.trainer"):
        importlib.import_module(module)
    return {
        "tensorflow": tensorflow.__version__,
        "keras": keras.__version__,
        "numpy": numpy.__version__,
        "h5py": h5py.__version__,
        "scikit-learn": sklearn.__version__,
    }


def gpu_names() -> list[str]:
    """Return the names of the GPUs that TensorFlow sees; it initialises no device."""
    import tensorflow

    details = tensorflow.config.experimental.get_device_details
    return [
        str(details(device).get("device_name", device.name))
        for device in tensorflow.config.list_physical_devices("GPU")
    ]


def apply_session(session: SessionConfig) -> str:
    """Set up device, memory and cores before the first op, on the thread that trains; return the device in a word.

    ``num_cores`` is how many threads one op has; how many ops run side by side is left to TensorFlow.

    Raises:
        TrainingError: the session asks for a device that is not there.
    """
    import keras
    import tensorflow

    # Progress bars and the like are no lines of a log. Keras keeps this for each thread.
    keras.config.disable_interactive_logging()
    gpus = tensorflow.config.list_physical_devices("GPU")
    if session.device == "gpu" and not gpus:
        raise TrainingError(
            "session.device: gpu, but TensorFlow sees no GPU here; use cpu, or install the driver and "
            "tensorflow[and-cuda] ('trackside doctor' tells what is missing)"
        )
    if session.device == "cpu":
        tensorflow.config.set_visible_devices([], "GPU")
        gpus = []
    if session.options.allow_memory_growth:
        for gpu in gpus:
            tensorflow.config.experimental.set_memory_growth(gpu, True)
    if session.options.num_cores:
        tensorflow.config.threading.set_intra_op_parallelism_threads(session.options.num_cores)
    device = "gpu" if gpus else "cpu"
    log.debug("Device: %s%s", device, "".join(f" {gpu.name}" for gpu in gpus))
    return device


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
