"""What must fit together in a config: parts that are right by themselves and wrong beside each other.

Every check takes the document as it is, and says nothing where the part it looks at is wrong in itself.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from app.config.catalog import Component, load_catalog
from app.config.components import is_users_own
from app.config.problems import Problem, closest, unknown
from app.config.types import fits

#: What the one input of a network is called.
INPUT = "input"
#: Fractions as people write them (0.6 + 0.2 + 0.2) may be off by as much as this.
TOLERANCE = 1e-9

#: The callbacks that set the learning rate, which Keras refuses them where a schedule does that already.
_SETS_RATE = frozenset({"reduce_learning", "learning_rate_scheduler"})


def check_consistency(document: Mapping[str, Any]) -> list[Problem]:
    """Return what does not fit together."""
    return [
        *_check_model(_section(document, "model")),
        *_check_graph(_section(document, "model")),
        *_check_shape(document),
        *_check_place(_section(document, "dataset")),
        *_check_table(_section(document, "dataset")),
        *_check_samples(_section(document, "training"), _rows(_section(document, "dataset"))),
        *_check_epochs(_section(document, "training")),
        *_check_cross_validation(document),
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
    if not model or model.get("name") is not None:
        return
    if model.get("network") is None:
        yield Problem("model.network", "is missing", 'a list of layers, such as [{"type": "dense", "units": 1}]')
    elif model.get("compilation") is None:
        yield Problem("model.compilation", "a network needs it", '{"optimizer": "adam", "loss": "mse"}')


def _check_graph(model: Mapping[str, Any]) -> Iterator[Problem]:
    """Check that what layers, outputs and losses call each other is there, and in time."""
    shape = model.get("input_shape")
    given = set(shape) if isinstance(shape, Mapping) else {INPUT}
    known = set(given)
    layers: list[str] = []
    for index, entry in enumerate(_list(model, "network")):
        options = entry if isinstance(entry, Mapping) else {}
        inputs = options.get("inputs")
        for name in [inputs] if isinstance(inputs, str) else _list(options, "inputs"):
            if not isinstance(name, str):
                continue
            if name not in known:
                message = f"no layer before it is called {name!r}"
                near = closest(name, known)
                path = f"model.network.{index}.inputs"
                yield Problem(path, message + (f"; did you mean {near!r}?" if near else ""), ", ".join(sorted(known)))
        name = options.get("name")
        if isinstance(name, str):
            if name in known:
                message = f"a layer or input before it is called {name!r} too"
                yield Problem(f"model.network.{index}.name", message, "a name of its own")
            known.add(name)
            layers.append(name)
    outputs = [name for name in _list(model, "outputs") if isinstance(name, str)]
    for index, name in enumerate(outputs):
        if name not in layers:
            yield Problem(f"model.outputs.{index}", *unknown("layer", name, layers))
    compilation = _section(model, "compilation")
    for key in ("loss", "metrics", "loss_weights"):
        value = compilation.get(key)
        for name in value if isinstance(value, Mapping) and "type" not in value else ():
            if name not in outputs:
                yield Problem(f"model.compilation.{key}.{name}", *unknown("output", name, outputs))


def _check_shape(document: Mapping[str, Any]) -> Iterator[Problem]:
    shape, dataset = _section(document, "model").get("input_shape"), _section(document, "dataset")
    found = _find("dataset", dataset.get("name"))
    steps = [
        _find(kind, entry.get("type") if isinstance(entry, Mapping) else None)
        for kind in ("preprocessor", "transformer")
        for entry in _list(dataset, f"{kind}s")
    ]
    keep = all(step is not None and step.info.get("keeps_shape") for step in steps)
    features = found.info.get("features") if found else None  # of the user's own files only they know
    if found and features and keep and shape and fits("int[]", shape) and shape != features:
        message = f"is {shape}, but the features of {found.id} have the shape {features}"
        yield Problem("model.input_shape", message, str(features))


def _check_place(dataset: Mapping[str, Any]) -> Iterator[Problem]:
    """Check that the user's own data is either in a path or at an address."""
    found = _find("dataset", dataset.get("name"))
    if found and found.parameter("path") and found.parameter("url"):
        given = [key for key in ("path", "url") if _section(dataset, "parameters").get(key) is not None]
        if not given:
            yield Problem("dataset.parameters.path", f"{found.id} needs it", "the path of the data, or a url")
        elif len(given) == 2:
            yield Problem("dataset.parameters.url", "there is a path too", "either path or url")


def _check_table(dataset: Mapping[str, Any]) -> Iterator[Problem]:
    """Check what a table is read with: one character between values and before decimals, and classes if any."""
    found = _find("dataset", dataset.get("name"))
    parameters = _section(dataset, "parameters")
    for key in ("separator", "decimal"):
        value = parameters.get(key)
        if found and found.parameter(key) and isinstance(value, str) and not (len(value) == 1 and value.isascii()):
            yield Problem(f"dataset.parameters.{key}", f"is {value!r}", "one character of ASCII")
    if found and found.parameter("classes") and parameters.get("classes") == []:
        yield Problem("dataset.parameters.classes", "is empty", "two classes or more, or null for those found")


def _rows(dataset: Mapping[str, Any]) -> int | None:
    """Return how many rows a dataset has, where the catalog knows it."""
    component = _find("dataset", dataset.get("name"))
    rows = component.info.get("rows") if component else None
    return rows if isinstance(rows, int) else None


def _check_samples(training: Mapping[str, Any], rows: int | None) -> Iterator[Problem]:
    samples = _section(training, "samples")
    parts = {key: value for key in ("fit", "val", "test") if fits("float", value := samples.get(key, 0))}
    for key, value in parts.items():
        if value > 1 and value != int(value):
            valid = "a fraction up to 1, or a whole number of rows"
            yield Problem(f"training.samples.{key}", f"is {value:.12g}", valid)
    fractions = [value for value in parts.values() if value <= 1]
    if (total := sum(fractions)) > 1 + TOLERANCE:
        yield Problem("training.samples", f"fit, val and test add up to {total:.6g}", "a sum of 1 or less")
    asked = sum(int(value * rows) if value <= 1 else int(value) for value in parts.values()) if rows else 0
    if rows and asked > rows and any(value > 1 for value in parts.values()):
        message = f"fit, val and test are {asked:,} samples, and there are {rows:,}"
        yield Problem("training.samples", message, f"{rows:,} in all (a part up to 1 is a fraction, above it a count)")
    split = training.get("validation_split", 0)
    if fits("float", split) and split > 0 and parts.get("val", 0) > 0:
        message = "rows for validation are kept by samples.val already"
        yield Problem("training.validation_split", message, "0, or training.samples.val of 0")


def _check_epochs(training: Mapping[str, Any]) -> Iterator[Problem]:
    first, epochs = training.get("initial_epoch", 0), training.get("epochs", 10)
    if fits("int", first) and fits("int", epochs) and first >= epochs > 0:
        yield Problem("training.initial_epoch", f"is {first}, and training ends at {epochs}", f"0 to {epochs - 1}")


def _check_cross_validation(document: Mapping[str, Any]) -> Iterator[Problem]:
    found = _find("model", _section(document, "model").get("name"))
    is_estimator = found is not None and found.info.get("library") == "sklearn"
    if _section(document, "training").get("cross_validation") is not None and not is_estimator:
        valid = "null, or the id of a scikit-learn estimator as model.name"
        yield Problem("training.cross_validation", "only scikit-learn's estimators are fitted part by part", valid)


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
    kept = (_section(training, "samples").get("val", 0), training.get("validation_split", 0))
    validates = any(fits("float", part) and part > 0 for part in kept)
    metrics = _list(_section(document, "model", "compilation"), "metrics")
    found = [metric_name(entry) if isinstance(entry, str | Mapping) else None for entry in metrics]
    if len(_list(_section(document, "model"), "outputs")) > 1:
        found.append(None)  # each output has metrics of its own, under names that Keras makes
    names = ["loss", *(name for name in found if name)]
    logged = [*names, *(f"val_{name}" for name in names if validates)]
    optimizer = _section(document, "model", "compilation", "optimizer")
    for index, entry in enumerate(_list(training, "callbacks")):
        component = _find("callback", entry.get("type")) if isinstance(entry, Mapping) else None
        if component is None:
            continue
        path = f"training.callbacks.{index}"
        if component.id in _SETS_RATE and _has_schedule(optimizer):
            message = "sets the learning rate, and so does the schedule of the optimizer"
            yield Problem(path, message, "either this callback, or model.compilation.optimizer.learning_rate")
        options = {parameter.name: parameter.default for parameter in component.parameters} | dict(entry)
        if "monitor" in options and (component.id != "model_checkpoint" or options["save_best_only"] is True):
            yield from _check_monitor(path, options["monitor"], logged, validates, known=None not in found)
        if component.id == "lambda_callback":
            for name, function in options.items():
                if name != "type" and isinstance(function, str) and not is_users_own(function):
                    yield Problem(f"{path}.{name}", f"is {function!r}", "a function of your own, as module:function")
        if component.id == "model_checkpoint" and isinstance(options["filepath"], str):
            weights_only = options["save_weights_only"] is True
            for problem in _check_filepath(options["filepath"], logged, weights_only, known=None not in found):
                yield Problem(f"{path}.filepath", *problem)


def _has_schedule(optimizer: Mapping[str, Any]) -> bool:
    """Return whether an optimizer, or the one within it, has anything but a number as its learning rate."""
    rate, inner = optimizer.get("learning_rate"), _section(optimizer, "inner_optimizer")
    return isinstance(rate, Mapping | str) or bool(inner and _has_schedule(inner))


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
        key = {"divide": "factor", "normalize": "std"}.get(divides.id) if divides else None
        given = entry.get(key) if key else None
        if any(fits("float", value) and value == 0 for value in (given if isinstance(given, list) else [given])):
            yield Problem(f"dataset.preprocessors.{index}.{key}", f"is {given}", "a number that can be divided by")


def _find(kind: str, id: Any) -> Component | None:
    """Return a component of the catalog that is not the user's own: of that one, only its parameters are known."""
    return load_catalog().get(kind, id) if isinstance(id, str) and not is_users_own(id) else None


def _section(value: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _list(section: Mapping[str, Any], key: str) -> list[Any]:
    value = section.get(key)
    return value if isinstance(value, list) else []
