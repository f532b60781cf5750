"""What a config's session asks for, seen in the worker that trains it: Python, backend, cores, ops."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config.loading import from_document
from app.config.problems import ConfigError
from app.config.trust import UntrustedError, distrust, trust
from app.jobs.queue import Queue
from app.jobs.scheduling import start_next, submit
from app.jobs.sessions import session_of, why_cold
from app.records.layout import Workspace
from app.records.live import LiveRun
from app.records.processes import Identity
from app.records.series import read_series, series_files
from app.records.status import Status, read_status, write_status
from tests.running import Spares, example, log_of, start, wait_for_end, wait_for_mirrors

#: All that an environment needs to train with TensorFlow: docs/architecture.md says so.
NEEDED = (
    "tensorflow", "keras", "numpy", "h5py", "scikit-learn", "skops", "pydantic", "psutil", "filelock", "platformdirs",
)  # fmt: skip
LOOK = """
import json, os, sys

def at_the_end(logs):
    import tensorflow
    from tensorflow.python.framework import config
    seen = {
        "prefix": sys.prefix,
        "backend": __import__("keras").config.backend(),
        "within_an_op": tensorflow.config.threading.get_intra_op_parallelism_threads(),
        "ops_at_once": tensorflow.config.threading.get_inter_op_parallelism_threads(),
        "deterministic": config.is_op_determinism_enabled(),
        "devices": [each.device_type for each in tensorflow.config.list_logical_devices()],
        "modules": sorted(sys.modules),
    }
    print("seen:", json.dumps(seen), flush=True)
"""
NOTEBOOK = """
import json
from app.trackers.base import Tracker

class Notebook(Tracker):
    def start(self, run_name, logdir):
        self.metrics, self.params, self.tags, self.place = {}, {}, [], logdir

    def log_metric(self, name, value, step=None):
        self.metrics.setdefault(name, []).append(step)

    def log_param(self, name, value, step=None):
        self.params[name] = value

    def log_tag(self, tag):
        self.tags.append(tag)

    def end(self):
        told = {"metrics": self.metrics, "params": self.params, "tags": self.tags}
        self.place.mkdir(parents=True, exist_ok=True)
        (self.place / "notebook.json").write_text(json.dumps(told))
"""


def looking(session: dict[str, Any], **tracking: Any) -> dict[str, Any]:
    """Return a config whose run tells what it sees at its end, and whose tracker notes what it is told."""
    return example(
        training__epochs=2,
        training__callbacks=[{"type": "lambda_callback", "on_train_end": "look:at_the_end"}],
        tracking={"trackers": [{"type": "notebook:Notebook"}], "params": {"rig": "third"}, **tracking},
        session=session,
    )


def seen(run: LiveRun) -> dict[str, Any]:
    found = re.search(r"^seen: (.*)$", log_of(run.folder), re.MULTILINE)
    assert found is not None, log_of(run.folder)
    return dict(json.loads(found[1]))


def told(run: LiveRun) -> dict[str, Any]:
    return dict(json.loads((run.folder.trackings / "notebook.json").read_text()))


@pytest.fixture
def trusted(workspace: Workspace) -> Iterator[Workspace]:
    """A workspace that may run code of its own, and has some."""
    (workspace.root / "components").mkdir(parents=True)
    for name, text in (("look", LOOK), ("notebook", NOTEBOOK)):
        (workspace.root / "components" / f"{name}.py").write_text(text)
    trust(workspace.root)
    yield workspace
    distrust(workspace.root)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment in which there is nothing at all."""
    folder = tmp_path_factory.mktemp("python") / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def needed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with what is needed and what that needs, and nothing else of ours."""
    folder = tmp_path_factory.mktemp("python") / "needed"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = next(folder.glob("[Ll]ib/**/site-packages"))
    for place in _places(NEEDED):
        link = packages / place.name
        if not link.exists():
            link.symlink_to(place)
    return folder


def _places(names: tuple[str, ...]) -> set[Path]:
    """Return the files and folders in site-packages of distributions and of all that they require."""
    waiting, known, places = list(names), set[str](), set[Path]()
    while waiting:
        name = waiting.pop()
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system
        if distribution.name not in known:
            known.add(distribution.name)
            waiting += [re.split(r"[^\w.-]", each)[0] for each in distribution.requires or () if "extra ==" not in each]
            tops = {Path(file).parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
            places |= {Path(str(distribution.locate_file(top))) for top in tops}
    return places


def test_a_run_trains_in_an_environment_that_has_only_what_the_engine_needs(
    trusted: Workspace, needed: Path, spares: Spares
) -> None:
    session = {"python": str(needed), "options": {"num_cores": 1, "deterministic": True, "allow_memory_growth": True}}
    spare = spares.take()
    document = looking(session, log_model_params=False, batch_every=3, system_every=0.05, tags=["rigged"])
    run = wait_for_mirrors(start(document, trusted, spare))
    assert run.status.state == "finished", log_of(run.folder)
    assert f"Starting a worker of its own: session.python is {needed}" in log_of(run.folder)
    assert not spare.is_given
    spare.close()
    found = seen(run)
    assert Path(found["prefix"]) == needed
    assert (found["within_an_op"], found["ops_at_once"], found["deterministic"]) == (1, 1, True)
    assert not {"mlflow", "comet_ml", "PySide6", "pyarrow", "keyring", "tqdm"} & set(found["modules"])
    assert json.loads(run.folder.environment.read_text())["prefix"] == str(needed)

    notes = told(run)
    assert notes["params"] == {}
    assert notes["tags"] == ["rigged"]
    steps = notes["metrics"]["batch/loss"]
    assert steps
    assert all(step % 3 == 0 for step in steps)
    looks = read_series(series_files(run.folder.series)["system/cpu_utilization_percentage"])
    assert notes["metrics"]["system/cpu_utilization_percentage"] == looks["step"].tolist()
    assert looks["step"].tolist() == list(range(1, len(looks) + 1))


def test_a_warm_worker_takes_a_session_that_only_sets_it_up(trusted: Workspace, spares: Spares) -> None:
    session = {"device": "cpu", "backend": "tensorflow", "options": {"num_cores": 1, "deterministic": True}}
    spare = spares.take()
    run = wait_for_mirrors(start(looking(session, log_model_metrics=False), trusted, spare))
    assert run.status.state == "finished", log_of(run.folder)
    assert spare.is_given
    found = seen(run)
    assert (found["within_an_op"], found["ops_at_once"], found["deterministic"]) == (1, 1, True)
    assert found["devices"] == ["CPU"]
    notes = told(run)
    assert notes["metrics"] == {}
    assert notes["params"]["rig"] == "third"
    assert notes["params"]["training.epochs"] == 2


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_backend_that_is_not_installed_is_named_with_what_to_install(workspace: Workspace, backend: str) -> None:
    if importlib.util.find_spec(backend) is not None:
        pytest.skip(f"{backend} is installed here")
    run = wait_for_end(start(example(session={"backend": backend}), workspace))
    assert run.status.state == "failed"
    assert f"has no module {backend}, which Trackside needs there: {sys.executable} -m pip install" in (
        run.status.message or ""
    )


def test_an_environment_that_lacks_a_package_is_told_which(trusted: Workspace, bare: Path) -> None:
    run = wait_for_end(start(example(session={"python": str(bare)}), trusted))
    assert run.status.state == "failed"
    message = (run.status.message or "").splitlines()[0]
    assert message.startswith(f"the worker did not start: {bare}")
    assert "-m pip install" in message


def test_a_python_that_is_not_there_is_a_problem_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("")
    for python, says in (
        ("nowhere", f"there is no {tmp_path / 'nowhere'}"),
        ("empty", f"{tmp_path / 'empty'} has no bin/python that can be run"),
        ("text", f"{tmp_path / 'text'} cannot be run"),
    ):
        with pytest.raises(ConfigError) as caught:
            from_document(example(session={"python": python}), folder=tmp_path)
        assert [(problem.path, problem.message) for problem in caught.value.problems] == [("session.python", says)]


def test_a_program_that_a_config_names_is_started_in_a_trusted_workspace_only(workspace: Workspace) -> None:
    loaded = from_document(example(session={"python": sys.executable}))
    with pytest.raises(UntrustedError, match=r"session\.python: .* is a program that this config names"):
        submit(loaded, workspace)
    assert not workspace.trainings.exists()
    trust(workspace.root)
    queue = Queue(workspace)
    holder = workspace.new_execution("holder", "")
    write_status(holder.status, Status())
    queue.add(holder)
    assert queue.claim(1, Identity.of()) is not None
    folder = submit(loaded, workspace)
    waits = read_status(folder.status).state
    distrust(workspace.root)
    queue.release(holder)
    start_next(workspace)
    run = wait_for_end(LiveRun(folder))
    assert run.status.state == "failed"
    if waits == "queued":  # with more slots than one it has started while it was trusted
        assert "is not trusted" in (run.status.message or "")


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        ({}, None),
        ({"backend": "tensorflow", "device": "cpu", "options": {"num_cores": 2}}, None),
        ({"backend": "jax"}, "session.backend is jax"),
    ],
)
def test_a_warm_worker_will_do_unless_another_backend_or_python_is_asked_for(
    workspace: Workspace, session: dict[str, Any], reason: str | None
) -> None:
    folder = workspace.new_execution("e", "")
    folder.resolved.write_text(json.dumps({"session": session}))
    assert why_cold(session_of(folder)) == reason
