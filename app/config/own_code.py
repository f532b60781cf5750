"""Code of the user's own: what a config names as ``module:Name``, where it lies, and loading it.

It lies in the workspace's folder ``components/``, or is an installed module. Only :func:`load` runs any of it, and only
the processes of a run call that, in a workspace that the user trusts (:mod:`app.config.trust`).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config.catalog import load_catalog
from app.config.checking import NAMED, components
from app.config.components import is_users_own
from app.config.documents import join
from app.config.own_components import COMPONENTS
from app.config.problems import closest
from app.config.types import KINDS, split_list

Keys = tuple[str | int, ...]

#: The kind of a use that is no component: the Python that a config wants to be trained with.
INTERPRETER = "Python"


class OwnCodeError(Exception):
    """Own code that cannot be had; the text names the file, and the line where there is one."""


@dataclass(frozen=True)
class OwnUse:
    """A place of a config, written ``dataset.preprocessors.0.type``, that names code of the user's own."""

    path: str
    kind: str
    id: str


def own_code_of(document: Mapping[str, Any]) -> list[OwnUse]:
    """Return all places of a config that name code of the user's own or the Python to run, in no particular order."""
    found: list[tuple[Keys, str, str]] = []
    for section, kind, _ in NAMED:
        part = document.get(section)
        if isinstance(part, Mapping):
            found += _within((section, "name"), kind, part.get("name"))
    for path, kind, value in components(document):
        found += _within(path, kind, value)
    uses = [OwnUse(join(path), kind, id) for path, kind, id in found if is_users_own(id)]
    session = document.get("session")
    python = session.get("python") if isinstance(session, Mapping) else None
    # Whatever program a config names is started: an interpreter of another's choice is as good as other's code.
    return [*uses, OwnUse("session.python", INTERPRETER, python)] if isinstance(python, str) else uses


def source_file(id: str, root: Path) -> Path | None:
    """Return the file in the workspace's ``components/`` that an id's module is, None where it is none of them."""
    place = root.joinpath(COMPONENTS, *id.partition(":")[0].split("."))
    files = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def load(id: str, root: Path) -> Any:
    """Import the module of ``module:Name`` and return what is called so in it. This runs the module.

    Args:
        id: the id.
        root: the workspace's folder.

    Raises:
        OwnCodeError: there is no such module or name, or the module fails.
    """
    module, _, name = id.partition(":")
    file = source_file(id, root)
    where = str(file.relative_to(root)) if file else f"the module {module}"
    try:
        found = _import(module, file, root)
    except OwnCodeError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise OwnCodeError(fault_of(error, root)) from error
        expected = Path(COMPONENTS, *module.split("."))
        raise OwnCodeError(f"there is no {expected}.py in {root}, and no module {module} is installed") from error
    except (Exception, SystemExit) as error:
        raise OwnCodeError(fault_of(error, root)) from error
    if not hasattr(found, name):
        names = {each.lower(): each for each in vars(found) if not each.startswith("_")}
        near = closest(name, names)
        raise OwnCodeError(f"{where} has no {name!r}" + (f"; did you mean {names[near]!r}?" if near else ""))
    return getattr(found, name)


def fault_of(error: BaseException, root: Path) -> str:
    """Return what an exception says, with file and line where it came out of code in ``components/``."""
    place = place_of(error, root)
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{place}: {said}" if place else said


def place_of(error: BaseException, root: Path) -> str:
    """Return the innermost place in ``components/`` that an exception came from, "" if it did not come from there."""
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno))
    for name, line in reversed(frames):
        if Path(name).is_relative_to(root / COMPONENTS):
            return f"{Path(name).relative_to(root)}, line {line}"
    return ""


def _import(module: str, file: Path | None, root: Path) -> Any:
    folder = str(root / COMPONENTS)
    if folder not in sys.path:
        sys.path.append(folder)  # at the end: a file of one's own must not replace a module that others import
        importlib.invalidate_caches()
    if file is not None:
        top = module.partition(".")[0]
        spec = importlib.util.find_spec(top)
        origin = spec.origin if spec else None
        if origin is None or not Path(origin).is_relative_to(folder):
            raise OwnCodeError(f"{file.relative_to(root)} has the name of another module, {top}; give it another name")
    return importlib.import_module(module)


def _within(path: Keys, kind: str, value: Any) -> Iterator[tuple[Keys, str, str]]:
    """Yield path, kind and id of a component and of the components among its settings."""
    if isinstance(value, str):
        yield path, kind, value
        return
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        return
    yield (*path, "type"), kind, value["type"]
    component = load_catalog().get(kind, value["type"])
    for name, option in value.items():
        parameter = component.parameter(name) if component else None
        terms = parameter.type.split("|") if parameter else []
        items = [item for term in terms if (item := (split_list(term) or (term, None))[0]) in KINDS]
        for item in items:
            for index, each in enumerate(option) if isinstance(option, list) else [("", option)]:
                yield from _within((*path, name) if index == "" else (*path, name, index), item, each)
        if kind == "callback" and name != "type" and isinstance(option, str) and not items:
            yield (*path, name), "function", option  # a callback may name functions that it calls
