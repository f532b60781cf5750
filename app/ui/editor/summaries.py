"""What a section holds, in a few words: in its head while it is folded, and in the status bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.config.catalog import load_catalog
from app.ui.formats import plural

_DOT, _TIMES = " · ", "\N{MULTIPLICATION SIGN}"


def summary(section: str, document: Mapping[str, Any]) -> str:
    """Return what a section of a document holds; whatever is wrong in it is left out."""
    inner = _object(document.get(section))
    parts: list[Any] = []
    match section:
        case "experiment":
            parts = [inner.get("name"), *_names(inner.get("tags"))]
        case "dataset":
            parts = [inner.get("name"), _size(inner.get("name")), *_ids(inner, "preprocessors", "transformers")]
        case "model":
            named = _named(inner)
            parts = [named] if named else [_layers(inner), *_compiled(inner)]
        case "training":
            epochs, batch = inner.get("epochs", 10), inner.get("batch_size", 32)
            callbacks = _ids(inner, "callbacks")
            parts = [f"{epochs} epochs", f"batches of {batch}", *callbacks]
        case "tracking":
            parts = _ids(inner, "trackers")
        case "session":
            options = _object(inner.get("options"))
            cores = options.get("num_cores")
            parts = [inner.get("device"), plural(cores, "core") if isinstance(cores, int) else None]
    return _DOT.join(part for part in parts if isinstance(part, str) and part)


def note(section: str, document: Mapping[str, Any]) -> str:
    """Return what stands at the right of an unfolded section: how large the model is, or what of it is not used."""
    if section != "model":
        return ""
    model = _object(document.get(section))
    layers = _layers(model) or ""
    return f"the network of {layers} is not used" if _named(model) and model.get("network") else layers


def model_line(document: Mapping[str, Any]) -> str:
    """Return the model in a line: Sequential · adam · mse."""
    model = _object(document.get("model"))
    if name := _named(model):
        return name
    kind = "Sequential" if model.get("network") else ""
    return _DOT.join(part for part in [kind, *_compiled(model)] if isinstance(part, str) and part)


def _named(model: Mapping[str, Any]) -> str:
    """Return the id of a model that is no network: it is trained, whatever network stands beside it."""
    name = model.get("name")
    return name if isinstance(name, str) else ""


def _layers(model: Mapping[str, Any]) -> str | None:
    network = model.get("network")
    return plural(len(network), "layer") if isinstance(network, list) else None


def _compiled(model: Mapping[str, Any]) -> list[Any]:
    compilation = _object(model.get("compilation"))
    return [_id(compilation.get("optimizer")), _id(compilation.get("loss"))]


def _size(dataset: Any) -> str | None:
    """Return rows and shape of a sample as far as the catalog knows them: 506 by 13."""
    found = load_catalog().get("dataset", dataset) if isinstance(dataset, str) else None
    if found is None:
        return None
    sizes = [found.info.get("rows"), *found.info.get("features", ())]
    return f" {_TIMES} ".join(f"{size:,}" for size in sizes if isinstance(size, int))


def _ids(section: Mapping[str, Any], *keys: str) -> list[Any]:
    lists = (section.get(key) for key in keys)
    return [_id(entry) for entries in lists if isinstance(entries, list) for entry in entries]


def _id(entry: Any) -> Any:
    return entry.get("type") if isinstance(entry, Mapping) else entry


def _names(tags: Any) -> list[Any]:
    return list(tags) if isinstance(tags, Mapping | list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
