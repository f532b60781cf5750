"""YAML files of other programs, read for the plain values in them: nothing that they ask for is made or run."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from app.records.files import RecordError, read_bytes

#: What PyYAML takes some seconds for; settings are a hundredth of it.
_MOST_BYTES = 1 << 18
#: What PyYAML raises for a value that is not of the type that it says it is (``!!bool maybe``).
_WRONG_VALUES = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


def read_yaml(path: Path) -> dict[Any, Any]:
    """Return the object in a YAML file, {} for an empty one. Its aliases can stand for more than there is memory.

    What asks for an object of Python (``!!python/tuple``) is the list, the object or the text that it is written as.

    Raises:
        MissingFileError: the file is not there.
        RecordError: it cannot be read, is no object, or is a link, which is not followed.
    """
    import yaml

    if os.path.islink(path):
        raise RecordError(f"{path}: it is a symbolic link, which is not followed")
    data = read_bytes(path, _MOST_BYTES)
    try:
        value = yaml.load(data, _plain_loader())
    except (yaml.YAMLError, *_WRONG_VALUES) as error:
        raise RecordError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RecordError(f"{path}: expected a YAML object")
    return value


@cache
def _plain_loader() -> Any:
    import yaml

    def construct(loader: Any, _: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    # Not the loader in C: a deeply nested file ends it with its process.
    loader: Any = type("PlainLoader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor("", construct)
    return loader
