from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from app.records.files import RecordError
from app.records.layout import Workspace
from app.records.sources.external import ExternalSources


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "workspace").mkdir()
    return Workspace.at(tmp_path / "workspace")


@pytest.fixture
def sources(workspace: Workspace) -> ExternalSources:
    return ExternalSources(workspace)


def test_folders_are_listed_in_the_order_in_which_they_were_added(sources: ExternalSources, tmp_path: Path) -> None:
    assert sources.folders() == []
    assert sources.add(tmp_path / "b")
    assert sources.add(tmp_path / "a")
    assert sources.folders() == [tmp_path / "b", tmp_path / "a"]


def test_a_folder_is_there_once_however_it_is_written(sources: ExternalSources, tmp_path: Path) -> None:
    assert sources.add(tmp_path / "a")
    assert not sources.add(tmp_path / "b" / ".." / "a")
    assert sources.remove(tmp_path / "." / "a")
    assert not sources.remove(tmp_path / "a")
    assert sources.folders() == []


def test_a_folder_in_the_workspace_moves_with_it(workspace: Workspace, tmp_path: Path) -> None:
    sources = ExternalSources(workspace)
    sources.add(workspace.root / "old" / "mlruns")
    sources.add(tmp_path / "outside")
    written = json.loads((workspace.private / "sources.json").read_text())
    assert written == {"sources": [{"path": "old/mlruns"}, {"path": str(tmp_path / "outside")}]}
    moved = workspace.root.rename(tmp_path / "moved")
    assert ExternalSources(Workspace(moved)).folders() == [moved / "old" / "mlruns", tmp_path / "outside"]


def test_other_keys_of_an_entry_are_kept(sources: ExternalSources, tmp_path: Path) -> None:
    sources.path.parent.mkdir()
    sources.path.write_text('{"sources": [{"path": "/x", "colour": "red"}]}')
    sources.add(tmp_path)
    assert json.loads(sources.path.read_text())["sources"][0] == {"path": "/x", "colour": "red"}


def test_what_several_add_at_once_is_all_there(workspace: Workspace, tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=ExternalSources(workspace).add, args=(tmp_path / str(number),)) for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(ExternalSources(workspace).folders()) == {tmp_path / str(number) for number in range(20)}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"sources": 1}', '{"sources": [1]}', '{"sources": [{"path": ""}]}']
)
def test_a_file_of_another_form_is_named_and_not_written_over(
    sources: ExternalSources, tmp_path: Path, content: str
) -> None:
    sources.path.parent.mkdir()
    sources.path.write_text(content)
    for use in (sources.folders, lambda: sources.add(tmp_path), lambda: sources.remove(tmp_path)):
        with pytest.raises(RecordError, match=r"sources\.json"):
            use()
    assert sources.path.read_text() == content
