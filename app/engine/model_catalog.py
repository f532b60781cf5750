"""Write the catalog of models by name from what is installed: ``python -m app.engine.model_catalog``.

They are the applications of Keras and the classifiers and regressors of scikit-learn that need no other estimator. What
scikit-learn's own checks say about a parameter (its ``_parameter_constraints``) is its type here.
"""

from __future__ import annotations

import inspect
import json
import math
import numbers
import re
import warnings
from collections.abc import Iterator
from typing import Any

import keras
from sklearn.utils import all_estimators
from sklearn.utils._param_validation import Hidden, Interval, Options, StrOptions

from app.engine.catalog import Entry, component_id, sentence
from app.resources import resource

#: What only code can give: objects, and what Trackside decides by itself.
_NOT_IN_JSON = frozenset({"input_tensor", "input_shape", "name", "metric_params", "kernel_params"})
#: Parameters of applications whose docstrings differ in form.
_APPLICATION: dict[str, Entry] = {
    "include_top": {"type": "bool", "doc": "Whether the fully connected layers at the end are there."},
    "weights": {
        "type": "str|path|null",
        "choices": ["imagenet"],
        "doc": 'Weights to begin with: "imagenet", which are downloaded, a file of weights, or null for none.',
    },
    "pooling": {
        "type": "str|null",
        "choices": ["avg", "max"],
        "doc": "How the last feature maps become one vector where include_top is false.",
    },
    "classes": {"type": "int", "minimum": 1, "doc": "Number of classes where include_top is true."},
    "classifier_activation": {"type": "activation|null", "doc": "Activation of the last layer."},
    "include_preprocessing": {"type": "bool", "doc": "Whether images are scaled within the model."},
    "minimalistic": {"type": "bool", "doc": "Whether only plain layers are used, which are slower but run everywhere."},
    "alpha": {"type": "float", "doc": "Width of the network as a multiple of the original."},
    "depth_multiplier": {"type": "int", "minimum": 1, "doc": "Depth multiplier of the depthwise convolutions."},
    "dropout": {"type": "float", "minimum": 0, "maximum": 1, "doc": "Dropout rate."},
    "dropout_rate": {"type": "float", "minimum": 0, "maximum": 1, "doc": "Dropout rate."},
}


def catalog() -> dict[str, dict[str, Entry]]:
    """Return the kind ``model``: id, and what the file says about the model."""
    found = {**_applications(), **_estimators("classifier"), **_estimators("regressor")}
    return {"model": dict(sorted(found.items()))}


def text() -> str:
    """Return the catalog as the file holds it."""
    return json.dumps(catalog(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _applications() -> dict[str, Entry]:
    found = {}
    for name, function in sorted(vars(keras.applications).items()):
        if not inspect.isfunction(function):
            continue
        # What is downloaded is downloaded because somebody asked for it: weights are null without that.
        parameters = [
            {
                "name": each.name,
                "default": None if each.name == "weights" else each.default,
                **_APPLICATION[each.name],
            }
            for each in inspect.signature(function).parameters.values()
            if each.name not in _NOT_IN_JSON
        ]
        found[name.lower()] = {
            "cls": f"keras.applications.{name}",
            "doc": f"{name} of Keras' applications.",
            "parameters": parameters,
            "info": {"library": "keras", "task": "classification"},
        }
    return found


def _estimators(kind: str) -> dict[str, Entry]:
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimators = all_estimators(type_filter=kind)
    for name, cls in estimators:
        parameters = [
            parameter for parameter in inspect.signature(cls.__init__).parameters.values() if parameter.name != "self"
        ]
        if any(parameter.default is parameter.empty for parameter in parameters):
            continue
        documented = _documented(cls.__doc__ or "")
        constraints = getattr(cls, "_parameter_constraints", {})
        entries = [_parameter(each, constraints.get(each.name), documented.get(each.name, "")) for each in parameters]
        found[component_id("estimator", name)] = {
            "cls": f"{cls.__module__.rpartition('._')[0] or cls.__module__}.{name}",
            "doc": sentence(_plain(cls.__doc__ or "")),
            "parameters": [entry for entry in entries if entry is not None],
            "info": {"library": "sklearn", "task": "classification" if kind == "classifier" else "regression"},
        }
    return found


def _parameter(parameter: inspect.Parameter, constraints: Any, doc: str) -> Entry | None:
    """Return a parameter, None where no JSON can be its value."""
    default = parameter.default
    if parameter.name in _NOT_IN_JSON or default == "deprecated" or not isinstance(constraints, list):
        return None
    entry: Entry = {"name": parameter.name}
    terms: list[str] = []
    choices: list[str] = []
    for constraint in constraints:
        term, facts = _term(constraint)
        if term and term not in terms:
            terms.append(term)
        choices += facts.pop("choices", [])
        entry |= facts
    if isinstance(default, float) and not math.isfinite(default):
        default = None
    if default is None and "null" not in terms:
        terms.append("null")
    if isinstance(default, bool) and "bool" not in terms:
        terms.append("bool")
    if isinstance(default, tuple):
        default = list(default)
    if not terms or terms == ["null"] or not isinstance(default, bool | int | float | str | list | None):
        return None
    if isinstance(default, str) and (
        "str" not in terms or (choices and default not in choices)
    ):  # a mark such as "warn", which is no value
        return None
    if len([term for term in terms if term in ("int", "float")]) > 1:
        entry.pop("minimum", None)  # each has bounds of its own; scikit-learn will say so
        entry.pop("maximum", None)
    entry["type"] = "|".join(sorted(terms, key=["bool", "int", "float", "str", "dict", "float[]", "null"].index))
    entry["default"] = default
    if choices:
        entry["choices"] = choices
    return entry | {"doc": sentence(doc)}


def _term(constraint: Any) -> tuple[str, dict[str, Any]]:
    """Return the type that a constraint allows, "" for what JSON cannot say, with bounds or choices."""
    if isinstance(constraint, Hidden):
        return "", {}
    if isinstance(constraint, StrOptions | Options):
        shown = sorted(each for each in constraint.options if isinstance(each, str))
        hidden: set[str] = getattr(constraint, "deprecated", set())
        return ("str", {"choices": [each for each in shown if each not in hidden]}) if shown else ("", {})
    if isinstance(constraint, Interval):
        facts = {}
        if constraint.left is not None and math.isfinite(constraint.left) and constraint.closed in ("left", "both"):
            facts["minimum"] = constraint.left
        if constraint.right is not None and math.isfinite(constraint.right) and constraint.closed in ("right", "both"):
            facts["maximum"] = constraint.right
        return ("int" if constraint.type is numbers.Integral else "float"), facts
    simple: dict[Any, str] = {
        None: "null", "boolean": "bool", "random_state": "int", "verbose": "int", "array-like": "float[]",
        "cv_object": "int", numbers.Integral: "int", numbers.Real: "float", str: "str", dict: "dict",
    }  # fmt: skip
    return simple.get(constraint if isinstance(constraint, str | type | None) else "", ""), {}


def _documented(doc: str) -> dict[str, str]:
    """Return the descriptions in the ``Parameters`` section of a docstring in NumPy's form."""
    match = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", inspect.cleandoc(doc), re.DOTALL | re.MULTILINE)
    return dict(_described(match[1])) if match else {}


def _described(section: str) -> Iterator[tuple[str, str]]:
    for block in re.split(r"^(?=\w[\w, ]*\s*:)", section, flags=re.MULTILINE):
        head, _, body = block.partition("\n")
        for name in head.partition(":")[0].split(","):
            if name.strip():
                yield name.strip(), _plain(body)


def _plain(doc: str) -> str:
    """Return a text of a docstring without the marks of reStructuredText."""
    cleaned = inspect.cleandoc(doc)
    return re.sub(r":\w+:`~?([^`<]*?)(?:\s*<[^>]*>)?`", r"\1", cleaned)


if __name__ == "__main__":
    resource("catalog", "models.json").write_text(text(), encoding="utf-8", newline="\n")
