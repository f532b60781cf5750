"""The beginning of a component of the user's own: a class to fill in, its test and its docs, from templates."""

from __future__ import annotations

import contextlib
import importlib.util
import keyword
import re
import sys
from pathlib import Path
from string import Template

from app.config.own_components import COMPONENTS
from app.resources import resource

#: How a config names a component of each kind.
_ENTRIES = {
    "tracker": '{"tracking": {"trackers": [{"type": "$id"}]}}',
    "dataset": '{"dataset": {"name": "$id", "parameters": {}}}',
    "model": '{"model": {"name": "$id", "hyperparameters": {}}}',
    "preprocessor": '{"dataset": {"preprocessors": [{"type": "$id"}]}}',
    "callback": '{"training": {"callbacks": [{"type": "$id"}]}}',
}
KINDS = tuple(_ENTRIES)

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 60


def wrong_name(name: str) -> str:
    """Return why a component's module cannot be called so, "" if it can."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")[:_LONGEST]
        near = f", such as {plain!r}" if _NAME.fullmatch(plain) else ""
        return f"{name!r} is no name: small letters and digits in words joined by _, beginning with a letter{near}"
    if name.startswith("test_"):
        return f"{name!r} would be taken for a test"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return f"{name!r} is a word of Python itself"
    if name == "app" or name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        return f"{name!r} is the name of another module of Python; choose another, such as 'my_{name}'"
    return ""


def class_of(name: str) -> str:
    """Return what the class in a module is called: ``my_scaler`` has ``MyScaler``."""
    return "".join(word.capitalize() for word in name.split("_"))


def entry_of(kind: str, name: str) -> str:
    """Return how a config names the component, as JSON."""
    return Template(_ENTRIES[kind]).substitute(id=f"{name}:{class_of(name)}")


def write_component(kind: str, name: str, root: Path) -> list[Path]:
    """Write class, test and docs of a new component into the workspace's ``components/``; return the files.

    Args:
        kind: one of :data:`KINDS`.
        name: the module's name, one that :func:`wrong_name` has nothing against.
        root: the workspace's folder.

    Raises:
        FileExistsError: one of the files is there; nothing was written.
        OSError: they cannot be written; nothing is left of them.
    """
    folder = root / COMPONENTS
    values = {"name": name, "class_name": class_of(name), "kind": kind, "entry": entry_of(kind, name)}
    templates = {f"{name}.py": f"{kind}.py", f"test_{name}.py": f"{kind}_test.py", f"{name}.md": "docs.md"}
    texts = {
        folder / file: Template(resource("scaffolding", f"{template}.txt").read_text("utf-8")).substitute(values)
        for file, template in templates.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for path, text in texts.items():
            with open(path, "x", encoding="utf-8") as stream:
                written.append(path)
                stream.write(text)
    except OSError:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    return written
