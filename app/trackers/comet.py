"""Comet: an offline archive that Comet's own ``comet upload`` takes, or, where its entry says so, an online experiment.

Comet looks at a good deal by itself: code, git, the command line, packages, the machine, what frameworks log, what is
printed, its own failures. All of that is switched off here; only what the run logs gets into the experiment.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from app.trackers.base import Tracker

# Comet reads these while it is imported.
os.environ.update(
    COMET_DISABLE_AUTO_LOGGING="1",
    COMET_ERROR_TRACKING_ENABLE="false",
    COMET_DISABLE_ANNOUNCEMENT="1",
    COMET_INTERNAL_REPORTING="false",
)
_excepthook = sys.excepthook

import comet_ml  # noqa: E402
from comet_ml.messages import MetricMessage  # noqa: E402

# Comet's hook would mark an experiment as failed for an error that is not the run's.
sys.excepthook = _excepthook

_FOLDER = "comet"

#: Options of Comet's experiments: log nothing by itself.
_SILENCE: dict[str, Any] = {
    "log_code": False,
    "log_graph": False,
    "auto_param_logging": False,
    "auto_metric_logging": False,
    "auto_output_logging": False,
    "auto_log_co2": False,
    "auto_histogram_tensorboard_logging": False,
    "auto_histogram_weight_logging": False,
    "auto_histogram_gradient_logging": False,
    "auto_histogram_activation_logging": False,
    "parse_args": False,
    "log_env_details": False,
    "log_env_gpu": False,
    "log_env_host": False,
    "log_env_cpu": False,
    "log_env_network": False,
    "log_env_disk": False,
    "log_git_metadata": False,
    "log_git_patch": False,
    "display_summary_level": 0,
    "disabled": False,
}


class _NoMetricsOfItsOwn:
    """Without the metric "process duration", which Comet adds to every experiment at its end."""

    def _log_metric(self, *args: Any, **kwargs: Any) -> None:
        pass


class _Offline(_NoMetricsOfItsOwn, comet_ml.OfflineExperiment):
    pass


class _Online(_NoMetricsOfItsOwn, comet_ml.Experiment):
    pass


class CometError(RuntimeError):
    """Comet logged an error instead of raising it; the text is Comet's."""


class CometTracker(Tracker):
    """One Comet experiment a run, whose key is the run's id.

    ``mode`` is ``offline``: ``<logdir>/comet/<experiment key>.zip``, there when the run has ended; or ``online``,
    with ``api_key`` or, without one, the key from the user's keyring or environment.
    """

    def __init__(
        self,
        *,
        mode: str = "offline",
        api_key: str | None = None,
        project_name: str | None = None,
        workspace: str | None = None,
    ) -> None:
        super().__init__(mode=mode, project_name=project_name, workspace=workspace)
        if mode not in ("offline", "online"):
            raise ValueError(f"mode is {mode!r}, but must be 'offline' or 'online'")
        self._online = mode == "online"
        self._api_key = api_key
        self._place: dict[str, Any] = {"project_name": project_name, "workspace": workspace}
        self._complaints = _Complaints()

    def discard(self, run_id: str, logdir: Path, reference: dict[str, Any]) -> None:
        """Remove the archive of this run, where there is one. What is online stays there."""
        self._archive(logdir).unlink(missing_ok=True)

    def start(self, run_id: str, logdir: Path) -> None:
        """Create the experiment.

        Raises:
            CometError: Comet could not create it.
            ValueError: the mode is ``online`` and there is no key.
        """
        self._logdir = Path(logdir)
        self._scratch = self.run.scratch / _FOLDER
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        self._complaints.attach()
        try:
            with self._temporary_files():
                self._experiment = self._create()
            self._complaints.raise_first()
            if not self._experiment.alive:
                raise CometError("Comet did not create the experiment and does not say why")
        except BaseException:
            self._tidy()
            raise
        self._experiment.set_name(run_id)

    def end(self) -> None:
        """Log the state as ``trackside.state`` and close the experiment, which offline writes the archive."""
        try:
            self._experiment.log_other("trackside.state", self.state)
            with self._temporary_files():
                self._experiment.end()
            if not self._online:
                self._keep_archive()
            self._complaints.raise_first()
        finally:
            self._tidy()

    def flush(self) -> None:
        """Raise what Comet complained of since the last flush; Comet's own thread writes what was logged."""
        self._complaints.raise_first()

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Log a value with its own time; the step of a value that belongs to an epoch is the epoch too."""
        # Comet's log_metric knows no time but now, and adds two params to every value.
        message = MetricMessage(timestamp=None if self.time is None else round(self.time * 1000))
        epoch = None if name.startswith("batch/") else step
        message.set_metric(name, value, step=step, epoch=epoch)  # type: ignore[no-untyped-call]
        self._experiment._enqueue_message(message)

    def log_param(self, name: str, value: Any, step: int | None = None) -> None:
        """Log a param."""
        self._experiment.log_parameter(name, value)

    def log_tag(self, tag: str) -> None:
        """Tag the experiment."""
        self._experiment.add_tag(tag)

    def log_asset(self, name: str, file_path: str | Path) -> None:
        """Copy a file into the experiment."""
        with self._temporary_files():
            self._experiment.log_asset(str(file_path), file_name=name)

    def log_image(self, name: str, file_path: str | Path) -> None:
        """Copy an image into the experiment."""
        with self._temporary_files():
            self._experiment.log_image(str(file_path), name=name)

    def log_figure(self, name: str, figure: Any) -> None:
        """Draw a matplotlib figure into the experiment."""
        with self._temporary_files():
            self._experiment.log_figure(name, figure)

    @property
    def _key(self) -> str:
        return UUID(self.run.uuid).hex

    def _archive(self, logdir: Path) -> Path:
        return Path(logdir, _FOLDER, f"{self._key}.zip")

    def _create(self) -> Any:
        self.reference["experiment_key"] = self._key
        if self._online:
            return _Online(api_key=self._found_key(), experiment_key=self._key, **self._place, **_SILENCE)
        self.reference["archive"] = f"{_FOLDER}/{self._key}.zip"
        experiment: Any = _Offline(
            offline_directory=str(self._scratch), experiment_key=self._key, **self._place, **_SILENCE
        )
        experiment.start_time = round(self.run.started * 1000)
        return experiment

    def _found_key(self) -> str:
        from app.config.secrets import secret_for

        key = self._api_key or secret_for("comet_ml", "api_key")
        if not key:
            raise ValueError("mode is 'online', but there is no API key for comet_ml in the keyring or COMET_API_KEY")
        self._complaints.hide(key)
        return key

    def _tidy(self) -> None:
        self._complaints.detach()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _keep_archive(self) -> None:
        """Move the archive to its place in one step, so that what is there is always whole."""
        archive = self._archive(self._logdir)
        archive.parent.mkdir(parents=True, exist_ok=True)
        part = archive.with_suffix(".part")
        shutil.move(self._scratch / archive.name, part)
        os.replace(part, archive)

    @contextmanager
    def _temporary_files(self) -> Iterator[None]:
        """Let Comet make its temporary files in the scratch folder, so that a killed process leaves none elsewhere.

        Comet has no option for this. Other threads may meet the changed place meanwhile, and find it as good.
        """
        before, tempfile.tempdir = tempfile.tempdir, str(self._scratch)
        try:
            yield
        finally:
            tempfile.tempdir = before


class _Complaints(logging.Handler):
    """Keeps the errors that Comet logs, in place of Comet's printing them."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._texts: list[str] = []
        self._key = ""

    def hide(self, key: str) -> None:
        """Keep an API key, which Comet quotes when it is refused, out of what is raised."""
        self._key = key

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        self._texts.append(text.replace(self._key, "<secret>") if self._key else text)

    def attach(self) -> None:
        logger = logging.getLogger("comet_ml")
        logger.handlers[:] = [self]
        logger.setLevel(logging.ERROR)

    def detach(self) -> None:
        logging.getLogger("comet_ml").handlers[:] = [logging.NullHandler()]

    def raise_first(self) -> None:
        """Raise the first error since the last call, if there is one."""
        texts, self._texts = self._texts, []
        if texts:
            raise CometError(texts[0])
