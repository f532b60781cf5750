from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.trackers.base import MirroredRun, Tracker
from app.trackers.comet import CometError, CometTracker

KEY = "5d1c4cb62a3c4b1e9a5e0c35b7a1f1aa"


def messages(archive: Path, kind: str) -> list[dict[str, Any]]:
    with zipfile.ZipFile(archive) as opened:
        lines = [json.loads(line) for line in opened.read("messages.json").splitlines()]
    return [line["payload"] for line in lines if line["type"] == kind]


def others(archive: Path) -> dict[str, Any]:
    return {payload["key"]: payload["value"] for payload in messages(archive, "log_other")}


def test_the_archive_holds_what_the_run_logged_and_nothing_else(mirror: Any, run: MirroredRun) -> None:
    reference = mirror(
        {"type": "comet_ml", "project_name": "houses", "workspace": "anna"},
        params={"training.batch_size": 32, "device": "cpu"},
        tags=["baseline"],
        metrics={"loss": [0.5, math.nan], ".batch/loss": [0.7, 0.6]},
        batch_every=2,
    )
    assert reference == {"experiment_key": KEY, "archive": f"comet/{KEY}.zip"}
    archive = run.logdir / "comet" / f"{KEY}.zip"
    started = round(run.started * 1000)
    assert [(payload["metric"], payload["local_timestamp"]) for payload in messages(archive, "metric_msg")] == [
        ({"metricName": "loss", "metricValue": 0.5, "step": 1, "epoch": 1}, started + 1000),
        ({"metricName": "loss", "metricValue": "NaN", "step": 2, "epoch": 2}, started + 2000),
        ({"metricName": "batch/loss", "metricValue": 0.6, "step": 2, "epoch": None}, started + 2000),
    ]
    params = {
        payload["param"]["paramName"]: payload["param"]["paramValue"] for payload in messages(archive, "parameter_msg")
    }
    assert params == {"training.batch_size": 32, "device": "cpu"}
    assert others(archive) == {
        "offline_experiment": True,
        "Name": run.execution_id,
        "trackside.state": "finished",
    }
    with zipfile.ZipFile(archive) as opened:
        assert sorted(opened.namelist()) == ["experiment.json", "messages.json"]
        about = json.loads(opened.read("experiment.json"))
    assert (about["offline_id"], about["project_name"], about["workspace"]) == (KEY, "houses", "anna")
    assert (about["tags"], about["start_time"]) == (["baseline"], started)


@pytest.mark.parametrize("state", ["stopped", "failed", "crashed"])
def test_a_run_is_closed_with_its_state(mirror: Any, run: MirroredRun, state: str) -> None:
    mirror({"type": "comet_ml"}, state=state)
    assert others(run.logdir / "comet" / f"{KEY}.zip")["trackside.state"] == state


def test_files_images_and_figures_are_in_the_archive(
    attach: Callable[[Tracker], Tracker], run: MirroredRun, picture: Path
) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    figure.add_subplot().plot([1, 2, 3])
    tracker = attach(CometTracker())
    tracker.start(run.execution_id, run.logdir)
    tracker.log_asset("notes/first.bin", picture)
    tracker.log_image("picture", picture)
    tracker.log_figure("curve", figure)
    tracker.flush()
    tracker.state = "finished"
    tracker.end()
    archive = run.logdir / "comet" / f"{KEY}.zip"
    uploads = messages(archive, "file_upload")
    names = {
        upload["additional_params"].get("figName") or upload["additional_params"]["fileName"] for upload in uploads
    }
    assert names == {"notes/first.bin", "picture", "curve"}
    with zipfile.ZipFile(archive) as opened:
        contents = [opened.read(upload["file_path"]) for upload in uploads]
    assert contents.count(picture.read_bytes()) == 2


def test_the_archive_appears_only_when_it_is_whole(attach: Callable[[Tracker], Tracker], run: MirroredRun) -> None:
    tracker = attach(CometTracker())
    tracker.start(run.execution_id, run.logdir)
    assert not (run.logdir / "comet").exists()
    tracker.state = "finished"
    tracker.end()
    assert [path.name for path in (run.logdir / "comet").iterdir()] == [f"{KEY}.zip"]
    assert list(run.scratch.iterdir()) == []


def test_a_mirror_written_anew_replaces_the_incomplete_one(mirror: Any, run: MirroredRun) -> None:
    archive = run.logdir / "comet" / f"{KEY}.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"cut")
    left_over = run.scratch / "comet" / "tmp1" / "messages.json"
    left_over.parent.mkdir(parents=True)
    left_over.write_text("cut")
    mirror({"type": "comet_ml"}, metrics={"loss": [0.5]}, discard={"experiment_key": KEY})
    assert len(messages(archive, "metric_msg")) == 1
    assert list(archive.parent.iterdir()) == [archive]
    assert list(run.scratch.iterdir()) == []


def test_what_comet_only_logs_as_an_error_is_raised(attach: Callable[[Tracker], Tracker], run: MirroredRun) -> None:
    tracker = attach(CometTracker())
    tracker.start(run.execution_id, run.logdir)
    tracker.log_asset("missing", run.logdir / "missing.bin")
    with pytest.raises(CometError, match=r"missing\.bin"):
        tracker.flush()
    tracker.flush()
    tracker.state = "finished"
    tracker.end()


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode is 'on', but must be 'offline' or 'online'"):
        CometTracker(mode="on")


def test_online_without_a_key_says_where_one_can_be_put(mirror: Any, run: MirroredRun, reports: Any) -> None:
    with pytest.raises(AssertionError):
        mirror({"type": "comet_ml", "mode": "online", "api_key": "<secret>"})
    (warning,) = reports.warnings
    assert "there is no API key for comet_ml in the keyring or COMET_API_KEY" in warning
    assert not (run.scratch / "comet").exists()
