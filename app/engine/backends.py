"""What Keras computes with, one class for each: the only place where a backend is spoken to but through Keras.

Each is asked three things in this order. ``prepare`` says before the import what a backend reads from the environment.
``gpu_names`` lists devices. ``apply`` does, before the first op, what can be done once it is imported. TensorFlow takes
all of a session then, so that a process that has imported it can wait for any; JAX and PyTorch want some of it before.
"""

from __future__ import annotations

import os
from typing import Protocol

from app.config.models import SessionConfig
from app.engine.ending import TrainingError


class Backend(Protocol):
    """One of the libraries that Keras computes with.

    Attributes:
        needs: the package to install, as pip names it.
    """

    needs: str

    def prepare(self, session: SessionConfig) -> None:
        """Set what it reads when it is imported."""

    def gpu_names(self) -> list[str]:
        """Return the names of the GPUs that it sees."""

    def apply(self, session: SessionConfig) -> None:
        """Do the rest of what a session says.

        Raises:
            TrainingError: it cannot be done here.
        """


class TensorFlow:
    """TensorFlow; its greetings are kept quiet, but for a few lines that it prints before it reads any setting."""

    needs = "tensorflow"

    def prepare(self, session: SessionConfig) -> None:
        """Set how much it says; all else can wait."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

    def gpu_names(self) -> list[str]:
        """Return the GPUs' names; no device is initialised for that."""
        import tensorflow

        details = tensorflow.config.experimental.get_device_details
        return [
            str(details(gpu).get("device_name", gpu.name)) for gpu in tensorflow.config.list_physical_devices("GPU")
        ]

    def apply(self, session: SessionConfig) -> None:
        """Choose devices, memory, threads and ops: ``num_cores`` threads within an op, and as many ops at once."""
        import tensorflow

        options, config = session.options, tensorflow.config
        if session.device == "cpu":
            config.set_visible_devices([], "GPU")
        for gpu in config.get_visible_devices("GPU") if options.allow_memory_growth else ():
            config.experimental.set_memory_growth(gpu, True)
        if options.num_cores:
            config.threading.set_intra_op_parallelism_threads(options.num_cores)
            config.threading.set_inter_op_parallelism_threads(options.num_cores)
        if options.deterministic:
            config.experimental.enable_op_determinism()


class Jax:
    """JAX. It chooses devices, memory and threads when it first looks for a device."""

    needs = "jax"

    def prepare(self, session: SessionConfig) -> None:
        """Set platform, memory and flags, and keep this process to so many cores, by which JAX counts its threads."""
        options = session.options
        if session.device == "cpu":
            os.environ["JAX_PLATFORMS"] = "cpu"
        if options.allow_memory_growth:
            os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        if options.deterministic:
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()
        if options.num_cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.num_cores])

    def gpu_names(self) -> list[str]:
        """Return the GPUs' names."""
        import jax

        return [str(device.device_kind) for device in jax.local_devices() if device.platform in ("gpu", "cuda", "rocm")]

    def apply(self, session: SessionConfig) -> None:
        """Refuse what could not be prepared."""
        if session.options.num_cores and not hasattr(os, "sched_setaffinity"):
            raise TrainingError("session.options.num_cores: this system cannot keep JAX to some of the cores; null")


class Torch:
    """PyTorch. It takes GPU memory as needed, always."""

    needs = "torch"

    def prepare(self, session: SessionConfig) -> None:
        """Name the device to Keras, and ask cuBLAS for what gives the same values each time."""
        if session.device == "cpu":
            os.environ["KERAS_TORCH_DEVICE"] = "cpu"
        if session.options.deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

    def gpu_names(self) -> list[str]:
        """Return the GPUs' names."""
        import torch

        if os.environ.get("KERAS_TORCH_DEVICE") == "cpu":
            return []
        return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]

    def apply(self, session: SessionConfig) -> None:
        """Choose threads and ops: ``num_cores`` threads within an op, and as many ops at once."""
        import torch

        if session.options.num_cores:
            torch.set_num_threads(session.options.num_cores)
            torch.set_num_interop_threads(session.options.num_cores)
        if session.options.deterministic:
            torch.use_deterministic_algorithms(True)


BACKENDS: dict[str, Backend] = {"tensorflow": TensorFlow(), "jax": Jax(), "torch": Torch()}
DEFAULT = "tensorflow"
