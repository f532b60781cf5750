"""From the config to a compiled Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from app.config.catalog import load_catalog
from app.config.models import ComponentEntry, ModelConfig
from app.config.types import KINDS, split_list
from app.engine.ending import TrainingError
from app.records.log import logger

log = logger("Model")


def build_model(config: ModelConfig, input_shape: Sequence[int | None]) -> keras.Model:
    """Return the compiled model of a config.

    Args:
        config: the ``model`` section; it has a network and a compilation.
        input_shape: the shape of one sample, without the batch.

    Raises:
        TrainingError: a layer, the optimizer, the loss or a metric cannot be built; it is named.
    """
    log.info("Building Keras model from network specification")
    model = keras.Sequential([keras.Input(shape=tuple(input_shape))])
    for index, entry in enumerate(config.network or []):
        where = f"model.network.{index}"
        layer = make_component("layer", entry, where)
        try:
            model.add(layer)
        except Exception as error:
            raise TrainingError(
                f"{where} ({entry.type}): does not fit on what comes before it, of shape "
                f"{_shape(model)}: {_first_line(error)}"
            ) from error
    if config.compilation is not None:
        log.info("Compiling Keras model")
        compilation = config.compilation
        loss = make_component("loss", compilation.loss, "model.compilation.loss")
        model.compile(
            optimizer=make_component("optimizer", compilation.optimizer, "model.compilation.optimizer"),
            loss=loss,
            metrics=[
                make_metric(entry, f"model.compilation.metrics.{index}", loss, model)
                for index, entry in enumerate(compilation.metrics)
            ],
        )
    return model


def make_component(kind: str, entry: ComponentEntry, where: str) -> Any:
    """Return the Keras object of an entry; options that are components themselves are made first.

    Always an object and never Keras' own short string: a model compiled with strings does not load again from an .h5
    file, and its metrics have other names.

    Raises:
        TrainingError: Keras refuses its settings.
    """
    component = load_catalog().get(kind, entry.type)
    if component is None:
        raise TrainingError(f"{where}: unknown {kind} {entry.type!r}")
    types = {parameter.name: parameter.type for parameter in component.parameters}
    options = {
        name: _value(types.get(name, "any"), value, f"{where}.{name}") for name, value in entry.options.items()
    }
    try:
        return _keras_object(component.cls)(**options)
    except Exception as error:
        raise TrainingError(f"{where} ({entry.type}): {_first_line(error)}") from error


def make_metric(entry: ComponentEntry, where: str, loss: Any, model: keras.Model) -> Any:
    """Return a metric; "accuracy" becomes the accuracy that goes with the loss and the model's output, as in Keras.

    Raises:
        TrainingError: Keras refuses its settings.
    """
    component = load_catalog().get("metric", entry.type)
    if component is None or component.id != "accuracy":
        return make_component("metric", entry, where)
    if isinstance(loss, keras.losses.SparseCategoricalCrossentropy):
        cls = keras.metrics.SparseCategoricalAccuracy
    elif isinstance(loss, keras.losses.BinaryCrossentropy | keras.losses.BinaryFocalCrossentropy) or (
        model.output_shape[-1] == 1
    ):
        cls = keras.metrics.BinaryAccuracy
    else:
        cls = keras.metrics.CategoricalAccuracy
    return cls(**{**entry.options, "name": entry.options.get("name") or "accuracy"})


def running_metrics(model: keras.Model) -> frozenset[str]:
    """Return the names of the metrics whose running value is no mean over samples, such as AUC."""
    return frozenset(metric.name for metric in _metrics(model) if not isinstance(metric, keras.metrics.Mean))


def _metrics(model: keras.Model) -> list[Any]:
    # Compiled metrics hide in one container; Keras names no public way to the ones inside.
    return [inner for metric in model.metrics for inner in getattr(metric, "metrics", None) or [metric]]


def _keras_object(path: str) -> Any:
    found: Any = keras
    for part in path.split(".")[1:]:
        found = getattr(found, part)
    return found


def _value(type_: str, value: Any, where: str) -> Any:
    """Return an option as Keras takes it: what the catalog's type says is a component is made, the rest is as it is."""
    for term in type_.split("|"):
        item, _ = split_list(term) or ("", None)
        if item in KINDS and isinstance(value, list):
            return [_value(item, each, f"{where}.{index}") for index, each in enumerate(value)]
        if term == "activation" or term not in KINDS:
            continue  # Keras knows an activation by its id, and saves it so
        if isinstance(value, dict):
            return make_component(term, ComponentEntry.model_validate(value), where)
        if isinstance(value, str):
            return make_component(term, ComponentEntry(type=value), where)
    return value


def _shape(model: keras.Model) -> tuple[int | None, ...]:
    return tuple(model.output_shape[1:])


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
