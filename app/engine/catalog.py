"""Write the component catalog from the installed Keras: ``python -m app.engine.catalog``.

The catalog is a file so that nothing but the engine needs Keras. What Keras says nowhere in a form that a program can
read is told here, in tables: which parameters have bounds, and the types that neither a default nor a docstring shows.
The types are those of :mod:`app.config.catalog`.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from app.resources import resource

Entry = dict[str, Any]

MODULES = {
    "layer": "keras.layers",
    "optimizer": "keras.optimizers",
    "loss": "keras.losses",
    "metric": "keras.metrics",
    "schedule": "keras.optimizers.schedules",
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
}

#: Classes that no JSON can describe: abstract bases, and what is made of code, of objects or of foreign models.
LEFT_OUT = frozenset({
    "Layer", "Wrapper", "InputSpec", "Lambda", "FlaxLayer", "JaxLayer", "TorchModuleWrapper", "TFSMLayer",
    "Optimizer", "MultiOptimizer", "OptimizerMap", "Loss", "Metric", "MeanMetricWrapper", "Mean", "Sum",
    "LearningRateSchedule", "Initializer", "Regularizer", "Constraint",
})  # fmt: skip

#: Settings that no JSON has a value for, or that only ``adapt`` or GPTQ would use.
WITHOUT_EFFECT = {"input_tensor", "gptq_unpacked_column_size", "quantization_config", "Bidirectional.weights"} | {
    "Embedding.weights", "Discretization.num_bins", "Discretization.epsilon",
}  # fmt: skip

CALLBACKS = {
    "early_stopping": ("EarlyStopping", []),
    "model_checkpoint": ("ModelCheckpoint", []),
    "reduce_learning": ("ReduceLROnPlateau", ["reduce_lr_on_plateau"]),
    "terminate_on_nan": ("TerminateOnNaN", []),
    "remote_monitor": ("RemoteMonitor", []),
    "learning_rate_scheduler": ("LearningRateScheduler", []),
    "tensorboard": ("TensorBoard", []),
    "csv_logger": ("CSVLogger", []),
    "lambda_callback": ("LambdaCallback", []),
    "backup_and_restore": ("BackupAndRestore", []),
    "swap_ema_weights": ("SwapEMAWeights", []),
    "history": ("History", []),
    "progbar_logger": ("ProgbarLogger", []),
}

#: What a callback's files are called where the config does not say so.
CALLBACK_FILES = {"csv_logger": ("filename", "training.csv"), "backup_and_restore": ("backup_dir", None)}
BACKUP_DOC = "Folder where a run that is cut off leaves its state and the next goes on from; null keeps none for it."

#: Names that Keras itself takes for something else; what they stand for is asked of Keras.
SHORT_FORMS = {
    "loss": ["mse", "mae", "mape", "msle", "bce", "kld"],
    "metric": ["mse", "mae", "mape", "msle", "bce"],
    "initializer": ["normal", "uniform", "one", "zero"],
}

#: Names of older Keras versions and of ``keras.metrics`` functions that belong to a class of another name.
OLDER_NAMES = {
    ("layer", "input_layer"): ["input"],
    ("layer", "gru"): ["cudnn_gru"],
    ("layer", "lstm"): ["cudnn_lstm"],
    ("loss", "kl_divergence"): ["kullback_leibler_divergence"],
    ("metric", "kl_divergence"): ["kullback_leibler_divergence", "kld"],
    ("metric", "log_cosh_error"): ["log_cosh"],
    ("metric", "accuracy"): ["acc"],
}

DOCS = {
    ("layer", "input_layer"): "Layer that gives the shape of the model's input.",
    ("metric", "accuracy"): "How often predictions match labels: binary, categorical or sparse, by the model's output.",
}

#: What a class that takes keyword arguments hands on to its base: these parameters, or (none named) all of them.
INHERITED = {"layer": ("name", "dtype", "trainable"), "optimizer": ()}

#: Types by parameter name, for all components or, as ``Class.parameter``, for one.
TYPES = {
    "name": "str", "dtype": "str", "trainable": "bool", "seed": "int", "axis": "int|int[]", "axes": "int|int[]",
    "learning_rate": "float|schedule", "inner_optimizer": "optimizer", "layer": "layer", "backward_layer": "layer",
    "cell": "layer|layer[]", "cells": "layer[]", "layers": "layer[]", "noise_shape": "shape",
    "output_shape": "int|shape", "target_shape": "shape", "shape": "shape", "batch_shape": "shape",
    "dims": "int[]", "value_range": "float[2]", "factor": "float|float[2]", "sigma": "float|float[2]",
    "fill_value": "float", "loss_scale_factor": "float", "clipnorm": "float", "clipvalue": "float",
    "global_clipnorm": "float", "weight_decay": "float", "ema_overwrite_frequency": "int",
    "gradient_accumulation_steps": "int", "thresholds": "float|float[]", "threshold": "float",
    "label_weights": "float[]",
    "class_id": "int", "ignore_class": "int", "target_class_ids": "int[]", "top_k": "int", "average": "str",
    "baseline": "float", "min_delta": "float", "initial_value_threshold": "float", "max_value": "float",
    "min_value": "float", "standardize": "str", "split": "str", "ngrams": "int|int[]", "salt": "int|int[2]",
    "idf_weights": "float[]", "bin_boundaries": "float[]", "vocabulary_dtype": "str", "max_tokens": "int",
    "mask_value": "float", "mask_token": "str", "vocabulary": "str|str[]", "sparse": "bool", "ragged": "bool",
    "batch_size": "int", "shared_axes": "int[]", "attention_axes": "int[]", "input_axes": "int[]",
    "output_axes": "int[]",
    "key_dim": "int", "value_dim": "int", "head_dim": "int", "height": "int", "width": "int", "max_number": "int",
    "boundaries": "float[]", "values": "float[]", "decay_steps": "int", "dropout": "float", "rate": "float",
    "alpha": "float", "beta": "float", "label_smoothing": "float", "adam_lr_ratio": "float", "equation": "str",
    "bias_axes": "str", "use_scale": "bool", "flash_attention": "bool", "use_cudnn": "str|bool", "merge_mode": "str",
    "logit_soft_cap": "float", "reverse_dtype": "str", "exclude_layers": "str[]", "tile_grid_size": "int[2]",
    "window": "str|float[]", "scaling": "str", "RandomPosterization.factor": "int",
    "LearningRateScheduler.schedule": "schedule", "RemoteMonitor.headers": "dict", "log_dir": "str",
    "BackupAndRestore.backup_dir": "path|null",
    "TensorBoard.update_freq": "str|int", "TensorBoard.profile_batch": "int|int[2]", "save_freq": "str|int",
    "embeddings_metadata": "str|dict", "on_epoch_begin": "str", "on_epoch_end": "str", "on_train_begin": "str",
    "on_train_end": "str", "on_train_batch_begin": "str", "on_train_batch_end": "str",
    "CategoricalFocalCrossentropy.alpha": "float|float[]", "Hashing.mask_value": "int|str",
    "IntegerLookup.mask_token": "int", "IntegerLookup.vocabulary": "str|int[]", "Normalization.mean": "float|float[]",
    "Normalization.variance": "float|float[]", "RandomErasing.scale": "float|float[2]",
}  # fmt: skip

#: Parameters that have one value per dimension of the layer, or one for all.
PER_DIMENSION = frozenset({
    "kernel_size", "strides", "dilation_rate", "output_padding", "pool_size", "output_size", "size",
})  # fmt: skip

#: Choices that a docstring lists in no regular form, by parameter name or ``Class.parameter``.
CHOICES = {
    "data_format": ["channels_last", "channels_first"],
    "fill_mode": ["constant", "nearest", "wrap", "reflect"],
    "Resizing.fill_mode": ["constant"],
    "AUC.curve": ["ROC", "PR"],
    "AUC.summation_method": ["interpolation", "minoring", "majoring"],
    "RandomFlip.mode": ["horizontal", "vertical", "horizontal_and_vertical"],
    "TextVectorization.standardize": ["lower_and_strip_punctuation", "lower", "strip_punctuation"],
    "TextVectorization.split": ["whitespace", "character"],
    "IntegerLookup.oov_method": ["floormod", "farmhash"],
}

#: Whole numbers, or lists of them, of at least 1; numbers from 0 to 1; numbers of at least 0.
COUNTS = frozenset({
    "units", "filters", "kernel_size", "pool_size", "strides", "dilation_rate", "groups", "depth_multiplier",
    "input_dim", "output_dim", "num_heads", "key_dim", "value_dim", "head_dim", "num_query_heads",
    "num_key_value_heads", "n", "size", "height", "width", "num_classes", "num_bins", "k", "top_k",
    "decay_steps", "first_decay_steps", "output_size", "bins", "period", "max_number", "batch_size",
    "power_iterations", "max_tokens",
})  # fmt: skip
FRACTIONS = frozenset({
    "rate", "dropout", "recurrent_dropout", "momentum", "label_smoothing", "beta_1", "beta_2", "rho",
    "ema_momentum", "recall", "precision", "specificity", "sensitivity",
})  # fmt: skip
NOT_NEGATIVE = frozenset({
    "learning_rate", "initial_learning_rate", "min_lr", "patience", "cooldown", "start_from_epoch", "stddev",
    "clipnorm", "clipvalue", "global_clipnorm", "epsilon",
})  # fmt: skip

#: What comes before a list of choices in a docstring.
_BEFORE_LIST = re.compile(
    r"\b(one of|either|string,|support(s|ed \w+)|values (can be|are)|can be)(?!\w)", re.IGNORECASE
)


def catalog() -> dict[str, dict[str, Entry]]:
    """Return the whole catalog: kind, id, and what the file says about the component."""
    found: dict[str, dict[str, Entry]] = {kind: _classes(kind, module) for kind, module in MODULES.items()}
    found["activation"] = _activations()
    found["callback"] = _callbacks()
    for (kind, id), names in OLDER_NAMES.items():
        found[kind][id]["aliases"] += names
    for (kind, id), doc in DOCS.items():
        found[kind][id]["doc"] = doc
    return {
        kind: {id: _ordered(entry) for id, entry in sorted(components.items())}
        for kind, components in sorted(found.items())
    }


def text() -> str:
    """Return the catalog as the file holds it."""
    return json.dumps(catalog(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _ordered(entry: Entry) -> Entry:
    aliases = {"aliases": sorted(entry["aliases"])} if entry["aliases"] else {}
    return {"cls": entry["cls"], "doc": entry["doc"], **aliases, "parameters": entry["parameters"]}


def _classes(kind: str, path: str) -> dict[str, Entry]:
    module = _module(path)
    public: dict[type, list[str]] = {}
    for name, value in sorted(vars(module).items()):
        if inspect.isclass(value) and value.__name__ not in LEFT_OUT:
            public.setdefault(value, []).append(name)
    found = {}
    for cls, names in public.items():
        name = cls.__name__ if cls.__name__ in names else names[0]
        aliases = [component_id(kind, other) for other in names]
        found[component_id(kind, name)] = _entry(kind, f"{path}.{name}", cls, component_id(kind, name), aliases)
    for short in SHORT_FORMS.get(kind, []):
        meant = module.get(short)
        name = meant.__name__ if inspect.isfunction(meant) else type(meant).__name__
        found[component_id(kind, name)]["aliases"].append(short)
    return found


def _entry(kind: str, path: str, cls: type, id: str, names: list[str]) -> Entry:
    aliases = [name for name in dict.fromkeys(names) if name.replace("_", "") != id.replace("_", "")]
    parameters = list(_parameters(kind, cls))
    for parameter in parameters:
        if kind == "metric" and parameter["name"] == "name" and parameter.get("default") is None:
            # Keras would count instances (auc, auc_1 ...), and a metric's name must not depend on earlier runs.
            parameter["default"] = id
    return {"cls": path, "doc": sentence(cls.__doc__ or ""), "aliases": aliases, "parameters": parameters}


def _activations() -> dict[str, Entry]:
    names: dict[Callable[..., Any], list[str]] = {}
    for name, value in sorted(vars(keras.activations).items()):
        if inspect.isfunction(value) and name not in {"get", "serialize", "deserialize"}:
            names.setdefault(value, []).append(name)
    return {
        function.__name__: {
            "cls": f"keras.activations.{function.__name__}",
            "doc": sentence(function.__doc__ or ""),
            "aliases": [name for name in found if name != function.__name__],
            "parameters": [],
        }
        for function, found in names.items()
    }


def _callbacks() -> dict[str, Entry]:
    found = {
        id: _entry("callback", f"keras.callbacks.{name}", getattr(keras.callbacks, name), id, aliases)
        for id, (name, aliases) in CALLBACKS.items()
    }
    checkpoint = found["model_checkpoint"]
    period = {"name": "period", "type": "int", "default": 1, "minimum": 1, "doc": "Epochs between two checkpoints."}
    checkpoint["parameters"] = [
        period if parameter["name"] == "save_freq" else parameter for parameter in checkpoint["parameters"]
    ]
    for id, (name, default) in CALLBACK_FILES.items():
        parameter = next(each for each in found[id]["parameters"] if each["name"] == name)
        del parameter["required"]
        parameter |= {"default": default, "doc": BACKUP_DOC if default is None else parameter["doc"]}
    # Keras has it no more: it averages the metrics of an epoch by itself.
    found["base_logger"] = {
        "cls": "",
        "doc": "Averages the metrics of an epoch, as Keras does by itself.",
        "aliases": [],
    }
    for id in ("base_logger", "history", "progbar_logger"):
        found[id]["parameters"] = []
    return found


def _parameters(kind: str, cls: type) -> Iterator[Entry]:
    own = _signature(cls)
    documented = _documented(cls.__doc__ or "", own)
    for parameter in own.values():
        if not WITHOUT_EFFECT & {parameter.name, f"{cls.__name__}.{parameter.name}"}:
            yield _parameter(cls.__name__, parameter, documented.get(parameter.name, ""))
    if kind in INHERITED and any(p.kind is p.VAR_KEYWORD for p in inspect.signature(cls).parameters.values()):
        base = keras.layers.Layer if kind == "layer" else keras.optimizers.Optimizer
        theirs = _signature(base)
        documented = _documented(base.__doc__ or "", theirs)
        for name in INHERITED[kind] or theirs:
            if name not in own:
                yield _parameter(cls.__name__, theirs[name], documented.get(name, ""))


def _parameter(component: str, parameter: inspect.Parameter, doc: str) -> Entry:
    name, required = parameter.name, parameter.default is parameter.empty
    default = None if required else plain(parameter.default)
    type_ = TYPES.get(f"{component}.{name}") or _type_by_name(component, name) or inferred(default, doc)
    if type_ != "any" and ((default is None and not required) or re.search(r"`None`|\b([Ii]f|or) None\b", doc)):
        type_ += "|null"
    entry: Entry = {"name": name, "type": type_}
    entry |= {"required": True} if required else {"default": default}
    choices = CHOICES.get(f"{component}.{name}") or CHOICES.get(name)
    if "str" in type_.split("|") and (choices := choices or listed(default, doc)):
        entry["choices"] = choices
    if name in COUNTS or name in NOT_NEGATIVE or name in FRACTIONS:
        entry["minimum"] = int(name in COUNTS)
    if name in FRACTIONS:
        entry["maximum"] = 1
    return entry | {"doc": sentence(doc)}


def _signature(cls: type) -> dict[str, inspect.Parameter]:
    variable = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    init = inspect.signature(cls.__init__)  # type: ignore[misc]  # the class's own, not a metaclass's call
    return {name: p for name, p in init.parameters.items() if name != "self" and p.kind not in variable}


def component_id(kind: str, name: str) -> str:
    """Return Keras' own id of a class: lower case for optimizers, snake case for the rest."""
    if kind == "optimizer":
        return name.lower()
    for odd, even in (("PReLU", "Prelu"), ("ReLU", "Relu"), ("IoU", "Iou")):
        name = name.replace(odd, even)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def plain(value: Any) -> Any:
    """Return a default as JSON has it; TypeError for what JSON does not have."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str | dict):
        return value
    raise TypeError(f"{value!r} has no form in JSON")


def _type_by_name(component: str, name: str) -> str:
    for kind in ("activation", "initializer", "regularizer", "constraint"):
        if name == kind or name.endswith(f"_{kind}"):
            return kind
    if name in PER_DIMENSION and (dimensions := re.search(r"(\d)D", component)):
        return f"int|int[{dimensions[1]}]"
    if name in TYPES:
        return TYPES[name]
    if name in CHOICES:
        return "str"
    return "int" if name.startswith("num_") else "float|float[2]" if name.endswith("_factor") else ""


def inferred(default: Any, doc: str) -> str:
    """Return a parameter's type by its default and the beginning of its description, ``any`` where neither tells."""
    if isinstance(default, bool):
        return "bool"
    head = sentence(doc).lower()
    items = "float" if re.search(r"\bfloats?\b", head) else "int"
    terms: list[str] = []
    if isinstance(default, int) or re.search(r"\bint(eger)?\b", head):
        terms.append(items)
    elif isinstance(default, float) or re.search(r"\b(float|floating|scalar|number|probability)\b", head):
        terms.append("float")
    elif isinstance(default, str) or re.search(r"\b(string|str)\b", head):
        terms.append("str")
    elif re.match(r"bool|whether", head):
        terms.append("bool")
    elif re.match(r"dictionary", head):
        terms.append("dict")
    if match := re.search(r"\b(?:tuple|list)s?\b(?:/\w+)* (?:of (?:size )?)?(\d|\w*)", head):
        terms.append(f"{items}[{match[1]}]" if match[1].isdigit() else f"{items}[]")
    if "dictionary" in head and "dict" not in terms:
        terms.append("dict")
    if match := re.search(r"tuple of (\d) tuples of 2", head):
        terms.append(f"{items}[2][{match[1]}]")
    return "|".join(terms) or "any"


def listed(default: Any, doc: str) -> list[str]:
    """Return the values that a description lists after words such as "one of", if the default is among them."""
    for match in _BEFORE_LIST.finditer(doc):
        words = re.findall(r"[\"'](\w+)`?[\"']", re.split(r"\.\s", doc[match.end() :])[0])
        if len(words) > 1 and (default is None or default in words):
            return list(dict.fromkeys(words))
    return []


def sentence(doc: str) -> str:
    """Return the first sentence of a docstring or a parameter's description, on one line."""
    words = " ".join(inspect.cleandoc(doc).split("\n\n")[0].split()).removeprefix("(Optional) ")
    end = re.search(r"(?<!e\.g)(?<!i\.e)\.(?= [A-Z`-]|$)", words)
    return words[: end.end()] if end else words


def _documented(doc: str, names: dict[str, inspect.Parameter]) -> dict[str, str]:
    """Return the descriptions in the ``Args:`` section of a docstring, for the parameters it really has."""
    found: dict[str, str] = {}
    name, inside = "", False
    for line in inspect.cleandoc(doc).splitlines():
        if not line.startswith(" ") and line.strip():
            name, inside = "", line.rstrip() in {"Args:", "Arguments:"}
        elif inside and (match := re.match(r" {1,8}(\w+): *(.*)", line)) and match[1] in names.keys() - found.keys():
            name = match[1]
            found[name] = match[2]
        elif name and line.strip().startswith("**"):
            name = ""
        elif name:
            found[name] = f"{found[name]} {line.strip()}"
    return found


def _module(path: str) -> Any:
    module: Any = keras
    for part in path.split(".")[1:]:
        module = getattr(module, part)
    return module


if __name__ == "__main__":
    resource("catalog", "keras.json").write_text(text(), encoding="utf-8", newline="\n")
