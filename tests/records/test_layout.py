from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.records.files import read_json
from app.records.layout import ExecutionFolder, Workspace


def test_executions_that_start_in_one_second_get_folders_of_their_own(workspace: Workspace) -> None:
    made: list[ExecutionFolder] = []
    start = threading.Barrier(8)

    def run() -> None:
        start.wait()
        made.extend(workspace.new_execution("Boston Housing", "d") for _ in range(5))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({folder.path for folder in made}) == 40
    assert {folder.experiment_folder for folder in made} == {workspace.trainings / "boston_housing"}


def test_an_execution_is_named_by_its_local_time(workspace: Workspace) -> None:
    folder = workspace.new_execution("x", "d")
    assert len(folder.execution_id) == len("06-16-31__08-04-2019")
    assert folder.path == workspace.root / "trainings" / "x" / "executions" / folder.execution_id


def test_the_experiments_name_is_kept_as_it_was_given(workspace: Workspace) -> None:
    folder = workspace.new_execution("Boston Housing (ü)", "d")
    assert folder.experiment == "Boston Housing (ü)"
    assert read_json(folder.experiment_folder / "experiment.json") == {"name": "Boston Housing (ü)"}


def test_another_experiment_with_the_same_slug_gets_another_folder(workspace: Workspace) -> None:
    names = ["Boston Housing", "boston housing", "Boston-Housing", "boston__housing"]
    folders = [workspace.new_execution(name, "d").experiment_folder.name for name in names * 2]
    assert folders == ["boston_housing", "boston_housing_2", "boston-housing", "boston_housing_3"] * 2


@pytest.mark.parametrize(("experiment", "folder"), [("", "iris"), ("???", "iris"), ("iris", "iris")])
def test_an_experiment_without_a_usable_name_is_named_by_its_dataset(
    workspace: Workspace, experiment: str, folder: str
) -> None:
    made = workspace.new_execution(experiment, "iris")
    assert made.experiment_folder.name == folder
    assert made.experiment == (experiment or "iris")


def test_an_experiment_without_any_usable_name_has_a_folder_too(workspace: Workspace) -> None:
    assert workspace.new_execution("", "???").experiment_folder.name == "experiment"


def test_a_folder_of_an_older_system_gets_the_first_experiments_name(workspace: Workspace) -> None:
    old = workspace.trainings / "boston_housing" / "executions" / "06-16-31__08-04-2019"
    old.mkdir(parents=True)
    assert ExecutionFolder(old).experiment == "boston_housing"
    assert workspace.new_execution("Boston Housing", "d").experiment_folder == old.parent.parent
    assert ExecutionFolder(old).experiment == "Boston Housing"


@pytest.mark.parametrize("content", ["{", "[]", '{"name": 5}'])
def test_an_experiment_whose_name_cannot_be_read_is_called_like_its_folder(workspace: Workspace, content: str) -> None:
    folder = workspace.new_execution("x", "d")
    (folder.experiment_folder / "experiment.json").write_text(content)
    assert folder.experiment == "x"
    assert [name for name, _ in workspace.executions()] == ["x"]


@pytest.mark.parametrize("mark", [".trackside", "trainings"])
def test_the_workspace_of_a_folder_is_the_nearest_one_upwards(tmp_path: Path, mark: str) -> None:
    inner = tmp_path / "outer" / "inner" / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "outer" / mark).mkdir()
    assert Workspace.around(inner).root == tmp_path / "outer"
    (tmp_path / "outer" / "inner" / mark).mkdir()
    assert Workspace.around(inner).root == tmp_path / "outer" / "inner"


def test_a_folder_outside_every_workspace_is_its_own(tmp_path: Path) -> None:
    assert Workspace.around(tmp_path).root == tmp_path
    assert Workspace.at(tmp_path / "not" / "there").root == tmp_path / "not" / "there"


def test_executions_come_in_the_order_of_their_folders(workspace: Workspace) -> None:
    for path in ("b/executions/2", "b/executions/1", "a/executions/3", "c"):
        (workspace.trainings / path).mkdir(parents=True)
    (workspace.trainings / "a" / "executions" / "notes.txt").write_text("no folder")
    (workspace.trainings / "README").write_text("no folder")
    found = [f"{name}/{folder.execution_id}" for name, folder in workspace.executions()]
    assert found == ["a/3", "b/1", "b/2"]
    assert list(Workspace(workspace.root / "elsewhere").executions()) == []


def test_a_folder_that_cannot_be_made_is_named(workspace: Workspace) -> None:
    workspace.trainings.write_text("a file")
    with pytest.raises(OSError, match="trainings"):
        workspace.new_execution("x", "d")
