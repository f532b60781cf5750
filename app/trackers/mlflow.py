"""MLflow: a file store in ``<logdir>/mlruns`` or an SQLite store in ``<logdir>/mlflow.db``, never a server."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock

from app.records.processes import user_name
from app.trackers.base import Tracker

# MLflow reads these while it is imported, to send nothing home.
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.utils.validation import (
    MAX_METRICS_PER_BATCH,
    MAX_PARAM_VAL_LENGTH,
    MAX_PARAMS_TAGS_PER_BATCH,
)

#: The experiment that every store has; MLflow calls it "Default".
DEFAULT_EXPERIMENT = "0"

#: Seconds to wait for another process that is creating an experiment. A new SQLite store takes some seconds.
LOCK_TIMEOUT = 60

#: End states of a run; what is not here is FAILED.
_STATUS = {"finished": "FINISHED", "stopped": "KILLED"}

#: A name is a path in the file store, whose parts a file system keeps to 255 bytes.
_NAME_BYTES = 240
_REFUSED = re.compile(r"[^/\w.\- ]")


class MLflowTracker(Tracker):
    """One MLflow run a run, named as the execution.

    ``experiment_name`` is got or created; without it the run goes to experiment 0. ``store`` is ``files`` or
    ``sqlite``, whose artifacts go to ``<logdir>/mlartifacts``. ``source_name`` overrides the run's own.

    MLflow takes letters, digits, ``_``, ``-``, ``.``, spaces and ``/`` in names. Anything else becomes ``_``, empty
    and dotted parts of a path go, too long a name is cut, and the first 8 digits of the true name's SHA-256 follow,
    so that two names stay two. A name that would be a file where another needs a folder gets dots for its slashes and
    the digits too. A tag changed in this way has its true text as its value, any other the empty one.

    Params over MLflow's limit of 6000 characters are cut, and a tag ``trackside.cut.<param>`` says how long they were.
    """

    def __init__(
        self, *, experiment_name: str | None = None, store: str = "files", source_name: str | None = None
    ) -> None:
        super().__init__(experiment_name=experiment_name, store=store, source_name=source_name)
        if store not in ("files", "sqlite"):
            raise ValueError(f"store is {store!r}, but must be 'files' or 'sqlite'")
        self._experiment_name = experiment_name
        self._sqlite = store == "sqlite"
        self._source_name = source_name
        self._metrics: list[Metric] = []
        self._params: dict[str, str] = {}
        self._logged_params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._metric_names, self._param_names, self._tag_names = _Names(), _Names(), _Names()

    def discard(self, run_id: str, logdir: Path, reference: dict[str, Any]) -> None:
        """Remove the earlier mirror: its folder from a file store; in SQLite it is marked as deleted.

        Raises:
            ValueError: the reference leads out of the store.
        """
        client, experiment = self._open(Path(logdir))
        if "run_id" in reference:
            earlier = [(str(reference.get("experiment_id", experiment)), str(reference["run_id"]))]
        else:
            found = client.search_runs([experiment], filter_string=f"tags.`trackside.id` = '{self.run.uuid}'")
            earlier = [(experiment, run.info.run_id) for run in found]
        for experiment_id, mlflow_run in earlier:
            if self._sqlite:
                client.delete_run(mlflow_run)
            else:
                _remove_run(Path(logdir, "mlruns"), experiment_id, mlflow_run)

    def start(self, run_id: str, logdir: Path) -> None:
        """Create the MLflow run."""
        self._client, experiment = self._open(Path(logdir))
        tags = {
            "mlflow.runName": run_id,
            "mlflow.source.name": self._source_name or self.run.source_name,
            "mlflow.source.type": "LOCAL",
            "mlflow.user": user_name(),
            "trackside.id": self.run.uuid,
        }
        created = self._client.create_run(
            experiment, start_time=_milliseconds(self.run.started), tags=tags, run_name=run_id
        )
        self._run: str = created.info.run_id
        self.reference.update(run_id=self._run, experiment_id=experiment)

    def end(self) -> None:
        """Send what is left and close the run as FINISHED, KILLED (stopped) or FAILED."""
        try:
            self.flush()
        finally:
            status = _STATUS.get(self.state, "FAILED")
            end_time = None if self.time is None else _milliseconds(self.time)
            self._client.set_terminated(self._run, status, end_time)

    def flush(self) -> None:
        """Send what was logged since the last flush, in batches of the sizes that MLflow takes."""
        while self._params:
            part = dict(islice(self._params.items(), MAX_PARAMS_TAGS_PER_BATCH))
            self._client.log_batch(self._run, params=[Param(*item) for item in part.items()], synchronous=True)
            self._logged_params |= part
            for name in part:
                del self._params[name]
        while self._tags:
            part = dict(islice(self._tags.items(), MAX_PARAMS_TAGS_PER_BATCH))
            self._client.log_batch(self._run, tags=[RunTag(*item) for item in part.items()], synchronous=True)
            for name in part:
                del self._tags[name]
        while self._metrics:
            self._client.log_batch(self._run, metrics=self._metrics[:MAX_METRICS_PER_BATCH], synchronous=True)
            del self._metrics[:MAX_METRICS_PER_BATCH]

    def log_metric(self, name: str, value: float, step: int | None = None) -> None:
        """Log a value with its own time. NaN is kept; an SQLite store makes of infinity the largest float."""
        when = _milliseconds(self.time or self.run.started)
        self._metrics.append(Metric(self._metric_names.of(name), float(value), when, step or 0))

    def log_param(self, name: str, value: Any, step: int | None = None) -> None:
        """Log a param as text.

        Raises:
            ValueError: the param is logged with another value already, which MLflow does not let change.
        """
        key, text = self._param_names.of(name), str(value)
        if len(text) > MAX_PARAM_VAL_LENGTH:
            self._tags[self._tag_names.of(f"trackside.cut.{name}")] = f"{len(text)} characters"
            text = text[:MAX_PARAM_VAL_LENGTH]
        logged = self._logged_params.get(key)
        if logged is None:
            self._params[key] = text
        elif logged != text:
            raise ValueError(f"MLflow keeps {name} = {logged!r} and does not let it become {text!r}")

    def log_tag(self, tag: str) -> None:
        """Set a tag without a value."""
        name = self._tag_names.of(tag)
        self._tags[name] = "" if name == tag else tag

    def log_asset(self, name: str, file_path: str | Path) -> None:
        """Copy a file, or a folder with all that is in it, to the run's artifacts as ``name``."""
        target = PurePosixPath(acceptable(name))
        folder = "" if target.parent == PurePosixPath(".") else str(target.parent)
        if os.path.isdir(file_path):
            self._client.log_artifacts(self._run, str(file_path), str(target))
            return
        with self._scratch() as scratch:
            # MLflow names an artifact as the file that it is given.
            copy = shutil.copyfile(file_path, scratch / target.name)
            self._client.log_artifact(self._run, str(copy), folder or None)

    def log_image(self, name: str, file_path: str | Path) -> None:
        """Copy an image to the artifacts, with the suffix by which MLflow shows it as one."""
        suffix = Path(file_path).suffix
        self.log_asset(name if Path(name).suffix else name + suffix, file_path)

    def log_figure(self, name: str, figure: Any) -> None:
        """Draw a matplotlib figure to the artifacts, as PNG."""
        with self._scratch() as scratch:
            drawn = scratch / "figure.png"
            figure.savefig(drawn, format="png")
            self.log_asset(name if name.endswith(".png") else f"{name}.png", drawn)

    def _open(self, logdir: Path) -> tuple[MlflowClient, str]:
        """Open the store, creating what is missing, and return its client and the id of the experiment."""
        logdir.mkdir(parents=True, exist_ok=True)
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # or MLflow refuses to write one
        # Neither a store nor an experiment of a name is created in one step: two processes at once would make two.
        # The lock cannot be in the store, to which MLflow gives its experiment 0 only where it creates the folder.
        with FileLock(logdir / ".mlflow.lock", timeout=LOCK_TIMEOUT):
            if self._sqlite:
                uri = f"sqlite:///{(logdir / 'mlflow.db').resolve().as_posix()}"
                if not (logdir / "mlflow.db").exists():
                    _create_database(uri, logdir / "mlartifacts")
            else:
                uri = (logdir / "mlruns").resolve().as_uri()
            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            return client, self._experiment(client, logdir)

    def _experiment(self, client: MlflowClient, logdir: Path) -> str:
        if self._experiment_name is None:
            return DEFAULT_EXPERIMENT
        # A name stands between quotes in the filter by which MLflow itself looks for it.
        name = self._experiment_name.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
        token = None
        while True:
            page = client.search_experiments(view_type=ViewType.ALL, page_token=token)
            for experiment in page:
                if experiment.name == name:
                    return str(experiment.experiment_id)
            token = page.token
            if not token:
                break
        artifacts = None
        if self._sqlite:
            digest = hashlib.sha256(name.encode()).hexdigest()[:12]
            artifacts = (logdir / "mlartifacts" / digest).resolve().as_uri()
        return str(client.create_experiment(name, artifact_location=artifacts))

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        self.run.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="mlflow-", dir=self.run.scratch) as folder:
            yield Path(folder)


class _Names:
    """The names that MLflow knows the metrics, the params or the tags of one run by."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._folders: set[str] = set()

    def of(self, name: str) -> str:
        given = self._given.get(name)
        if given is None:
            given = acceptable(name)
            folders = {str(folder) for folder in PurePosixPath(given).parents} - {"."}
            if given in self._folders or folders.intersection(self._given.values()):
                given, folders = _marked(given.replace("/", "."), name), set()
            self._given[name] = given
            self._folders |= folders
        return given


def acceptable(name: str) -> str:
    """Return a name that MLflow takes: the same one, or a changed one that no other name becomes."""
    parts = [part for part in _REFUSED.sub("_", name).split("/") if part not in ("", ".", "..")]
    kept = "/".join(parts)
    if name and kept == name and len(name.encode()) <= _NAME_BYTES:
        return name
    return _marked(kept, name)


def _marked(kept: str, name: str) -> str:
    digits = hashlib.sha256(name.encode()).hexdigest()[:8]
    cut = kept.encode()[: _NAME_BYTES - 9].decode(errors="ignore").rstrip("/")
    return f"{cut}_{digits}"


def _create_database(uri: str, artifacts: Path) -> None:
    """Create the tables, and experiment 0 with its artifacts there; a client would put them in the working folder."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(uri, artifacts.resolve().as_uri())  # type: ignore[no-untyped-call]


def _remove_run(store: Path, experiment_id: str, run_id: str) -> None:
    folder = (store / experiment_id / run_id).resolve()
    if folder.parent.parent != store.resolve():
        raise ValueError(f"{experiment_id}/{run_id} is no run in {store}; nothing was removed")
    if folder.is_dir():
        shutil.rmtree(folder)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
