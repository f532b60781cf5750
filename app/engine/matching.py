"""Whether the samples fit the model, asked before the first batch: later Keras says it badly, or trains on nonsense."""

from __future__ import annotations

from typing import Any

import keras

from app.config.consistency import INPUT
from app.config.models import ComponentEntry, TrainingConfig
from app.engine.building import BY_CLASS_NUMBER, OF_PROBABILITIES
from app.engine.ending import TrainingError
from app.engine.samples import Array, Arrays, Samples, each, portions, span

#: Losses whose targets have a shape of their own.
_OF_OWN_SHAPE = (keras.losses.CTC, keras.losses.Circle)
#: Losses that take a value for every class, where people often have the number of the class.
_OF_CLASSES = (
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
    keras.losses.CategoricalHinge,
)


def check_samples(model: keras.Model, config: TrainingConfig, samples: Samples) -> None:
    """Look whether features and targets fit a compiled model.

    Raises:
        TrainingError: they do not; the text names the key of the config and what would be right.
    """
    _check_names(model, config)
    _check_features(model, config, samples.X)
    _check_targets(model, config, samples.y)


def _check_names(model: keras.Model, config: TrainingConfig) -> None:
    """Look whether every class has a name, where any has: two of them share the one value of a model."""
    names = config.model.compilation.class_names if config.model.compilation is not None else []
    width = model.output_shape[-1] if isinstance(model.output_shape, tuple) else None
    classes = 2 if width == 1 else width
    if names and classes is not None and len(names) != classes:
        raise TrainingError(
            f"model.compilation.class_names: has {len(names)} names, but the model tells {classes} classes apart; as "
            "many of both would be right"
        )


def check_numbers(X: Arrays, dataset: str) -> None:
    """Look whether features are numbers, which is all that the layers of a config take.

    Raises:
        TrainingError: there are texts; what makes numbers of them is named.
    """
    for key, array in each(X).items():
        if array.dtype == object:
            which = f" {key}" if key else ""
            raise TrainingError(
                f"dataset.transformers: the features{which} of {dataset} are texts, and a network takes numbers; "
                "text_vectorization (for an embedding), tfidf or binary_vectorizer makes numbers of them"
            )


def _check_features(model: keras.Model, config: TrainingConfig, X: Arrays) -> None:
    name = config.dataset.name
    expected = model.input_shape
    if isinstance(expected, dict) or isinstance(X, dict):
        wanted = expected if isinstance(expected, dict) else {INPUT: expected}
        given = X if isinstance(X, dict) else {}
        if wanted.keys() != given.keys():
            found = f"gives {', '.join(given)}" if given else "gives features without names"
            raise TrainingError(
                f"model.input_shape: has {', '.join(wanted)}, but {name} {found}; the same names would be right"
            )
        for key, shape in wanted.items():
            _check_shape(f"model.input_shape.{key}", tuple(shape[1:]), given[key].shape[1:], name)
    else:
        _check_shape("model.input_shape", tuple(expected[1:]), X.shape[1:], name)


def _check_shape(where: str, expected: tuple[int | None, ...], found: tuple[int, ...], name: str) -> None:
    if not _same(expected, found):
        raise TrainingError(
            f"{where}: {list(expected)} does not fit the samples of {name}, which are of shape {list(found)}"
        )


def _check_targets(model: keras.Model, config: TrainingConfig, y: Arrays) -> None:
    network = config.model.network or []
    layer = f"model.network.{len(network) - 1} ({network[-1].type})" if network else "model"
    where = "model.compilation.loss"
    losses = config.model.compilation.loss if config.model.compilation else None
    targets = f"the targets of {config.dataset.name}"
    if not isinstance(model.output_shape, dict) and not isinstance(y, dict):
        of_loss = f"{where} ({losses.type})" if isinstance(losses, ComponentEntry) else where
        loss = next(iter(model.loss.values())) if isinstance(model.loss, dict) else model.loss
        _check_output(loss, tuple(model.output_shape[1:]), y, layer, of_loss, targets)
        return
    outputs = model.output_shape if isinstance(model.output_shape, dict) else {}
    given = y if isinstance(y, dict) else {}
    if outputs.keys() != given.keys():
        wanted = f"the outputs {', '.join(outputs)}" if outputs else "one output"
        found = f"are {', '.join(given)}" if given else "have no names"
        raise TrainingError(
            f"model.outputs: the model has {wanted}, but {targets} {found}; the same names would be right"
        )
    for name, shape in outputs.items():
        loss = model.loss.get(name) if isinstance(model.loss, dict) else model.loss
        if loss is not None:
            of_loss = f"{where}.{name}" if isinstance(model.loss, dict) else where
            _check_output(
                loss, tuple(shape[1:]), given[name], f"model.outputs ({name})", of_loss, f"{targets}, {name},"
            )


def _check_output(loss: Any, output: tuple[int | None, ...], y: Array, layer: str, of_loss: str, targets: str) -> None:
    if isinstance(loss, BY_CLASS_NUMBER):
        if not _same(output[:-1], y.shape[1:]) and not _same((*output[:-1], 1), y.shape[1:]):
            raise TrainingError(
                f"{of_loss}: wants the number of a class for every {_values(output)} of the model, but {targets} are "
                f"{_values(y.shape[1:])} a sample"
            )
        _check_class_numbers(y, output[-1], getattr(loss, "ignore_class", None), layer, of_loss, targets)
        return
    if isinstance(loss, _OF_OWN_SHAPE):
        return
    if not _same(_without_ones(output), _without_ones(y.shape[1:])):
        hint = ""
        if isinstance(loss, _OF_CLASSES) and len(y.shape) == 1:
            hint = "; for class numbers take the loss sparse_categorical_crossentropy, or dataset.one_hot"
        raise TrainingError(
            f"{layer}: the model gives {_values(output)} a sample, but {targets} are {_values(y.shape[1:])}{hint}"
        )
    if isinstance(loss, OF_PROBABILITIES):
        least, greatest, _ = span(y)
        if least < 0 or greatest > 1:
            raise TrainingError(
                f"{of_loss}: wants targets from 0 to 1, but {targets} go from {least:g} to {greatest:g}"
            )


def _check_class_numbers(y: Array, classes: int | None, ignored: int | None, layer: str, loss: str, of: str) -> None:
    counted = [span(some) for portion in portions(y) if (some := portion[portion != ignored]).size]
    if not counted:
        return
    leasts, greatests, whole = zip(*counted, strict=True)
    if not all(whole):
        raise TrainingError(f"{loss}: wants whole numbers of classes, but {of} are measured; take a loss such as mse")
    first, last = int(min(leasts)), int(max(greatests))
    if first < 0:
        raise TrainingError(f"{loss}: wants classes from 0 on, but {of} begin with {first}")
    if classes is not None and last >= classes:
        raise TrainingError(
            f"{layer}: gives a value for {classes} classes, but {of} are the classes 0 to {last}; {last + 1} values or "
            "more would be right"
        )


def _same(expected: tuple[int | None, ...], found: tuple[int | None, ...]) -> bool:
    return len(expected) == len(found) and all(e in (None, f) for e, f in zip(expected, found, strict=True))


def _without_ones(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return a shape without its last ones, which losses squeeze away."""
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _values(shape: tuple[int | None, ...]) -> str:
    if not _without_ones(shape):
        return "1 value"
    return f"{shape[0]} values" if len(shape) == 1 else f"values of shape {list(shape)}"
