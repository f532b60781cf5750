"""What a run keeps of its pipeline, so that new data can go through the same: the folder ``pipeline/``.

``<n>-<type>.skops`` are the fitted transformers. ``samples.json`` has ``class_names``, what the classes 0, 1, ... are
called, and ``encoding``, how the columns of a table became numbers (:class:`app.engine.data.columns.Encoding`); null
where that is not known. Preprocessors learn nothing: the run's config has all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import skops.io

from app.config.components import is_users_own
from app.config.models import ComponentEntry, DatasetConfig
from app.engine.ending import TrainingError
from app.engine.own_code import load_own
from app.engine.preprocessing.steps import Step, dense, make_preprocessor, saved_transformer
from app.engine.preprocessing.transformers import TRUSTED
from app.engine.samples import Array, Arrays, Samples, apply
from app.records.files import RecordError, read_json, replace_file, to_json

_SAMPLES = "samples.json"


@dataclass(frozen=True)
class Pipeline:
    """What a run does to features, and what its targets mean."""

    steps: Sequence[Step]
    class_names: tuple[str, ...] = ()
    encoding: Mapping[str, Any] | None = None

    def transform(self, X: Arrays) -> Arrays:
        """Return features, as the dataset gives them, as the model takes them.

        Raises:
            TrainingError: a step cannot take them.
        """

        def through(array: Array) -> Array:
            made: Any = array
            for step in self.steps:
                made = step(made)
            return dense(made)

        return apply(through, X)


def save_pipeline(steps: Sequence[Step], samples: Samples, folder: Path) -> None:
    """Save fitted transformers in skops' form, which loads without running code, and what the samples mean.

    Raises:
        TrainingError: they cannot be written.
    """
    if not steps and not samples.class_names and samples.encoding is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for index, step in enumerate(steps):
            path = folder / _file(index, step.entry)
            partial = path.with_suffix(".partial")
            skops.io.dump(step.made, partial)
            partial.replace(path)
        meaning = {"class_names": list(samples.class_names) or None, "encoding": samples.encoding}
        if any(value is not None for value in meaning.values()):
            replace_file(folder / _SAMPLES, to_json(meaning))
    except OSError as error:
        raise TrainingError(f"the fitted transformers could not be saved to {folder}: {error}") from error


def load_pipeline(dataset: DatasetConfig, folder: Path) -> Pipeline:
    """Return the pipeline of a run.

    Args:
        dataset: the dataset of the run's resolved config.
        folder: the run's ``pipeline/``.

    Raises:
        TrainingError: a file is missing or broken, or it is of own code and the workspace is not trusted.
    """
    steps = [
        make_preprocessor(entry, f"dataset.preprocessors.{index}") for index, entry in enumerate(dataset.preprocessors)
    ]
    for index, entry in enumerate(dataset.transformers):
        path = folder / _file(index, entry)
        steps.append(saved_transformer(entry, f"dataset.transformers.{index}", _load(entry, path)))
    try:
        meaning = read_json(folder / _SAMPLES) if (folder / _SAMPLES).exists() else {}
    except RecordError as error:
        raise TrainingError(str(error)) from error
    return Pipeline(steps, tuple(meaning.get("class_names") or ()), meaning.get("encoding"))


def _load(entry: ComponentEntry, path: Path) -> Any:
    trusted = list(TRUSTED)
    try:
        if is_users_own(entry.type):
            load_own(entry.type, "transformer")  # whoever trusts the workspace trusts what its code has saved
            trusted = skops.io.get_untrusted_types(file=path)
        return skops.io.load(path, trusted=trusted)
    except TrainingError:
        raise
    except Exception as error:  # whatever a damaged archive makes of it
        raise TrainingError(f"{path}: cannot be loaded ({error})") from error


def _file(index: int, entry: ComponentEntry) -> str:
    return f"{index}-{entry.type.replace(':', '.')}.skops"
