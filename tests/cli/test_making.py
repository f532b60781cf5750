"""Converting, trusting, describing and making, on the command line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_commands import trackside
from tests.running import EXAMPLE, example

OLD = {
    "model": {
        "model": {
            "type": "keras_regressor",
            "sequential": [{"type": "dense", "units": 1}],
            "input_shape": [13],
            "optimizer": "adam",
            "loss": "mse",
        },
        "training": {"batch_size": 32, "epochs": 25, "verbose": 1},
    },
    "dataset": {
        "dataset": {"type": "boston_housing"},
        "samples": {"train": 0.8, "test": 0.2},
        "data_augmentors": [{"type": "zoom"}],
    },
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.json"
    path.write_text("// a comment\n" + json.dumps(OLD))
    return path


def test_an_old_config_is_printed_in_todays_form_and_the_list_goes_to_standard_error(old: Path) -> None:
    result = trackside("convert", old)
    assert result.returncode == 0
    document = json.loads(result.stdout)
    assert document["model"]["network"] == [{"type": "dense", "units": 1}]
    assert "era E" in result.stderr
    assert "model.model.sequential -> model.network" in result.stderr
    assert "not carried over: dataset.data_augmentors.0" in result.stderr
    assert "not carried over: model.training.verbose" in result.stderr
    assert "not carried over: the comments" in result.stderr
    facts = json.loads(trackside("convert", old, "--json").stdout)
    assert facts["era"] == "E"
    assert facts["document"] == document
    assert {change["before"] for change in facts["lost"]} == {"dataset.data_augmentors.0", "model.training.verbose"}
    assert facts["problems"] == []


def test_an_old_config_is_written_where_it_is_wanted_and_can_be_checked_there(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.json"
    result = trackside("convert", old, "--output", new)
    assert (result.returncode, result.stdout) == (0, "")
    checked = trackside("check", new)
    assert checked.returncode == 0
    assert "older form" not in checked.stderr
    again = trackside("convert", new)
    assert again.returncode == 0
    assert json.loads(again.stdout) == json.loads(new.read_text())
    assert "it has the form of today" in again.stderr
    new.write_text("mine")
    refused = trackside("convert", old, "--output", new)
    assert (refused.returncode, new.read_text()) == (2, "mine")
    assert "is there already; nothing was written" in refused.stderr
    assert trackside("convert", old, "--output", new, "--force").returncode == 0
    assert new.read_text() != "mine"


def test_what_is_no_config_cannot_be_converted(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{")
    assert trackside("convert", path).returncode == 2
    path.write_text('{"hello": 1}')
    strange = trackside("convert", path)
    assert (strange.returncode, strange.stdout) == (2, "")
    assert "is no config of any form" in strange.stderr
    assert trackside("convert", tmp_path / "missing.json").returncode == 2


def test_check_of_an_old_config_says_that_it_was_converted_and_exits_as_ever(old: Path, tmp_path: Path) -> None:
    result = trackside("check", old)
    assert result.returncode == 0
    assert "an older form (era E)" in result.stderr
    assert "trackside convert" in result.stderr
    assert "data_augmentors" in result.stderr
    wrong = trackside("check", old, "--set", "training.epochs=0", "--json")
    assert wrong.returncode == 2
    assert json.loads(wrong.stdout)[0]["path"] == "training.epochs"
    assert "an older form (era E)" in wrong.stderr


def test_the_schema_is_printed_with_the_workspaces_own_components(tmp_path: Path) -> None:
    assert trackside("new", "dataset", "my_rows", cwd=tmp_path).returncode == 0
    schema = json.loads(trackside("schema", cwd=tmp_path).stdout)
    assert schema["$schema"].endswith("2020-12/schema")
    assert "my_rows:MyRows" in json.dumps(schema["$defs"]["DatasetConfig"])


def make(kind: str, name: str, workspace: Path) -> subprocess.CompletedProcess[str]:
    return trackside("new", kind, name, "--workspace", workspace)


def test_a_new_component_is_three_files_that_are_never_replaced(tmp_path: Path) -> None:
    result = make("preprocessor", "my_scaler", tmp_path)
    assert result.returncode == 0
    assert result.stdout.split() == [
        str(tmp_path / "components" / name) for name in ("my_scaler.py", "test_my_scaler.py", "my_scaler.md")
    ]
    assert '{"type": "my_scaler:MyScaler"}' in result.stderr
    assert f"trackside trust {tmp_path}" in result.stderr
    again = make("tracker", "my_scaler", tmp_path)
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert make("tracker", "My Scaler", tmp_path).returncode == 2
    assert "'my_scaler'" in make("tracker", "My Scaler", tmp_path).stderr


def test_own_code_is_refused_until_the_workspace_is_trusted(tmp_path: Path) -> None:
    settings = {"TRACKSIDE_CONFIG_DIR": str(tmp_path / "user")}
    workspace = tmp_path / "workspace"
    make("preprocessor", "my_scaler", workspace)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(example(dataset__preprocessors=[{"type": "my_scaler:MyScaler", "high": 2}])))
    refused = trackside("train", config, "--workspace", workspace, **settings)
    assert refused.returncode == 2
    assert "dataset.preprocessors.0.type" in refused.stderr
    assert "components/my_scaler.py" in refused.stderr
    assert f"trackside trust {workspace}" in refused.stderr
    assert not (workspace / "trainings").exists()
    checked = trackside("check", config, "--workspace", workspace, **settings)
    assert (checked.returncode, "trackside trust" in checked.stderr) == (2, True)
    trusted = trackside("trust", workspace, **settings)
    assert (trusted.returncode, trusted.stdout.strip()) == (0, str(workspace))
    assert trackside("check", config, "--workspace", workspace, **settings).returncode == 0
    assert "components/my_scaler.py" in trusted.stderr
    removed = trackside("trust", "--remove", workspace, **settings)
    assert removed.returncode == 0
    assert "is not trusted any more" in removed.stderr
    assert trackside("train", config, "--workspace", workspace, **settings).returncode == 2
    assert trackside("trust", tmp_path / "nowhere", **settings).returncode == 2
    assert trackside("trust", cwd=workspace, **settings).stdout == f"{workspace.resolve()}\n"
    assert trackside("trust", "--remove", cwd=workspace, **settings).returncode == 0
    assert trackside("trust", "--remove", cwd=workspace, **settings).returncode == 2


def test_the_settings_of_own_components_are_checked(tmp_path: Path) -> None:
    make("preprocessor", "my_scaler", tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(example(dataset__preprocessors=[{"type": "my_scaler:MyScaler", "hihg": 2}])))
    result = trackside("check", config, "--workspace", tmp_path)
    assert result.returncode == 2
    assert "did you mean 'high'" in result.stderr
    assert trackside("check", EXAMPLE, "--workspace", tmp_path).returncode == 0
