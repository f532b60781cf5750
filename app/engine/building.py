"""From the config to a compiled Keras model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from app.config.catalog import Component, load_catalog
from app.config.components import APPLICATION, is_users_own
from app.config.consistency import INPUT
from app.config.models import CompilationConfig, ComponentEntry, ModelConfig
from app.config.types import KINDS, split_list
from app.engine.ending import TrainingError
from app.engine.faults import sentence_of
from app.engine.own_code import make_own, own_fault
from app.engine.pretrained import build_application, load_weights
from app.records.log import logger

log = logger("Model")

#: Losses that take the number of a class where the model gives a value for every class.
BY_CLASS_NUMBER = (keras.losses.SparseCategoricalCrossentropy, keras.losses.CategoricalGeneralizedCrossEntropy)
#: Losses that take a probability for every value of the model.
OF_PROBABILITIES = (keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy)


class Adafactor(keras.optimizers.Adafactor):  # type: ignore[misc]  # Keras has no types
    """Keras' Adafactor, which names several of its variables alike and so cannot be saved to an .h5 file.

    Saved as, and opened again as, Keras' own.
    """

    def build(self, var_list: list[Any]) -> None:
        """Make the variables, and their names different; Keras has no public way to name one."""
        super().build(var_list)
        for index, variable in enumerate(self.variables):
            variable._path = f"{variable.path}_{index}"


#: Layers that learn from data before a training, which none of it does; and the setting that says it all.
_LEARNED = {
    "normalization": "mean",
    "discretization": "bin_boundaries",
    "integer_lookup": "vocabulary",
    "string_lookup": "vocabulary",
    "text_vectorization": "vocabulary",
}
#: What is made in place of a class of Keras.
_IN_PLACE_OF = {"keras.optimizers.Adafactor": Adafactor}


#: A shape without the batch, or one for each input by its name.
Shapes = Sequence[int | None] | Mapping[str, Sequence[int | None]]


def wants_outputs(config: ModelConfig) -> bool:
    """Return whether the last layer leaves its size to the targets: a dense layer without units."""
    last = config.network[-1] if config.name is None and config.network else None
    component = load_catalog().get("layer", last.type) if last is not None else None
    return last is not None and component is not None and component.id == "dense" and last.options.get("units") is None


def is_by_class_number(config: ModelConfig) -> bool:
    """Return whether the loss takes the numbers of classes."""
    loss = config.compilation.loss if config.compilation is not None else None
    component = load_catalog().get("loss", loss.type) if isinstance(loss, ComponentEntry) else None
    return component is not None and component.cls.rpartition(".")[2] in {cls.__name__ for cls in BY_CLASS_NUMBER}


def build_model(config: ModelConfig, input_shape: Shapes, outputs: int | None = None) -> keras.Model:
    """Return the compiled model of a config.

    Args:
        config: the ``model`` section; it names an application of Keras, or has a network and a compilation.
        input_shape: the shape of one sample, without the batch, or of each input of one.
        outputs: how many values the last layer gives where the config does not say so.

    Raises:
        TrainingError: a layer, the optimizer, the loss or a metric cannot be built; it is named.
    """
    if config.name is not None and is_users_own(config.name):
        model = _build_own(config, input_shape)
    elif config.name is not None:
        if config.network is not None:
            log.info("model.network is not used: model.name goes before it")
        model = _build_application(config, input_shape)
    else:
        log.info("Building Keras model from network specification")
        model = _build_network(config, input_shape, outputs)
    if config.compilation is not None:
        log.info("Compiling Keras model")
        _compile(model, config.compilation)
    if config.weights is not None:
        load_weights(model, Path(config.weights), "model.weights")
    return model


def _build_own(config: ModelConfig, input_shape: Shapes) -> keras.Model:
    """Return what a model of the user's own builds."""
    id = config.name or ""
    maker = make_own(id, "model", config.hyperparameters, "model.hyperparameters")
    try:
        model = maker.build(input_shape if isinstance(input_shape, Mapping) else tuple(input_shape))
    except Exception as error:
        raise TrainingError(f"model.name ({id}): {own_fault(error)}") from error
    if not isinstance(model, keras.Model):
        raise TrainingError(f"model.name ({id}): its build() returns {type(model).__name__}, no keras.Model")
    if config.compilation is None and not model.compiled:
        raise TrainingError(f"model.compilation: is missing, and {id} does not compile its model itself")
    return model


def _build_application(config: ModelConfig, input_shape: Shapes) -> keras.Model:
    component = load_catalog().require("model", config.name or "")
    if isinstance(input_shape, Mapping):
        raise TrainingError(f"model.input_shape: {component.id} has one input; one shape would be right")
    where = "model.hyperparameters"
    return build_application(
        component.id, _options(component, config.hyperparameters, where), tuple(input_shape), where
    )


def _build_network(config: ModelConfig, input_shape: Shapes, outputs: int | None) -> keras.Model:
    entries = list(config.network or [])
    if wants_outputs(config):
        last = entries[-1]
        entries[-1] = ComponentEntry.model_validate({"type": last.type, **last.options, "units": outputs})
    branches = any(entry.options.get("inputs") is not None for entry in entries)
    if branches or config.outputs or isinstance(input_shape, Mapping):
        return _build_graph(entries, config.outputs, input_shape)
    return _build_chain(entries, tuple(input_shape))


def _build_chain(entries: Sequence[ComponentEntry], shape: tuple[int | None, ...]) -> keras.Model:
    """Return the model whose layers each take what the one before gives."""
    model = keras.Sequential([keras.Input(shape=shape)])
    for index, entry in enumerate(entries):
        where = f"model.network.{index}"
        layer = _make_layer(entry, where, [shape])
        if layer is None:
            continue
        with _named_layer(entry, where, [shape]):
            model.add(layer)
        shape = tuple(model.output_shape[1:])
    if not model.layers:
        raise TrainingError("model.network: has no layer after the input; a dense layer at least would be right")
    return model


def _build_graph(entries: Sequence[ComponentEntry], outputs: Sequence[str], input_shape: Shapes) -> keras.Model:
    """Return the model whose layers take what they name, or what the one before gives."""
    shapes = input_shape if isinstance(input_shape, Mapping) else {INPUT: input_shape}
    inputs = {name: keras.Input(shape=tuple(shape), name=name) for name, shape in shapes.items()}
    known: dict[str, Any] = dict(inputs)
    last: Any = next(iter(inputs.values())) if len(inputs) == 1 else None
    for index, entry in enumerate(entries):
        where = f"model.network.{index}"
        names = entry.options.get("inputs")
        if names is None and last is None:
            raise TrainingError(
                f"{where} ({entry.type}): which input does it take? There are {', '.join(inputs)}; name it as inputs"
            )
        taken = last if names is None else known[names] if isinstance(names, str) else [known[each] for each in names]
        before = [tuple(each.shape[1:]) for each in (taken if isinstance(taken, list) else [taken])]
        layer = _make_layer(entry, where, before)
        if layer is not None:
            with _named_layer(entry, where, before):
                last = layer(taken)
        if isinstance(name := entry.options.get("name"), str):
            known[name] = last
    found = {name: known[name] for name in outputs} if len(outputs) > 1 else known[outputs[0]] if outputs else last
    if last is None or found is None or any(found is each for each in inputs.values()):
        raise TrainingError("model.network: has no layer after the input; a dense layer at least would be right")
    return keras.Model(inputs if isinstance(input_shape, Mapping) else inputs[INPUT], found)


def _make_layer(entry: ComponentEntry, where: str, before: Sequence[tuple[int | None, ...]]) -> Any:
    """Return a layer for what comes before it; None for an input layer, which the model has already."""
    options = {name: value for name, value in entry.options.items() if name != "inputs"}
    component = load_catalog().get("layer", entry.type)
    if component is not None and component.id == APPLICATION:
        return _make_application_layer(component, options, where, before)
    layer = make_component("layer", ComponentEntry.model_validate({"type": entry.type, **options}), where)
    if not isinstance(layer, keras.layers.InputLayer):
        return layer
    # The model has its input already: what the samples are, or the config's input_shape, decides.
    if [tuple(layer.batch_shape[1:])] != list(before):
        raise TrainingError(
            f"{where} ({entry.type}): its shape is {list(layer.batch_shape[1:])}, but what comes before it is of "
            f"shape {_listed(before)}; leave it out, or give it that shape"
        )
    return None


def _make_application_layer(
    component: Component, options: dict[str, Any], where: str, before: Sequence[tuple[int | None, ...]]
) -> keras.Model:
    """Return an application as a layer, for what comes before it."""
    if len(before) != 1:
        raise TrainingError(f"{where} ({APPLICATION}): takes one input, not {len(before)}")
    given = {name: value for name, value in options.items() if value is not None or name == "classifier_activation"}
    trainable = given.pop("trainable", True)
    model = build_application(given.pop(APPLICATION), _options(component, given, where), before[0], where)
    model.trainable = trainable
    return model


@contextmanager
def _named_layer(entry: ComponentEntry, where: str, before: Sequence[tuple[int | None, ...]]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise TrainingError(
            f"{where} ({entry.type}): does not fit on what comes before it, of shape {_listed(before)}: "
            f"{sentence_of(error)}"
        ) from error


def _listed(shapes: Sequence[tuple[int | None, ...]]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)


def _compile(model: keras.Model, compilation: CompilationConfig) -> None:
    where = "model.compilation"
    optimizer = make_component("optimizer", compilation.optimizer, f"{where}.optimizer")
    losses = compilation.loss
    if isinstance(losses, ComponentEntry):
        loss = make_component("loss", losses, f"{where}.loss")
    else:
        loss = {name: make_component("loss", entry, f"{where}.loss.{name}") for name, entry in losses.items()}
    metrics: Any
    if isinstance(compilation.metrics, list):
        output = model.output_shape[-1] if isinstance(model.output_shape, tuple) else None
        one = None if isinstance(loss, dict) else loss
        metrics = _make_metrics(compilation.metrics, f"{where}.metrics", one, output)
    else:
        metrics = {
            name: _make_metrics(
                entries,
                f"{where}.metrics.{name}",
                loss.get(name) if isinstance(loss, dict) else loss,
                model.output_shape[name][-1] if isinstance(model.output_shape, dict) else model.output_shape[-1],
            )
            for name, entries in compilation.metrics.items()
        }
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, loss_weights=dict(compilation.loss_weights) or None)
    for each in loss.values() if isinstance(loss, dict) else [loss]:
        _warn_of_what_keras_forgets(optimizer, each)


def _make_metrics(entries: Sequence[ComponentEntry], where: str, loss: Any, output: int | None) -> list[Any]:
    return [make_metric(entry, f"{where}.{index}", loss, output) for index, entry in enumerate(entries)]


def _warn_of_what_keras_forgets(optimizer: Any, loss: Any) -> None:
    """Say so when the saved model opens only with a hint: Keras does not find every class of its own by name."""
    for module, made in ((keras.optimizers, optimizer), (keras.losses, loss)):
        name = type(made).__name__
        if isinstance(module.deserialize({"class_name": name, "config": made.get_config()}), str):
            log.warning(
                "Keras does not find %(name)s by name: open the saved model with "
                "keras.models.load_model(path, custom_objects={'%(name)s': %(module)s.%(name)s})",
                {"name": name, "module": module.__name__},
            )


def make_component(kind: str, entry: ComponentEntry, where: str) -> Any:
    """Return the Keras object of an entry; options that are components themselves are made first.

    Always an object and never Keras' own short string: a model compiled with strings does not load again from an .h5
    file, and its metrics have other names.

    Raises:
        TrainingError: Keras refuses its settings.
    """
    if is_users_own(entry.type):
        return make_own(entry.type, kind, entry.options, where)
    component = load_catalog().get(kind, entry.type)
    if component is None:
        raise TrainingError(f"{where}: unknown {kind} {entry.type!r}")
    given = dict(entry.options)
    if kind == "layer" and given.pop("inputs", None) is not None:
        raise TrainingError(f"{where}.inputs: a layer within a layer takes what that one gives it; leave it out")
    if kind == "layer" and (setting := _LEARNED.get(component.id)) and given.get(setting) is None:
        also = " and variance" if setting == "mean" else ""
        raise TrainingError(
            f"{where} ({entry.type}): has nothing to work with before it has seen data; give it {setting}{also}, or "
            "take a transformer in dataset.transformers, which learns from the samples to fit on"
        )
    options = _options(component, given, where)
    try:
        made = (_IN_PLACE_OF.get(component.cls) or _keras_object(component.cls))(**options)
        if kind == "layer":
            _without_lists(made)
        return made
    except Exception as error:
        raise TrainingError(f"{where} ({entry.type}): {sentence_of(error)}") from error


def make_metric(entry: ComponentEntry, where: str, loss: Any, output: int | None) -> Any:
    """Return a metric; "accuracy" becomes the accuracy that goes with the loss and the output, as in Keras.

    Args:
        entry: the metric.
        where: its path in the config.
        loss: the loss of the output that it measures, None for several outputs.
        output: how many values that output has at its end, None for several outputs.

    Raises:
        TrainingError: Keras refuses its settings.
    """
    component = load_catalog().get("metric", entry.type) if not is_users_own(entry.type) else None
    if component is None or component.id != "accuracy":
        return make_component("metric", entry, where)
    if isinstance(loss, BY_CLASS_NUMBER):
        cls = keras.metrics.SparseCategoricalAccuracy
    elif isinstance(loss, OF_PROBABILITIES) or output == 1:
        cls = keras.metrics.BinaryAccuracy
    else:
        cls = keras.metrics.CategoricalAccuracy
    return cls(**{**entry.options, "name": entry.options.get("name") or "accuracy"})


def running_metrics(model: keras.Model) -> frozenset[str]:
    """Return the names of the metrics whose running value is no mean over samples: AUC, or the root of a mean."""
    return frozenset(
        metric.name
        for metric in _metrics(model)
        if not isinstance(metric, keras.metrics.Mean) or type(metric).result is not keras.metrics.Mean.result
    )


def _metrics(model: keras.Model) -> list[Any]:
    # Compiled metrics hide in one container; Keras names no public way to the ones inside.
    return [inner for metric in model.metrics for inner in getattr(metric, "metrics", None) or [metric]]


def _keras_object(path: str) -> Any:
    found: Any = keras
    for part in path.split(".")[1:]:
        found = getattr(found, part)
    return found


def _options(component: Component, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return settings as Keras takes them: those that are components themselves are made."""
    types = {parameter.name: parameter.type for parameter in component.parameters}
    return {name: _value(types.get(name, "any"), value, f"{where}.{name}") for name, value in given.items()}


def _value(type_: str, value: Any, where: str) -> Any:
    """Return an option as Keras takes it: what the catalog's type says is a component is made, the rest is as it is."""
    terms = type_.split("|")
    if type(value) is int and "schedule" in terms:
        return float(value)  # Keras takes no 1 for a learning rate of 1.0
    for term in terms:
        item, _ = split_list(term) or ("", None)
        if item in KINDS and isinstance(value, list):
            return [_value(item, each, f"{where}.{index}") for index, each in enumerate(value)]
        if term == "activation":  # Keras knows an activation by its id, and saves it so
            return value["type"] if isinstance(value, dict) else value
        if term not in KINDS:
            continue
        if isinstance(value, dict):
            return make_component(term, ComponentEntry.model_validate(value), where)
        if isinstance(value, str):
            return make_component(term, ComponentEntry(type=value), where)
    return value


def _without_lists(layer: Any) -> None:
    """Make tuples of a layer's lists of numbers: Keras keeps a list together with its layer, and can save neither."""
    for name, value in list(vars(layer).items()):
        if (
            not name.startswith("_")
            and isinstance(value, list)
            and all(isinstance(item, int | float) for item in value)
        ):
            setattr(layer, name, tuple(value))
