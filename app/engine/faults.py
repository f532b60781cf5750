"""What Keras and TensorFlow say of a fault, as one sentence."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: Lines around the one that says something: headings, stack traces, the node once more.
_AROUND = re.compile(
    r"Exception encountered when calling|Graph execution error|Detected at node|File \"|Stack trace for|\[\[|"
    r"\d+ root error|Arguments received by"
)
_NODE = re.compile(r"Detected at node (\S+) defined")


def sentence_of(error: BaseException) -> str:
    """Return the line of an exception that says what is wrong; of TensorFlow's, with the node, which names the layer.

    Keras and TensorFlow wrap that line in headings, stack traces and the arguments of the call.
    """
    lines = [line.strip() for line in _COLOURS.sub("", str(error)).splitlines()]
    says = next((line for line in lines if line and not _AROUND.match(line)), type(error).__name__)
    node = _NODE.search(str(error))
    return f"{says} (at {node[1]})" if node else says


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a backend says that there is no memory left: TensorFlow's and PyTorch's, or JAX's, by its text."""
    return type(error).__name__ in ("ResourceExhaustedError", "OutOfMemoryError") or "RESOURCE_EXHAUSTED" in str(error)
