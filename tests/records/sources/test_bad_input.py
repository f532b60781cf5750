"""What happens to records on disks, done to records of every kind: nothing crashes, and what is whole is still read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.records.files import RecordError
from app.records.layout import Workspace
from app.records.library import Library
from app.records.sources.base import RunRecord
from app.records.sources.external import ExternalSources
from tests.records.sources.conftest import ROOT
from tests.records.sources.everything import KINDS, settle, write_everything

RUNS = 10


def read_all(workspace: Path) -> list[RunRecord]:
    """Return all runs of a workspace by its index, after all their points and media were read too."""
    with Library(Workspace(workspace), memory=True) as library:
        list(library.update())
        runs = []
        for run in library.index.query().tolist():
            address = library.address(run)
            try:
                record = library.source(address.source).read(address.key)
                media = library.media(run)
            except KeyError:  # it went away meanwhile
                continue
            runs.append(library.index.record(run))
            for metric in record.metrics:
                try:
                    library.series(run, metric)
                except (KeyError, RecordError):
                    continue
            for path in (record.path, record.artifacts, record.log, *(medium.path for medium in media)):
                assert path is None or Path(os.path.realpath(path)).is_relative_to(os.path.realpath(workspace))
        return runs


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_everything(folder)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_everything_is_read_while_it_is_whole(whole: Path) -> None:
    runs = read_all(whole)
    assert {run.source for run in runs} == KINDS
    assert len(runs) == RUNS
    assert all(run.metrics and not run.problems for run in runs)


def cut(content: bytes, data: st.DataObject) -> bytes:
    return content[: data.draw(st.integers(0, len(content)))]


def flip(content: bytes, data: st.DataObject) -> bytes:
    changed = bytearray(content)
    for place in data.draw(st.lists(st.integers(0, max(0, len(content) - 1)), min_size=1, max_size=6)):
        if content:
            changed[place] ^= 1 << data.draw(st.integers(0, 7))
    return bytes(changed)


def put_something_in(content: bytes, data: st.DataObject) -> bytes:
    """Put another value where one was: another type, a huge number, text that is none, a name that leads away."""
    values = [b"null", b"{}", b"[[]]", b'"text"', b"-1", b"1e999", b"9" * 400, b"NaN", b"\xff\xfe", b"\xed\xa0\x80"]
    values += [b"../../../../etc/passwd", b"\0", b"true", b"0" * 4300, "ß/漢\u202e\U0001f600".encode(), b"\n" * 1000]
    begin = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(begin, min(len(content), begin + 20)))
    return content[:begin] + data.draw(st.sampled_from(values)) + content[end:]


def replace(content: bytes, data: st.DataObject) -> bytes:
    return data.draw(st.binary(max_size=64) | st.sampled_from([b"", b"{", b"[" * 5000, b"\0" * 5000, b"-" * 70_000]))


@settings(max_examples=80)
@given(data=st.data())
def test_whatever_happens_to_the_content_of_files_all_runs_are_still_there(whole: Path, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(files_of(whole)), min_size=1, max_size=3, unique=True))
    kept = {name: (whole / name).read_bytes() for name in names}
    try:
        for name, content in kept.items():
            harm = data.draw(st.sampled_from([cut, flip, put_something_in, replace]))
            (whole / name).write_bytes(harm(content, data))
        runs = read_all(whole)
        harmed = {name.partition("/")[0] for name in names}
        others = {"trainings": 3, "mlruns": 1, "mlflow.db": 1, "lightning_logs": 1, "archives": 1, "wandb": 1}
        assert len(runs) >= sum(count for top, count in others.items() if top not in harmed)
    finally:
        for name, content in kept.items():
            (whole / name).write_bytes(content)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_loop_of_folders(path: Path) -> None:
    path.symlink_to(path.parent)


def make_link_away(path: Path) -> None:
    outside = path.parents[len(path.parents) - 4] / "outside"  # beside what is read
    outside.write_bytes(b'{"secret": 1}')
    path.symlink_to(outside)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_nothing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize(
    "make", [make_folder, make_loop, make_loop_of_folders, make_link_away, make_pipe, make_nothing]
)
def test_what_stands_in_place_of_a_file_is_not_waited_for_and_not_followed(
    whole: Path, make: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "copy"))
    for name in files_of(folder):
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        make(folder / name)
        read_all(folder)
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        path.write_bytes(kept)
    settle(folder)
    assert len(read_all(folder)) == RUNS


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_may_not_be_read_is_named(copy: Path) -> None:
    for name in files_of(copy):
        (copy / name).chmod(0)
    with Library(Workspace(copy), memory=True) as library:
        problems = [*(problem for step in library.update() for problem in step.problems), *library.problems]
        for run in library.index.query().tolist():
            problems += library.index.record(run).problems
    assert len(problems) > 5
    assert all(str(copy) in problem for problem in problems)


def test_files_that_come_and_go_while_they_are_read_do_no_harm(copy: Path, whole: Path) -> None:
    over = threading.Event()

    def disturb() -> Iterator[None]:
        while True:
            for name in files_of(whole):
                (copy / name).unlink(missing_ok=True)
                yield
                shutil.copyfile(whole / name, copy / name)
            for top in sorted(path.name for path in whole.iterdir() if path.is_dir()):
                shutil.rmtree(copy / top)
                yield
                shutil.copytree(whole / top, copy / top)

    def work() -> None:
        for _ in disturb():
            if over.is_set():
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(20):
            read_all(copy)
    finally:
        over.set()
        thread.join()


def test_folders_that_lead_into_themselves_end(copy: Path) -> None:
    for folder in [path for path in copy.rglob("*") if path.is_dir() and not path.is_symlink()]:
        (folder / "loop").symlink_to(copy)
        (folder / "self").symlink_to(folder)
    settle(copy)
    assert len(read_all(copy)) == RUNS


def test_names_of_any_kind_are_read_and_kept(copy: Path) -> None:
    odd = ["漢字 ß", "a\nb", "e\u0301", "x" * 200, "%41", "con", "a'\"\\;--", "-rf", os.fsdecode(b"\xff\xfe")]
    for number, name in enumerate(odd):
        shutil.copytree(copy / "lightning_logs" / "version_0", copy / "lightning_logs" / name)
        shutil.copyfile(copy / "table" / "log.csv", copy / "table" / f"{name}.csv")
        shutil.copytree(copy / "trainings" / "old", copy / "trainings" / f"{name}")
        (copy / "mlruns" / "0" / f"{number:032x}" / "metrics").mkdir(parents=True)
        (copy / "mlruns" / "0" / f"{number:032x}" / "metrics" / name).write_text("1 2 3\n")
    assert len(read_all(copy)) >= RUNS + 4 * (len(odd) - 1)


#: Reads everything in a folder; what it takes is then known of the whole process.
PROGRAM = """
import resource, sys
from pathlib import Path
from tests.records.sources.test_bad_input import read_all
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
runs = read_all(Path(sys.argv[1]))
print(len(runs), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_logs_of_two_gigabytes_take_little_memory(copy: Path) -> None:
    for name in files_of(copy):
        os.truncate(copy / name, 2 << 30)  # sparse: nothing of it is on the disk
    done = subprocess.run([sys.executable, "-c", PROGRAM, copy], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, kilobytes = map(int, done.stdout.split())
    assert count >= 5
    assert kilobytes < 1_200_000


def test_very_many_tags_are_read_and_found(tmp_path: Path) -> None:
    from tests.records.sources.event_logs import NAME, scalar_event, write

    (tmp_path / "runs" / "a").mkdir(parents=True)
    write(tmp_path / "runs" / "a" / NAME, [scalar_event(f"tag/{number}", 1.0, number) for number in range(100_000)])
    with Library(Workspace.at(tmp_path)) as library:
        list(library.update())
        (run,) = library.index.query().tolist()
        assert len(library.index.record(run).metrics) == 100_000
        assert library.series(run, "tag/77777")["step"].tolist() == [77_777]


def test_an_added_folder_that_is_hostile_leaves_the_workspace_whole(whole: Path, tmp_path: Path) -> None:
    workspace = Workspace.at(tmp_path / "workspace")
    shutil.copytree(whole, workspace.root, dirs_exist_ok=True)
    hostile = Path(shutil.copytree(whole, tmp_path / "hostile"))
    for name in files_of(hostile):
        (hostile / name).write_bytes(b"\xff" * 100)
    ExternalSources(workspace).add(hostile)
    runs = read_all_below(workspace)
    assert sum(run.path.is_relative_to(workspace.root) and bool(run.metrics) for run in runs) == RUNS


def read_all_below(workspace: Workspace) -> list[RunRecord]:
    with Library(workspace, memory=True) as library:
        list(library.update())
        return [library.index.record(run) for run in library.index.query().tolist()]
