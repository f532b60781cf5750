"""The callbacks of a config: those of Keras, each with what the older systems added, and the user's own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from app.config.components import is_users_own
from app.config.models import ComponentEntry
from app.engine.building import make_component
from app.engine.ending import TrainingError
from app.engine.faults import sentence_of
from app.engine.own_code import load_own, make_own
from app.records.log import logger
from app.records.recorder import Recorder

log = logger("Trainer")

#: Callbacks that Keras no longer has or needs, and what became of them.
_BECAME = {
    "base_logger": "Keras averages the metrics of an epoch by itself",
    "history": "metrics.json and series/ have every metric",
    "progbar_logger": "the window and the command line show the progress",
}
#: How long a remote monitor may take to answer.
_ANSWER_SECONDS = 5.0
#: The parameters of callbacks that are files or folders, which lie in ``callbacks/<type>/`` of the execution.
_PLACES = {"csv_logger": "filename", "tensorboard": "log_dir"}


class EarlyStopping(keras.callbacks.EarlyStopping):  # type: ignore[misc]
    """Keras' early stopping, which also says why it ended the training."""

    def __init__(self, recorder: Recorder, **options: Any) -> None:
        super().__init__(**options)
        self._recorder = recorder
        self.why: str | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Tell when the end has come."""
        super().on_epoch_end(epoch, logs)
        if self.stopped_epoch:
            best = "" if self.best is None else f" (best {float(self.best):.6g} in epoch {self.best_epoch + 1})"
            self.why = f"Early stopping after epoch {epoch + 1}: {self.monitor} has not improved{best}"
            log.info(self.why)
            self._recorder.event("note", message=self.why, epoch=epoch + 1)


class ModelCheckpoint(keras.callbacks.ModelCheckpoint):  # type: ignore[misc]
    """Keras' checkpoint with the ``period`` that it once had, which notes every file it saves.

    Files are written beside and replaced in. One that cannot be written is a warning: the training is worth more.

    Args:
        recorder: notes what was saved.
        folder: where the files go, ``callbacks/model_checkpoint`` of the execution.
        filepath: a name with ``{epoch}`` and metrics in it, below the folder.
        period: save after every so many epochs.
        options: those of Keras' own.

    Raises:
        ValueError: the files would not be in the folder, or have an ending that Keras does not know.
    """

    def __init__(self, recorder: Recorder, folder: Path, filepath: str, period: int = 1, **options: Any) -> None:
        if not (folder / filepath).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"filepath {filepath!r} leads out of the run's folder")
        ending = next((ending for ending in (".weights.h5", ".h5") if filepath.endswith(ending)), Path(filepath).suffix)
        self._partial = folder / f".partial{ending}"
        # Keras formats the whole path, and a folder may have braces in its name.
        super().__init__(filepath=str(self._partial).replace("{", "{{").replace("}", "}}"), **options)
        self._recorder = recorder
        self._folder = folder
        self._name = filepath
        self._period = period

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save after every ``period`` epochs."""
        if (epoch + 1) % self._period:
            return
        try:
            super().on_epoch_end(epoch, logs)
            if self._partial.exists():  # with save_best_only Keras may have found nothing to save
                self._put_in_place(epoch, logs or {})
        except (OSError, RuntimeError) as error:  # h5py has either for a full disk
            text = f"Checkpoint of epoch {epoch + 1} could not be saved: {error}; the training goes on"
            log.warning("%s", text)
            self._recorder.event("warning", message=text)
            with contextlib.suppress(OSError):
                self._partial.unlink(missing_ok=True)

    def _put_in_place(self, epoch: int, logs: Mapping[str, float]) -> None:
        path = self._folder / self._name.format(epoch=epoch + 1, **logs)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._partial, path)
        name = path.relative_to(self._folder.parent).as_posix()
        log.info("Saved checkpoint %s", name)
        self._recorder.event("checkpoint", path=name, epoch=epoch + 1)


class BackupAndRestore(keras.callbacks.BackupAndRestore):  # type: ignore[misc]
    """Keras' backup, which says in the log where it goes on, and what is wrong with a backup that it cannot go on from.

    Args:
        where: the path of the callback in the config.
        folder: where the backup lies; the whole of it is deleted at the end, unless ``delete_checkpoint`` is false.
        options: those of Keras' own.
    """

    def __init__(self, where: str, folder: Path, **options: Any) -> None:
        super().__init__(backup_dir=str(folder), **options)
        self._where = where

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Go on from the backup, where there is one.

        Raises:
            TrainingError: it is damaged, or one of another model.
        """
        try:
            super().on_train_begin(logs)
        except (OSError, ValueError, LookupError) as error:
            raise TrainingError(
                f"{self._where}.backup_dir: the backup in {self.backup_dir} cannot be gone on from "
                f"({sentence_of(error)}); delete it, or name another folder"
            ) from error
        if Path(self._training_metadata_path).exists():
            log.info("Going on after epoch %d, from the backup in %s", self.model._initial_epoch, self.backup_dir)


class RemoteMonitor(keras.callbacks.RemoteMonitor):  # type: ignore[misc]
    """Keras' remote monitor, which says once in the log that nobody answers, and sends numbers that JSON has."""

    def __init__(self, **options: Any) -> None:
        import requests  # noqa: F401 - whoever has it not hears so before the first epoch

        super().__init__(**options)
        self._is_silent = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Send the metrics of an epoch; the training goes on whatever comes of it."""
        import requests

        values = {"epoch": epoch, **{name: float(value) for name, value in (logs or {}).items()}}
        address = self.root + self.path
        form: dict[str, Any] = {"json": values} if self.send_as_json else {"data": {self.field: json.dumps(values)}}
        try:
            requests.post(address, headers=self.headers, timeout=_ANSWER_SECONDS, **form)
        except requests.exceptions.RequestException as error:
            if not self._is_silent:
                log.warning("remote_monitor: %s cannot be reached (%s); the training goes on", address, error)
            self._is_silent = True


def make_callbacks(entries: list[ComponentEntry], folder: Path, recorder: Recorder) -> list[keras.callbacks.Callback]:
    """Return the callbacks of a config; one that has become a part of Keras or of us is named in the log instead.

    Args:
        entries: ``training.callbacks``.
        folder: ``callbacks/`` of the execution; each callback's files go to ``<folder>/<type>/``.
        recorder: what they tell about themselves.

    Raises:
        TrainingError: Keras refuses one; it is named.
    """
    made = []
    for index, entry in enumerate(entries):
        where = f"training.callbacks.{index}"
        if entry.type in _BECAME:
            log.info("%s (%s): there is nothing to do, %s", where, entry.type, _BECAME[entry.type])
            continue
        try:
            made.append(_make(entry, where, folder / entry.type, recorder))
        except (TypeError, ValueError, OSError, ImportError) as error:
            raise TrainingError(f"{where} ({entry.type}): {error}") from error
    return made


def _make(entry: ComponentEntry, where: str, folder: Path, recorder: Recorder) -> keras.callbacks.Callback:
    options = dict(entry.options)
    if is_users_own(entry.type):
        return make_own(entry.type, "callback", options, where)
    if (name := _PLACES.get(entry.type)) is not None:
        path = (folder / str(options[name])).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ValueError(f"{name} {options[name]!r} leads out of the run's folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        options[name] = str(path)
    if entry.type == "tensorboard" and importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            "Keras writes event files with TensorFlow, which is not installed here; the tracker tensorboard needs none"
        )
    match entry.type:
        case "backup_and_restore":
            # A folder of its own in any case, since Keras deletes the whole of it.
            backup = Path(options.pop("backup_dir") or folder.parent) / entry.type
            if backup.parent == folder.parent:
                log.info("%s: no other run goes on from this one's own folder; backup_dir names one that stays", where)
            backup.mkdir(parents=True, exist_ok=True)
            return BackupAndRestore(where, backup, **options)
        case "early_stopping":
            return EarlyStopping(recorder, **options)
        case "model_checkpoint":
            return ModelCheckpoint(recorder, folder, **options)
        case "remote_monitor":
            return RemoteMonitor(**options)
        case "learning_rate_scheduler":
            return keras.callbacks.LearningRateScheduler(_by_epoch(options["schedule"], f"{where}.schedule"))
        case "lambda_callback":
            functions = {name: load_own(each, "function") for name, each in options.items() if each is not None}
            return keras.callbacks.LambdaCallback(**functions)
    return _CLASSES[entry.type](**options)


#: Those that are as Keras has them.
_CLASSES: dict[str, Callable[..., keras.callbacks.Callback]] = {
    "reduce_learning": keras.callbacks.ReduceLROnPlateau,
    "terminate_on_nan": keras.callbacks.TerminateOnNaN,
    "tensorboard": keras.callbacks.TensorBoard,
    "csv_logger": keras.callbacks.CSVLogger,
    "swap_ema_weights": keras.callbacks.SwapEMAWeights,
}


def _by_epoch(schedule: Any, where: str) -> Callable[..., float]:
    """Return what gives the learning rate of an epoch, from 0: a named schedule whose step is the epoch.

    A function of the user's own may take the learning rate so far beside the epoch, as Keras lets it.
    """
    if isinstance(schedule, str):
        own: Callable[..., float] = load_own(schedule, "function")
        return own
    made = make_component("schedule", ComponentEntry.model_validate(schedule), where)
    return lambda epoch: float(made(epoch))
