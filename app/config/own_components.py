"""What lies in a workspace's ``components/``, read from the text of its files: none of it is run.

A class is a component by the class that it derives from (Tracker, Callback, Layer ...), or else by what it can do: one
with ``load`` is a dataset, with ``build`` a model, with ``transform`` a preprocessor, with ``fit`` too a transformer.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

#: The folder of the user's own components in a workspace.
COMPONENTS = "components"

#: Entries of the catalog, by kind and id.
Entries = dict[str, dict[str, dict[str, Any]]]

_BASES = {
    "Tracker": "tracker",
    "Callback": "callback",
    "Dataset": "dataset",
    "Model": "model",
    "Preprocessor": "preprocessor",
    "Transformer": "transformer",
    "Layer": "layer",
    "Metric": "metric",
    "Loss": "loss",
    "Optimizer": "optimizer",
    "Initializer": "initializer",
    "Regularizer": "regularizer",
    "Constraint": "constraint",
    "LearningRateSchedule": "schedule",
}
_METHODS = (("fit transform", "transformer"), ("transform", "preprocessor"), ("load", "dataset"), ("build", "model"))
_TYPES = {
    "bool": "bool",
    "int": "int",
    "float": "float",
    "str": "str",
    "dict": "dict",
    "None": "null",
    "Path": "path",
    "PathLike": "path",
}
#: No file that somebody wrote by hand is larger.
_MOST_BYTES = 1 << 20
_ARGUMENT = re.compile(r"\s*\*{0,2}(\w+)(?: \([^)]*\))?: (.+)")


def read_components(folder: Path) -> Entries:
    """Return what the files of a folder define; one that is no Python, or cannot be read, defines nothing."""
    found: Entries = {}
    for file in component_files(folder):
        try:
            if file.stat().st_size <= _MOST_BYTES:
                tree = ast.parse(file.read_bytes(), str(file))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # whoever runs it is told why
        classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        for name, node in classes.items():
            kind = _kind(node, classes)
            if kind is not None and not name.startswith("_"):
                found.setdefault(kind, {})[f"{file.stem}:{name}"] = _entry(node, classes)
    return found


def component_files(folder: Path) -> list[Path]:
    """Return the files of a folder that may define components: its modules, but for tests and private ones."""
    try:
        files = sorted(folder.glob("*.py"))
    except OSError:
        return []
    return [file for file in files if file.stem.isidentifier() and not file.stem.startswith(("_", "test_"))]


def _line(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    """Yield a class and those of the same file that it derives from."""
    seen = set()
    at: ast.ClassDef | None = node
    while at is not None and at.name not in seen:
        seen.add(at.name)
        yield at
        at = next((classes[name] for name in _base_names(at) if name in classes), None)


def _base_names(node: ast.ClassDef) -> list[str]:
    return [ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases]


def _kind(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> str | None:
    line = list(_line(node, classes))
    for base in (name for each in line for name in _base_names(each)):
        if base in _BASES and base not in classes:
            return _BASES[base]
    methods = {part.name for each in line for part in each.body if isinstance(part, ast.FunctionDef)}
    return next((kind for names, kind in _METHODS if methods.issuperset(names.split())), None)


def _entry(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> dict[str, Any]:
    text = inspect.cleandoc(ast.get_docstring(node) or "")
    init = next((part for each in _line(node, classes) for part in each.body if _is_init(part)), None)
    entry: dict[str, Any] = {"doc": text.partition("\n\n")[0].replace("\n", " ") or f"{node.name}, of your own."}
    docs = _documented(text)
    if isinstance(init, ast.FunctionDef):
        docs |= _documented(inspect.cleandoc(ast.get_docstring(init) or ""))
        entry["parameters"] = [_parameter(*each, docs) for each in _arguments(init.args)]
        entry["info"] = {"open": init.args.kwarg is not None}
    elif node.bases:
        entry["info"] = {"open": True}  # what it takes is said elsewhere
    return entry


def _is_init(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def _documented(text: str) -> dict[str, str]:
    """Return what the section ``Args:`` of a docstring says of each argument; further lines are left out."""
    _, _, section = text.partition("Args:\n")
    found = {}
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        if (match := _ARGUMENT.match(line)) and len(line) - len(line.lstrip()) <= 4:
            found[match[1]] = match[2]
    return found


def _arguments(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    yield from list(zip(positional, defaults, strict=True))[1:]
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def _parameter(argument: ast.arg, default: ast.expr | None, docs: Mapping[str, str]) -> dict[str, Any]:
    value = _value(default)
    type_, choices = _type(argument.annotation) if argument.annotation is not None else (_type_of(value), [])
    if default is not None and value is None and type_ != "any" and "null" not in type_.split("|"):
        type_ += "|null"  # the code's own default, which may be no plain value
    return {
        "name": argument.arg,
        "type": type_,
        "default": value,
        "required": default is None,
        "doc": docs.get(argument.arg, ""),
        "choices": choices,
    }


def _value(default: ast.expr | None) -> Any:
    try:
        value = ast.literal_eval(default) if default is not None else None
    except ValueError:
        return None
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, bool | int | float | str | list | dict) else None


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "float" if isinstance(value, int | float) else "str" if isinstance(value, str) else "any"


def _type(annotation: ast.expr) -> tuple[str, list[str]]:
    """Return an annotation in the catalog's terms, "any" where these have none, and the choices of a ``Literal``."""
    terms: list[str] = []
    choices: list[str] = []
    for part in _alternatives(annotation):
        name, _, inner = ast.unparse(part).partition("[")
        name = name.rpartition(".")[2]
        if name == "Literal" and isinstance(part, ast.Subscript):
            values = part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice]
            choices += [str(value.value) for value in values if isinstance(value, ast.Constant)]
            terms.append("str")
        elif name in ("list", "List", "Sequence", "tuple", "Tuple") and inner:
            item = _TYPES.get(inner.rstrip("]").partition(",")[0].rpartition(".")[2])
            terms.append(f"{item}[]" if item else "any")
        else:
            terms.append(_TYPES.get(name, "any"))
    return ("any", []) if "any" in terms else ("|".join(dict.fromkeys(terms)), choices)


def _alternatives(annotation: ast.expr) -> Iterator[ast.expr]:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body  # an annotation in quotes
        except SyntaxError:
            return
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        yield from _alternatives(annotation.left)
        yield from _alternatives(annotation.right)
    elif isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).rpartition(".")[2] == "Optional":
        yield from _alternatives(annotation.slice)
        yield ast.Constant(None)
    elif isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).rpartition(".")[2] == "Union":
        for part in annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]:
            yield from _alternatives(part)
    else:
        yield annotation
