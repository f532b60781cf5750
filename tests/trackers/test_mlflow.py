from __future__ import annotations

import getpass
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.trackers.base import MirroredRun, Tracker
from app.trackers.mlflow import MLflowTracker, acceptable  # before mlflow itself, whose settings it makes

from mlflow import MlflowClient  # isort: skip
from mlflow.entities import ViewType  # isort: skip

ROOT = Path(__file__).parents[2]


def client_of(run: MirroredRun) -> MlflowClient:
    return MlflowClient(tracking_uri=(run.logdir / "mlruns").as_uri())


def history(client: MlflowClient, run_id: str, name: str) -> list[tuple[int, int, float]]:
    return [(metric.step, metric.timestamp, metric.value) for metric in client.get_metric_history(run_id, name)]


def test_mlflow_reads_what_the_run_logged(mirror: Any, run: MirroredRun) -> None:
    reference = mirror(
        {"type": "mlflow"},
        params={"training.batch_size": 32, "device": "cpu", "shuffle": True, "note": "two\nlines"},
        tags=["baseline"],
        metrics={"loss": [0.5, 0.25], "test_loss": [2.5]},
    )
    client = client_of(run)
    found = client.get_run(reference["run_id"])
    assert found.info.experiment_id == reference["experiment_id"] == "0"
    assert found.info.run_name == run.execution_id
    assert found.info.start_time == round(run.started * 1000)
    assert found.info.end_time == round(run.started * 1000) + 100_000
    assert found.data.params == {
        "training.batch_size": "32",
        "device": "cpu",
        "shuffle": "True",
        "note": "two\nlines",
    }
    assert found.data.tags == {
        "mlflow.runName": run.execution_id,
        "mlflow.source.name": "boston.json",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": getpass.getuser(),
        "trackside.id": run.uuid,
        "baseline": "",
    }
    started = round(run.started * 1000)
    assert history(client, reference["run_id"], "loss") == [(1, started + 1000, 0.5), (2, started + 2000, 0.25)]
    assert found.data.metrics["test_loss"] == 2.5


@pytest.mark.parametrize(
    ("state", "status"),
    [("finished", "FINISHED"), ("stopped", "KILLED"), ("failed", "FAILED"), ("crashed", "FAILED")],
)
def test_a_run_is_closed_with_its_state(mirror: Any, run: MirroredRun, state: str, status: str) -> None:
    reference = mirror({"type": "mlflow"}, state=state)
    assert client_of(run).get_run(reference["run_id"]).info.status == status


def test_values_that_are_no_finite_numbers_are_kept(mirror: Any, run: MirroredRun) -> None:
    reference = mirror({"type": "mlflow"}, metrics={"loss": [math.nan, math.inf, -math.inf]})
    values = [value for _, _, value in history(client_of(run), reference["run_id"], "loss")]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]


def test_more_than_mlflow_takes_at_once_is_sent_in_parts(mirror: Any, run: MirroredRun) -> None:
    reference = mirror(
        {"type": "mlflow"},
        params={f"p{number}": number for number in range(250)},
        tags=[f"t{number}" for number in range(150)],
        metrics={"loss": [float(number) for number in range(2500)]},
    )
    client = client_of(run)
    found = client.get_run(reference["run_id"])
    assert len(found.data.params) == 250
    assert sum(name.startswith("t") and not name.startswith("trackside") for name in found.data.tags) == 150
    assert [step for step, _, _ in history(client, reference["run_id"], "loss")] == list(range(1, 2501))


def test_a_param_that_is_too_long_is_cut_and_a_tag_says_so(mirror: Any, run: MirroredRun) -> None:
    reference = mirror({"type": "mlflow"}, params={"text": "x" * 7000})
    found = client_of(run).get_run(reference["run_id"])
    assert found.data.params["text"] == "x" * 6000
    assert found.data.tags["trackside.cut.text"] == "7000 characters"


def test_names_that_mlflow_refuses_are_changed_and_stay_apart(mirror: Any, run: MirroredRun, reports: Any) -> None:
    names = ["f1@0.5", "f1#0.5", "/a//b/", "../up", "long" * 200, "größe", "acc", "acc/top5", "deep/er/one", "deep", ""]
    reference = mirror({"type": "mlflow"}, metrics={name: [float(at)] for at, name in enumerate(names)})
    assert reports.warnings == []
    metrics = client_of(run).get_run(reference["run_id"]).data.metrics
    assert sorted(metrics.values()) == [float(at) for at in range(len(names))]
    assert metrics["größe"] == 5.0
    assert metrics["acc"] == 6.0
    assert metrics[acceptable("f1@0.5")] == 0.0
    assert acceptable("f1@0.5").startswith("f1_0.5_")


def test_a_tag_with_refused_characters_keeps_its_text(mirror: Any, run: MirroredRun) -> None:
    reference = mirror({"type": "mlflow"}, tags=["ready?"])
    assert "ready?" in client_of(run).get_run(reference["run_id"]).data.tags.values()


def test_a_param_that_changes_is_a_warning_and_keeps_its_first_value(
    attach: Callable[[Tracker], Tracker], run: MirroredRun
) -> None:
    tracker = attach(MLflowTracker())
    tracker.start(run.execution_id, run.logdir)
    tracker.log_param("units", 64)
    tracker.flush()
    tracker.log_param("units", 64)
    with pytest.raises(ValueError, match="units = '64' and does not let it become '128'"):
        tracker.log_param("units", 128)
    tracker.end()
    assert client_of(run).get_run(tracker.reference["run_id"]).data.params == {"units": "64"}


def test_files_images_and_figures_become_artifacts_under_their_names(
    attach: Callable[[Tracker], Tracker], run: MirroredRun, picture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inner.txt").write_text("inner")
    tracker = attach(MLflowTracker())
    tracker.start(run.execution_id, run.logdir)
    tracker.log_asset("reports/first.bin", picture)
    tracker.log_asset("whole", folder)
    tracker.log_image("shots/picture", picture)
    figure = pytest.importorskip("matplotlib.figure").Figure()
    tracker.log_figure("curve", figure)
    tracker.state = "finished"
    tracker.end()
    artifacts = run.logdir / "mlruns" / "0" / tracker.reference["run_id"] / "artifacts"
    files = {path.relative_to(artifacts).as_posix() for path in artifacts.rglob("*") if path.is_file()}
    assert files == {"reports/first.bin", "whole/inner.txt", "shots/picture.png", "curve.png"}
    assert (artifacts / "reports" / "first.bin").read_bytes() == picture.read_bytes()
    assert [item.path for item in client_of(run).list_artifacts(tracker.reference["run_id"], "shots")] == [
        "shots/picture.png"
    ]
    assert list(run.scratch.iterdir()) == []


def test_a_named_experiment_is_created_once_and_used_again(mirror: Any, run: MirroredRun) -> None:
    entry = {"type": "mlflow", "experiment_name": "Anna's houses", "source_name": "mine.py"}
    first, second = mirror(entry), mirror(entry)
    client = client_of(run)
    assert first["experiment_id"] == second["experiment_id"] != "0"
    assert sorted(experiment.name for experiment in client.search_experiments()) == [
        "Anna\N{RIGHT SINGLE QUOTATION MARK}s houses",
        "Default",
    ]
    assert client.get_run(first["run_id"]).data.tags["mlflow.source.name"] == "mine.py"


def test_a_mirror_written_anew_replaces_the_incomplete_one(mirror: Any, run: MirroredRun) -> None:
    first = mirror({"type": "mlflow"}, metrics={"loss": [9.0]})
    second = mirror({"type": "mlflow"}, metrics={"loss": [0.5]}, discard=first)
    third = mirror({"type": "mlflow"}, metrics={"loss": [0.25]}, discard={})
    found = client_of(run).search_runs(["0"], run_view_type=ViewType.ALL)
    assert [item.info.run_id for item in found] == [third["run_id"]]
    assert not (run.logdir / "mlruns" / "0" / second["run_id"]).exists()
    assert mirror.reports.warnings == []


@pytest.mark.parametrize("reference", [{"experiment_id": "..", "run_id": "other"}, {"run_id": "../../other"}])
def test_nothing_outside_the_store_is_ever_removed(
    mirror: Any, run: MirroredRun, reports: Any, reference: dict[str, Any]
) -> None:
    outside = run.logdir / "other"
    outside.mkdir(parents=True)
    mirror({"type": "mlflow"}, discard=reference)
    assert outside.is_dir()
    assert len(reports.warnings) == 1
    assert "nothing was removed" in reports.warnings[0]


# MLflow's own use of SQLAlchemy 2.1.
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
def test_an_sqlite_store_keeps_runs_in_one_file_and_artifacts_beside_it(
    mirror: Any, run: MirroredRun, picture: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    entry = {"type": "mlflow", "store": "sqlite"}
    first = mirror(entry, metrics={"loss": [9.0]})
    second = mirror(
        entry, state="stopped", metrics={"loss": [0.5, math.nan]}, images={"picture": picture}, discard=first
    )
    # On a busy computer MLflow takes half a minute for its tables, which is told.
    assert [text for text in mirror.reports.warnings if "has not returned" not in text] == []
    client = MlflowClient(tracking_uri=f"sqlite:///{(run.logdir / 'mlflow.db').as_posix()}")
    assert [found.info.run_id for found in client.search_runs(["0"])] == [second["run_id"]]
    assert client.get_run(second["run_id"]).info.status == "KILLED"
    values = [value for _, _, value in history(client, second["run_id"], "loss")]
    assert values[0] == 0.5
    assert math.isnan(values[1])
    assert (run.logdir / "mlartifacts" / "0" / second["run_id"] / "artifacts" / "picture.png").is_file()
    assert not (tmp_path / "mlruns").exists()
    assert not (run.logdir / "mlruns").exists()


CREATE = """
import sys
from pathlib import Path
from app.trackers.base import MirroredRun
from app.trackers.mlflow import MLflowTracker

logdir = Path(sys.argv[1])
tracker = MLflowTracker(experiment_name="shared")
tracker.run = MirroredRun("run", "5d1c4cb6-2a3c-4b1e-9a5e-0c35b7a1f1aa", "x", logdir, logdir / "s", "s.py", 1.0)
tracker.reference = {}
print("ready", flush=True)
sys.stdin.readline()
tracker.start("run", logdir)
tracker.state = "finished"
tracker.end()
print(tracker.reference["experiment_id"])
"""


def test_two_processes_that_create_one_experiment_at_once_make_one(
    run: MirroredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    command = [sys.executable, "-c", CREATE, str(run.logdir)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ids = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(ids) == 1
    client = client_of(run)
    assert sorted(experiment.name for experiment in client.search_experiments()) == ["Default", "shared"]
    assert len(client.search_runs(list(ids))) == 2
