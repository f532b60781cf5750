from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.jobs.indexing import from_line, indexing_command, to_line
from app.records.index import Index, Progress
from app.records.layout import Workspace
from app.records.library import OWN, SourcePlace
from app.records.upkeep import END, LOOK, Complete, News, Sources


@pytest.mark.parametrize(
    "news",
    [
        Sources(
            (SourcePlace(OWN, "execution", Path("/w")), SourcePlace("csv:x", "csv", Path("/x"), Path("/"))), ("a",)
        ),
        Progress("csv:x", 3, 10, ("über",)),
        Complete(),
    ],
)
def test_what_is_told_arrives(news: News) -> None:
    assert from_line(to_line(news)) == news


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"kind": "progress"}', "no JSON"])
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_line(line)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        indexing_command(Workspace.at(tmp_path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield started
    with started:
        started.kill()


def heard(process: subprocess.Popen[str]) -> News | str:
    assert process.stdout is not None
    return from_line(process.stdout.readline())


def execution(root: Path, name: str) -> None:
    folder = root / "trainings" / "boston" / "executions" / name
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"metrics": {"loss": [1.0]}, "elapsed": {}}))
    os.utime(folder, (1_790_000_000, 1_790_000_000))  # what has no status.json and is new is only being made


def tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def test_the_index_is_kept_by_a_process_that_ends_with_its_input(
    tmp_path: Path, process: subprocess.Popen[str]
) -> None:
    assert isinstance(heard(process), Sources)
    assert heard(process) == Complete()
    execution(tmp_path, "one")
    tell(process, LOOK)
    assert heard(process) == Progress(OWN, 0, 1)
    assert heard(process) == Progress(OWN, 1, 1)
    with Index(Workspace.at(tmp_path)) as index:
        assert len(index.query("loss = 1")) == 1
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


def test_an_end_can_be_asked_for(process: subprocess.Popen[str]) -> None:
    assert isinstance(heard(process), Sources)
    tell(process, END)
    assert process.wait(20) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be made unwritable there")
def test_where_nothing_can_be_kept_that_is_said(tmp_path: Path) -> None:
    (tmp_path / ".trackside").write_text("a file where the folder should be")

    ran = subprocess.run(
        indexing_command(Workspace(tmp_path)), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 1
    told = from_line(ran.stdout)
    assert isinstance(told, str)
    assert str(tmp_path) in told
