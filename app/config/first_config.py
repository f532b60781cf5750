"""A first config for data of the user's own: a split, a small network that learns it, and why each was chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config.documents import Document
from app.config.guessing import Choice, Guess, GuessError, with_kinds
from app.config.survey import ColumnFacts, Survey

Layer = dict[str, Any]

_SPLIT = {"fit": 0.7, "val": 0.15, "test": 0.15}
#: Fewer samples leave none to validate or to test on.
_LEAST_ROWS = 10
#: The longest side of an image that a first network on a CPU should have, and the side from which it is flattened (px).
_LONGEST_SIDE, _SMALL_SIDE = 128, 8
_TEXT_FEATURES = 5000
#: Classes whose frequencies differ by more than this get weights.
_IMBALANCE = 5.0


@dataclass(frozen=True)
class FirstConfig:
    """A config, and what was chosen in it with the reason: ``("Loss", "mean squared error", "numbers ...")``."""

    document: Document
    reasons: Sequence[tuple[str, str, str]]


def first_config(survey: Survey, guess: Guess, choice: Choice = Choice()) -> FirstConfig:  # noqa: B008 - immutable
    """Return a config that trains on the data.

    Raises:
        GuessError: there are too few samples.
    """
    if survey.rows < _LEAST_ROWS:
        plural = "sample" if survey.rows == 1 else "samples"
        raise GuessError(f"{Path(survey.path).name} has {survey.rows} {plural}; {_LEAST_ROWS} or more would be right")
    survey = with_kinds(survey, choice.kinds)
    dataset, why_data = _dataset(survey, guess, choice)
    hidden, why_network = _hidden(survey, guess)
    last, loss, metrics, why_loss = _end(survey, guess)
    batch, epochs, patience = _pace(survey)
    stop = {"type": "early_stopping", "monitor": "val_loss", "patience": patience, "restore_best_weights": True}
    training: dict[str, Any] = {"samples": dict(_SPLIT), "batch_size": batch, "epochs": epochs, "callbacks": [stop]}
    reasons = [
        ("Split", "70 % fit, 15 % validation, 15 % test", f"{survey.rows:,} samples, shuffled"),
        *why_data,
        ("Network", " · ".join(_layer_name(layer) for layer in [*hidden, *last]), why_network),
        why_loss,
        ("Training", f"{epochs} epochs, batches of {batch}", f"stops after {patience} without a better val_loss"),
    ]
    if (spread := _imbalance(survey, guess)) > _IMBALANCE:
        training["class_weight"] = "balanced"
        reasons.append(("Class weight", "balanced", f"one class is {spread:.0f} times as frequent as another"))
    reasons.append(("Tracking", "TensorBoard and MLflow", "every run can be opened there"))
    document = {
        "experiment": {"name": _title(survey.path)},
        "model": {
            "network": [*hidden, *last],
            "compilation": {"optimizer": "adam", "loss": loss, "metrics": metrics},
        },
        "dataset": dataset,
        "training": training,
        "tracking": {"trackers": [{"type": "tensorboard"}, {"type": "mlflow"}]},
    }
    return FirstConfig(document, tuple(reasons))


def file_name(survey: Survey) -> str:
    """Return what the file of the config is called: house_prices.json."""
    return re.sub(r"[^\w.-]+", "_", _stem(survey.path)).strip("._").lower() + ".json"


def _dataset(survey: Survey, guess: Guess, choice: Choice) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """Return the section of the dataset, and why it is so."""
    parameters = {"path": survey.path, **survey.parameters}
    section: dict[str, Any] = {"name": survey.dataset, "parameters": parameters}
    reasons: list[tuple[str, str, str]] = []
    if survey.kind == "images":
        sides = _sides(survey)
        if "size" in parameters or sides != list(survey.shape[:2]):
            why = "the images differ in size" if "size" in parameters else "small enough to train on a CPU"
            parameters["size"] = sides
            reasons.append(("Size", f"{sides[0]} by {sides[1]}", why))
        section["preprocessors"] = [{"type": "divide", "factor": 255}]
        reasons.append(("Preprocessing", "divide by 255", "pixels from 0 to 1"))
    elif survey.kind == "texts":
        _use_words(section, reasons)
    elif survey.kind == "arrays":
        if "target_path" not in parameters:  # files of one array each have no keys
            parameters |= {"features": guess.features, "target": guess.target}
        array = survey.array(guess.features)
        assert array is not None
        if array.dtype == "uint8" and len(array.shape) > 2:
            section["preprocessors"] = [{"type": "divide", "factor": 255}]
            reasons.append(("Preprocessing", "divide by 255", "bytes of pixels become 0 to 1"))
        elif len(array.shape) == 2:
            _scale(section, reasons)
    else:
        _use_table(survey, guess, choice, section, reasons)
    return section, reasons


def _use_table(
    survey: Survey, guess: Guess, choice: Choice, section: dict[str, Any], reasons: list[tuple[str, str, str]]
) -> None:
    parameters = section["parameters"]
    used = features_of(survey, guess)
    target = survey.column(guess.target)
    assert target is not None
    parameters["target"] = guess.target
    if any(each.name in guess.left_out for each in survey.columns):
        parameters["features"] = [each.name for each in used]
    types = {name: kind for name, kind in choice.kinds.items() if name in {each.name for each in used}}
    types |= {each.name: "text" for each in used if each.kind == "text"}
    if guess.task != "regression" and target.kind not in ("category", "boolean"):
        types[target.name] = "category"  # whatever the numbers of the classes are, they become 0, 1, ...
    elif choice.kinds.get(target.name) == "category":
        types[target.name] = "category"
    if types:
        parameters["types"] = types
    if guess.classes > 100:
        parameters["max_categories"] = guess.classes
    lacking = [each for each in used if each.missing]
    if target.missing:
        parameters["missing"] = "drop"
        reasons.append(("Missing targets", "leave the rows out", f"{target.missing:,} rows have no {target.name}"))
    if lacking:
        parameters["missing"] = "median"  # a row without a target is left out all the same
        count = sum(each.missing for each in lacking)
        named = ", ".join(each.name for each in lacking[:3]) + (" …" if len(lacking) > 3 else "")
        why = f"{count:,} are missing ({named})"
        reasons.append(("Missing values", "the column's median", f"{why}; learned on the training rows alone"))
    if [each.kind for each in used] == ["text"]:
        _use_words(section, reasons)
        return
    if categories := [each.name for each in used if each.kind in ("category", "boolean")]:
        named = ", ".join(categories[:3]) + (" …" if len(categories) > 3 else "")
        reasons.append(("Categories", "a column of 0 and 1 for each", named))
    _scale(section, reasons)


def features_of(survey: Survey, guess: Guess) -> list[ColumnFacts]:
    """Return the columns of a table that are learned from."""
    return [each for each in survey.columns if each.name not in (guess.target, "") and each.name not in guess.left_out]


def _scale(section: dict[str, Any], reasons: list[tuple[str, str, str]]) -> None:
    section["transformers"] = [{"type": "standard_scaler"}]
    reasons.append(("Scaling", "mean 0, deviation 1", "fitted on the training rows alone"))


def _use_words(section: dict[str, Any], reasons: list[tuple[str, str, str]]) -> None:
    section["transformers"] = [{"type": "tfidf", "max_features": _TEXT_FEATURES}]
    what = f"the {_TEXT_FEATURES:,} most frequent words"
    reasons.append(("Words", what, "weighed by how few texts have them (TF-IDF), learned on the training texts"))


def _hidden(survey: Survey, guess: Guess) -> tuple[list[Layer], str]:
    """Return the layers before the last one, and why they are so."""
    if survey.kind == "images":
        return _convolutions(_sides(survey)), "convolutions see parts of an image wherever they are"
    if survey.kind == "texts" or (
        survey.kind == "table" and [each.kind for each in features_of(survey, guess)] == ["text"]
    ):
        return [_dense(64), {"type": "dropout", "rate": 0.5}], "small, so that it does not learn single texts by heart"
    if survey.kind == "arrays":
        array = survey.array(guess.features)
        assert array is not None
        shape = list(array.shape[1:])
        if is_image(shape):
            channels = [] if len(shape) == 3 else [{"type": "reshape", "target_shape": [*shape, 1]}]
            return [*channels, *_convolutions(shape[:2])], "convolutions see parts of an image wherever they are"
        if len(shape) == 2:
            steps: list[Layer] = [
                {"type": "batch_normalization"},
                {"type": "conv1d", "filters": 32, "kernel_size": 3, "padding": "same", "activation": "relu"},
                {"type": "conv1d", "filters": 64, "kernel_size": 3, "padding": "same", "activation": "relu"},
                {"type": "global_average_pooling1d"},
            ]
            return steps, "convolutions see what follows each other"
        if len(shape) > 2:
            return [{"type": "flatten"}, {"type": "batch_normalization"}, *_denses(survey.rows)], "small and quick"
    return _denses(survey.rows), f"small, as {survey.rows:,} rows teach no more"


def is_image(shape: Sequence[int]) -> bool:
    """Return whether samples of a shape look like images: rows and columns, with 1, 3 or 4 channels or none."""
    return len(shape) in (2, 3) and min(shape[:2]) >= _SMALL_SIDE and (len(shape) == 2 or shape[2] in (1, 3, 4))


def _denses(rows: int) -> list[Layer]:
    units = 32 if rows < 300 else 64 if rows < 20_000 else 128
    return [_dense(units), _dense(units // 2)]


def _dense(units: int) -> Layer:
    return {"type": "dense", "units": units, "activation": "relu"}


def _convolutions(sides: Sequence[int]) -> list[Layer]:
    """Return convolutions that halve an image until it is small, and a layer that looks at what they found."""
    layers: list[Layer] = []
    side, filters = min(sides), 16
    while side >= _SMALL_SIDE and filters <= 128:
        layers.append({"type": "conv2d", "filters": filters, "kernel_size": 3, "padding": "same", "activation": "relu"})
        layers.append({"type": "max_pooling2d"})
        side, filters = side // 2, filters * 2
    return [*layers, {"type": "flatten"}, _dense(64), {"type": "dropout", "rate": 0.3}]


def _end(survey: Survey, guess: Guess) -> tuple[list[Layer], str, list[str], tuple[str, str, str]]:
    """Return the last layers, the loss, the metrics, and why."""
    if guess.task == "binary":
        last: Layer = {"type": "dense", "units": 1, "activation": "sigmoid"}
        why = ("Loss", "binary cross entropy", f"two classes: {guess.task_reason}")
        return [last], "binary_crossentropy", ["accuracy", "auc"], why
    if guess.task == "classes":
        last = {"type": "dense", "units": guess.classes, "activation": "softmax"}
        rows = survey.kind == "arrays" and survey.column(guess.target) is None
        loss = "categorical_crossentropy" if rows else "sparse_categorical_crossentropy"
        return [last], loss, ["accuracy"], ("Loss", "cross entropy", f"{guess.classes} classes: {guess.task_reason}")
    column = survey.column(guess.target)
    array = survey.array(guess.target)
    units = array.shape[1] if column is None and array is not None else 1
    layers: list[Layer] = [{"type": "dense", "units": units}]
    if column is not None and (scale := _scale_of(column)) is not None:
        layers.append(scale)
    return (
        layers,
        "mean_squared_error",
        ["mean_absolute_error"],
        (
            "Loss",
            "mean squared error",
            f"the target is a number: {guess.task_reason}",
        ),
    )


def _scale_of(column: ColumnFacts) -> Layer | None:
    """Return a layer that brings values about 0 to where the target's are, where these are far from it.

    A network that begins at 0 would take most of its steps to get to prices of 200,000.
    """
    if column.mean is None or not column.deviation:
        return None
    if abs(column.mean) < 10 and 0.1 < column.deviation < 10:
        return None
    return {"type": "rescaling", "scale": _rounded(column.deviation), "offset": _rounded(column.mean)}


def _rounded(value: float) -> float:
    rounded = float(f"{value:.3g}")
    return int(rounded) if rounded.is_integer() else rounded


def _pace(survey: Survey) -> tuple[int, int, int]:
    """Return batch size, epochs and patience: some thousand steps, whatever there is."""
    if survey.kind in ("images", "texts"):
        return 32, 20, 5
    batch = 16 if survey.rows < 1000 else 32 if survey.rows < 20_000 else 128 if survey.rows < 200_000 else 512
    epochs = 100 if survey.rows < 5000 else 30 if survey.rows < 100_000 else 10
    return batch, epochs, max(epochs // 10, 3)


def _imbalance(survey: Survey, guess: Guess) -> float:
    column = survey.column(guess.target)
    counts: Mapping[str, int] = survey.classes or (column.counts if column is not None else {})
    if guess.task == "regression" or not counts or min(counts.values()) == 0:
        return 1.0
    return max(counts.values()) / min(counts.values())


def _sides(survey: Survey) -> list[int]:
    """Return height and width of the images, scaled down where they are large."""
    height, width = survey.shape[:2]
    scale = min(_LONGEST_SIDE / max(height, width), 1.0)
    return [max(round(height * scale), 1), max(round(width * scale), 1)]


def _layer_name(layer: Layer) -> str:
    size = layer.get("units", layer.get("filters", layer.get("rate", "")))
    return f"{layer['type']} {size}".strip()


def _title(path: str) -> str:
    return re.sub(r"[\W_]+", " ", _stem(path)).strip().capitalize() or "Experiment"


def _stem(path: str) -> str:
    name = Path(path).name
    while (suffix := Path(name).suffix) and re.fullmatch(r"\.[A-Za-z]\w{0,7}", suffix) and Path(name).stem:
        name = Path(name).stem
    return name or "data"
