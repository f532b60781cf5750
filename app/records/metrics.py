"""metrics.json: every metric by epoch, how long each stage took, and the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.records.files import RecordError, number, read_json, to_json

#: These are in every metrics.json, as the older systems' readers expect; the stages that came later are added.
ELAPSED_KEYS = (
    "load_data",
    "transform_preprocessors",
    "fit_transformers",
    "transform_transformers",
    "fit_model",
    "evaluate_model",
)


@dataclass
class Metrics:
    """The content of metrics.json while it grows.

    ``values`` holds, for each metric, its value by the number of the epoch (from 1); test metrics have the epoch 1.
    """

    values: dict[str, dict[int, float]] = field(default_factory=dict)
    elapsed: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ELAPSED_KEYS, 0.0))
    platform: dict[str, Any] = field(default_factory=dict)

    def set(self, name: str, epoch: int, value: float) -> None:
        """Note the value of a metric in an epoch."""
        self.values.setdefault(name, {})[epoch] = value

    def encode(self) -> bytes:
        """Return the file's content: a list a metric, null where an epoch has no value."""
        # Copies of what the training thread may be adding to: list() and dict() of a dict are atomic under the GIL.
        metrics = {name: _by_epoch(dict(values)) for name, values in list(self.values.items())}
        return to_json({"elapsed": dict(self.elapsed), "metrics": metrics, "platform": dict(self.platform)})


def _by_epoch(values: Mapping[int, float]) -> list[float | None]:
    return [values.get(epoch) for epoch in range(1, max(values, default=0) + 1)]


def read_metrics(path: Path) -> dict[str, list[float | None]]:
    """Return the metrics of a metrics.json: by name a value per epoch, None where there is none.

    Raises:
        MissingFileError: the file is not there.
        RecordError: it is not of that form.
    """
    return metrics_in(read_json(path), path)


def metrics_in(content: Any, path: Path | str) -> dict[str, list[float | None]]:
    """Return the metrics in the content of a metrics.json, as :func:`read_metrics` does.

    Raises:
        RecordError: it is not of that form; ``path`` names it.
    """
    metrics = content.get("metrics") if isinstance(content, dict) else None
    if not isinstance(metrics, dict):
        raise RecordError(f'{path}: expected an object with "metrics"')
    return {name: _numbers(items if isinstance(items, list) else [items]) for name, items in metrics.items()}


def _numbers(items: list[Any]) -> list[float | None]:
    if set(map(type, items)) == {float}:  # as nearly all are
        return items
    return [number(item) for item in items]


def read_elapsed(path: Path) -> dict[str, float]:
    """Return the seconds that each stage took, as a metrics.json tells them; {} where it does not.

    Raises:
        MissingFileError: the file is not there.
        RecordError: it is no JSON.
    """
    return elapsed_in(read_json(path))


def elapsed_in(content: Any) -> dict[str, float]:
    """Return the seconds that each stage took, as the content of a metrics.json tells them; {} where it does not."""
    elapsed = content.get("elapsed") if isinstance(content, dict) else None
    if not isinstance(elapsed, dict):
        return {}
    found = {}
    for name, item in elapsed.items():
        # Some older systems wrote {"start", "end", "duration"}.
        seconds = number(item.get("duration") if isinstance(item, dict) else item)
        if seconds is not None:
            found[name] = seconds
    return found


#: What tells by its name that a metric is better when it is higher; every loss and error is better when lower.
_HIGHER_IS_BETTER = (
    "acc", "accuracy", "auc", "precision", "recall", "f1", "fbeta", "r2", "iou", "dice", "similarity", "psnr", "ssim",
    "positives", "negatives", "score", "hit",
)  # fmt: skip


def lower_is_better(metric: str) -> bool:
    """Whether lower values of a metric are better, told by its name; False for ``val_accuracy``, True for a loss."""
    words = metric.casefold().replace("/", "_").split("_")
    if "false" in words:  # false_positives, false_negatives
        return True
    return not any(word.startswith(_HIGHER_IS_BETTER) for word in words)
