"""What must fit together in a config: parts that are right by themselves and wrong beside each other.

Every check takes the document as it is, and says nothing where the part it looks at is wrong in itself.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from app.config.catalog import Component, load_catalog
from app.config.problems import Problem, closest
from app.config.types import fits

#: Fractions as people write them (0.6 + 0.2 + 0.2) may be off by as much as this.
TOLERANCE = 1e-9


def check_consistency(document: Mapping[str, Any]) -> list[Problem]:
    """Return what does not fit together."""
    return [
        *_check_model(_section(document, "model")),
        *_check_shape(document),
        *_check_samples(_section(document, "training", "samples")),
        *_check_metric_names(document),
        *_check_callbacks(document),
        *_check_trackers(_section(document, "tracking")),
        *_check_dividers(_section(document, "dataset")),
    ]


def metric_name(entry: str | Mapping[str, Any]) -> str | None:
    """Return the name that a metric is recorded under: its ``name``, else Keras' own; None if there is no such metric.

    ``mae`` and ``{"type": "mae"}`` are ``mean_absolute_error``.
    """
    options: Mapping[str, Any] = {"type": entry} if isinstance(entry, str) else entry
    if isinstance(options.get("name"), str):
        return str(options["name"])
    component = _find("metric", options.get("type"))
    parameter = component.parameter("name") if component else None
    return str(parameter.default) if parameter else None


def _check_model(model: Mapping[str, Any]) -> Iterator[Problem]:
    if model.get("network") is None and model.get("name") is not None:
        message = f"no built-in model is called {model['name']!r}"
        yield Problem("model.name", message, "null, and the layers in model.network")
    elif model.get("network") is None and model:
        yield Problem("model.network", "is missing", 'a list of layers, such as [{"type": "dense", "units": 1}]')
    if model.get("network") is not None and model.get("compilation") is None:
        yield Problem("model.compilation", "a network needs it", '{"optimizer": "adam", "loss": "mse"}')


def _check_shape(document: Mapping[str, Any]) -> Iterator[Problem]:
    shape, dataset = _section(document, "model").get("input_shape"), _section(document, "dataset")
    found = _find("dataset", dataset.get("name"))
    steps = [
        _find(kind, entry.get("type") if isinstance(entry, Mapping) else None)
        for kind in ("preprocessor", "transformer")
        for entry in _list(dataset, f"{kind}s")
    ]
    keep = all(step is not None and step.info.get("keeps_shape") for step in steps)
    if found and keep and shape and fits("int[]", shape) and shape != found.info["features"]:
        message = f"is {shape}, but the features of {found.id} have the shape {found.info['features']}"
        yield Problem("model.input_shape", message, str(found.info["features"]))


def _check_samples(samples: Mapping[str, Any]) -> Iterator[Problem]:
    fractions = [value for key in ("fit", "val", "test") if fits("float", value := samples.get(key, 0))]
    if (total := sum(fractions)) > 1 + TOLERANCE:
        yield Problem("training.samples", f"fit, val and test add up to {total:.6g}", "a sum of 1 or less")


def _check_metric_names(document: Mapping[str, Any]) -> Iterator[Problem]:
    seen = set()
    for index, entry in enumerate(_list(_section(document, "model", "compilation"), "metrics")):
        name = metric_name(entry) if isinstance(entry, str | Mapping) else None
        if name is not None and name in seen:
            path = f"model.compilation.metrics.{index}"
            yield Problem(path, f"there is a metric called {name!r} before it", "another type, or a name of its own")
        seen.add(name)


def _check_callbacks(document: Mapping[str, Any]) -> Iterator[Problem]:
    training = _section(document, "training")
    validates = fits("float", val := _section(training, "samples").get("val", 0)) and val > 0
    metrics = _list(_section(document, "model", "compilation"), "metrics")
    found = [metric_name(entry) if isinstance(entry, str | Mapping) else None for entry in metrics]
    names = ["loss", *(name for name in found if name)]
    logged = [*names, *(f"val_{name}" for name in names if validates)]
    for index, entry in enumerate(_list(training, "callbacks")):
        component = _find("callback", entry.get("type")) if isinstance(entry, Mapping) else None
        if component is None:
            continue
        path = f"training.callbacks.{index}"
        options = {parameter.name: parameter.default for parameter in component.parameters} | dict(entry)
        if component.id != "model_checkpoint" or options["save_best_only"] is True:
            yield from _check_monitor(path, options["monitor"], logged, validates, known=None not in found)
        if component.id == "model_checkpoint" and isinstance(options["filepath"], str):
            weights_only = options["save_weights_only"] is True
            for problem in _check_filepath(options["filepath"], logged, weights_only, known=None not in found):
                yield Problem(f"{path}.filepath", *problem)


def _check_monitor(path: str, monitor: Any, logged: list[str], validates: bool, known: bool) -> Iterator[Problem]:
    if not isinstance(monitor, str) or monitor in logged:
        return
    if monitor.startswith("val_") and not validates:
        message = f"monitors {monitor!r}, but no rows are kept for validation"
        yield Problem(f"{path}.monitor", message, "training.samples.val above 0, or a monitor such as 'loss'")
    elif known:
        near = closest(monitor, logged)
        message = f"no metric is called {monitor!r}" + (f"; did you mean {near!r}?" if near else "")
        yield Problem(f"{path}.monitor", message, ", ".join(logged))


def _check_filepath(filepath: str, logged: list[str], weights_only: bool, known: bool) -> Iterator[tuple[str, str]]:
    """Yield message and valid values; ``known``: whether ``logged`` is all that will be logged."""
    windows = PureWindowsPath(filepath)
    if PurePosixPath(filepath).is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        yield "leads out of the checkpoint's folder", "a path within callbacks/model_checkpoint, without '..'"
    ending = ".weights.h5" if weights_only else ".h5 or .keras"
    if not filepath.endswith(".weights.h5" if weights_only else (".h5", ".keras")):
        yield "has no ending that Keras can save to", f"a name that ends in {ending}"
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(filepath) if name is not None]
    except ValueError as error:
        yield f"is no format: {error}", "such as weights.{epoch:02d}-{val_loss:.2f}.h5"
        return
    values = {"epoch": 1, **dict.fromkeys(logged, 0.5)}
    strange = [name for name in fields if name not in values]
    for name in strange if known else []:
        near = closest(name, values)
        yield f"nothing is called {{{name}}}" + (f"; did you mean {{{near}}}?" if near else ""), ", ".join(values)
    if not strange:
        try:
            filepath.format(**values)
        except ValueError as error:
            yield f"is no format: {error}", "such as weights.{epoch:02d}-{val_loss:.2f}.h5"


def _check_trackers(tracking: Mapping[str, Any]) -> Iterator[Problem]:
    seen = set()
    for index, entry in enumerate(_list(tracking, "trackers")):
        tracker = _find("tracker", entry.get("type")) if isinstance(entry, Mapping) else None
        if tracker and tracker.id in seen:
            yield Problem(f"tracking.trackers.{index}", f"there is a {tracker.id} before it", "one tracker of a type")
        if tracker:
            seen.add(tracker.id)


def _check_dividers(dataset: Mapping[str, Any]) -> Iterator[Problem]:
    for index, entry in enumerate(_list(dataset, "preprocessors")):
        divides = isinstance(entry, Mapping) and _find("preprocessor", entry.get("type"))
        if divides and divides.id == "divide" and fits("float", entry.get("factor")) and entry["factor"] == 0:
            yield Problem(f"dataset.preprocessors.{index}.factor", "is 0", "a number that can be divided by")


def _find(kind: str, id: Any) -> Component | None:
    return load_catalog().get(kind, id) if isinstance(id, str) else None


def _section(value: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _list(section: Mapping[str, Any], key: str) -> list[Any]:
    value = section.get(key)
    return value if isinstance(value, list) else []
