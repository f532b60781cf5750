"""What a file or folder is taken for that is dropped on the window."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.ui.dropping import is_data_folder


def tree(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


@pytest.mark.parametrize(
    "files",
    [
        ("cat/1.png", "dog/1.JPG", "dog/2.png"),
        ("ham/1.txt", "spam/1.txt", "readme.md"),
        ("train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.png"),
    ],
)
def test_a_folder_of_classes_is_data(tmp_path: Path, files: tuple[str, ...]) -> None:
    assert is_data_folder(tree(tmp_path, *files))


@pytest.mark.parametrize(
    "files",
    [
        (),
        ("cat/1.png",),
        ("cat/1.png", "notes/1.txt"),
        ("cat/1.png", "dog/1.png", ".git/config"),
        ("figures/1.png", "pages/1.png", "trainings/x/experiment.json"),
        ("src/main.py", "docs/index.md"),
    ],
)
def test_another_folder_is_a_workspace(tmp_path: Path, files: tuple[str, ...]) -> None:
    assert not is_data_folder(tree(tmp_path, *files))


def test_a_folder_that_is_not_there_is_no_data(tmp_path: Path) -> None:
    assert not is_data_folder(tmp_path / "gone")
