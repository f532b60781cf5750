"""Code of the user's own, run for real in worker and keeper, in a workspace that is trusted and only there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from app.config.settings import Settings, save_settings, settings_file
from app.config.trust import UntrustedError, distrust, trust
from app.jobs.queue import Queue
from app.jobs.scheduling import start_next
from app.records.layout import Workspace
from app.records.processes import Identity
from app.records.status import Status, write_status
from tests.running import Spares, example, log_of, start, wait_for_mirrors

#: A tracker as it was written for the oldest system; of its lines only the import is another one now.
OLDEST = """
import json
import os

from app.trackers.base import Tracker


class Notebook(Tracker):

    def __init__(self, logdir, run_name=None, title="runs"):
        self.lines = []
        self.where = logdir + "/" + title
        self.made_for = run_name

    def start(self, run_name, logdir):
        self.run_name = run_name
        os.makedirs(os.path.join(logdir, "notebook"), exist_ok=True)

    def add_tag(self, tag):
        self.lines.append(["tag", tag])

    def log_asset(self, name, file_path):
        self.lines.append(["asset", name])

    def log_image(self, name, file_path):
        self.log_asset(name, file_path)

    def log_figure(self, name, figure):
        pass

    def log_metric(self, name, value, step=None):
        self.lines.append([name, value, step])

    def log_params(self, dic, prefix=None, step=None):
        for name, value in dic.items():
            self.lines.append(["param", (prefix or "") + name, value])

    def log_other(self, name, value):
        self.lines.append(["other", name, value])

    def log_model_graph(self, graph):
        pass

    def end(self):
        self.log_metrics({"summary": [1, 2]}, prefix="my_")
        self.add_tags(["done", self.made_for])
        os.makedirs(self.where, exist_ok=True)
        with open(os.path.join(self.where, self.run_name + ".json"), "w") as file:
            json.dump(self.lines, file)
"""
HALVE = """
class Halve:
    def __init__(self, by: float = 2.0) -> None:
        self.by = by

    def transform(self, X):
        print("halved by", self.by)
        return X / self.by
"""
FAULTY = """
from app.trackers.base import Tracker

class Faulty(Tracker):
    def __init__(self, **options):
        raise ValueError("no such notebook")
"""
DOCUMENT = {
    "dataset__preprocessors": [{"type": "halve:Halve", "by": 4}],
    "training__epochs": 2,
    "training__callbacks": [],
    "experiment__tags": ["own"],
}


@pytest.fixture
def components(workspace: Workspace) -> Callable[..., None]:
    """Return a function that writes files into the workspace's components."""

    def write(**texts: str) -> None:
        folder = workspace.root / "components"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}.py").write_text(text)

    return write


@pytest.fixture(autouse=True)
def nothing_trusted_afterwards(workspace: Workspace) -> Iterator[None]:
    yield
    distrust(workspace.root)


@pytest.fixture
def one_slot() -> Iterator[None]:
    """Let one run train at a time, however many cores there are."""
    save_settings(Settings(slots=1))
    yield
    settings_file().unlink()


def test_an_own_preprocessor_and_a_tracker_of_the_oldest_system_work_in_a_trusted_workspace(
    workspace: Workspace, spares: Spares, components: Callable[..., None]
) -> None:
    components(halve=HALVE, notebook=OLDEST, faulty=FAULTY)
    trust(workspace.root)
    trackers = [{"type": "notebook:Notebook", "title": "mine"}, {"type": "faulty:Faulty"}]
    run = wait_for_mirrors(start(example(tracking__trackers=trackers, **DOCUMENT), workspace, spares.take()))
    assert run.status.state == "finished", run.status.message
    log = log_of(run.folder)
    assert "halved by 4" in log
    assert "components/faulty.py, line 6: ValueError: no such notebook" in log
    written = json.loads((run.folder.trackings / "mine" / f"{run.folder.execution_id}.json").read_text())
    metrics = json.loads(run.folder.metrics.read_text())["metrics"]
    assert [line[1:] for line in written if line[0] == "loss"] == [
        [value, at + 1] for at, value in enumerate(metrics["loss"])
    ]
    assert ["tag", "own"] in written
    assert ["param", "training.epochs", 2] in written
    assert [line for line in written if line[0] == "my_summary"] == [["my_summary", 1, 0], ["my_summary", 2, 1]]
    assert ["tag", run.folder.execution_id] in written
    assert (run.folder.trackings / "notebook").is_dir()


def test_own_code_in_a_workspace_that_is_not_trusted_is_refused_before_anything_is_made(
    workspace: Workspace, components: Callable[..., None]
) -> None:
    components(halve=HALVE)
    with pytest.raises(UntrustedError, match="trackside trust"):
        start(example(**DOCUMENT), workspace)
    assert not workspace.trainings.exists()


@pytest.mark.usefixtures("one_slot")
def test_a_run_whose_workspace_lost_its_trust_while_it_waited_fails_and_says_why(
    workspace: Workspace, spares: Spares, components: Callable[..., None]
) -> None:
    components(halve='open("ran", "w")\n' + HALVE, notebook=OLDEST)
    trust(workspace.root)
    before = workspace.new_execution("before", "it")
    write_status(before.status, Status())
    Queue(workspace).add(before)
    assert Queue(workspace).claim(1, Identity.of()) is not None
    run = start(example(tracking__trackers=[{"type": "notebook:Notebook"}], **DOCUMENT), workspace)
    assert Queue(workspace).waiting() == [run.folder]
    distrust(workspace.root)
    Queue(workspace).release(before)
    start_next(workspace, spare=spares.take())
    wait_for_mirrors(run)
    assert run.status.state == "failed"
    assert f"trackside trust {workspace.root}" in str(run.status.message)
    assert "notebook:Notebook" in log_of(run.folder)
    assert not list(workspace.root.rglob("ran"))


def test_own_code_that_fails_ends_the_run_with_its_file_and_line(
    workspace: Workspace, spares: Spares, components: Callable[..., None]
) -> None:
    components(halve="import nothing_like_this\n")
    trust(workspace.root)
    run = wait_for_mirrors(start(example(**DOCUMENT), workspace, spares.take()))
    assert run.status.state == "failed"
    assert "components/halve.py, line 1" in str(run.status.message)
