"""The file of the index: killed programs, damage, several at once, no place to write."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.records.index import Index
from app.records.layout import Workspace
from app.records.query import QueryError
from app.records.summary import summary_of
from tests.records.index.runs import record

_ROOT = Path(__file__).resolve().parents[3]
_COUNT = 600
#: Puts runs into the index, a few at a time, and says so after each transaction; what is there already is put in anew.
_WRITER = """
import sys
from collections.abc import Iterator
from pathlib import Path
from app.records.index import Index
from app.records.layout import Workspace
from tests.records.index.test_database import numbered

index = Index(Workspace.at(Path(sys.argv[1])))
for start in range(0, int(sys.argv[2]), 7):
    runs = [numbered(number) for number in range(start, start + 7)]
    index.update("s", runs, {run.key: b"stamp " + run.key.encode() for run in runs})
    print(start + 7, flush=True)
"""


def numbered(number: int):  # type: ignore[no-untyped-def]
    summary = summary_of([float(number), float(-number)])
    return record(
        f"key {number}", params={"n": number, f"own {number % 40}": "x" * (number % 50)}, metrics={"m": summary}
    )


def expect_whole(index: Index, *, is_written: bool = False) -> None:
    """Everything that is there is there with all of it."""
    ids = index.query()
    known = index.known("s")  # asked later, so that it has those at least
    assert len(known) >= len(ids) if is_written else len(known) == len(ids)
    table = index.table(ids, ["name", "n", "m"] if len(ids) else ["name"])
    for name, n, m in zip(*table.values(), strict=True) if len(ids) else ():
        assert (name, m) == (f"key {n}", -float(n))
        assert known[name] == b"stamp " + name.encode()
    for id_ in ids[-3:].tolist():
        read = index.record(id_)
        assert read.params == numbered(read.params["n"]).params


@contextlib.contextmanager
def writer(workspace: Workspace, count: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _WRITER, str(workspace.root), str(count)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_program_that_is_killed_while_it_indexes_leaves_an_index_that_goes_on(workspace: Workspace) -> None:
    for transactions in (0, 1, 5, 20, 60):
        with writer(workspace, 100_000) as process:
            assert process.stdout is not None
            for _ in range(transactions):
                process.stdout.readline()
        with Index(workspace) as index:
            assert len(index.query()) >= transactions * 7
            expect_whole(index)
            index.update("s", gone=list(index.known("s"))[::3])
            expect_whole(index)
    assert not (workspace.private / "index.db.damaged").exists()


def test_two_programs_index_at_once_while_a_third_reads(workspace: Workspace) -> None:
    with writer(workspace, _COUNT) as one, writer(workspace, _COUNT) as two, Index(workspace) as index:
        while one.poll() is None or two.poll() is None:
            expect_whole(index, is_written=True)
        assert (one.returncode, two.returncode) == (0, 0)
        assert len(index.query()) >= _COUNT
        expect_whole(index)


def test_a_reader_sees_one_state_while_another_writes(workspace: Workspace) -> None:
    with Index(workspace) as reader, Index(workspace) as other:
        other.update("s", [numbered(1)])
        with reader._database.transaction("DEFERRED") as db:
            before = db.execute("SELECT count(*) FROM runs").fetchone()
            other.update("s", [numbered(2)])
            assert db.execute("SELECT count(*) FROM runs").fetchone() == before
        assert len(reader.query()) == 2


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(5_000)])
def test_what_is_no_index_is_moved_aside(workspace: Workspace, content: bytes) -> None:
    workspace.private.mkdir()
    path = workspace.private / "index.db"
    path.write_bytes(content)
    with Index(workspace) as index:
        index.update("s", [numbered(1)])
        assert index.is_kept
        assert len(index.query()) == 1
    if content:
        assert Path(f"{path}.damaged").read_bytes() == content


@pytest.mark.parametrize("change", ["PRAGMA user_version = 99", "PRAGMA application_id = 5", "DROP TABLE names"])
def test_an_index_of_another_form_is_made_anew(workspace: Workspace, change: str) -> None:
    with Index(workspace) as index:
        index.update("s", [numbered(1)])
    with contextlib.closing(sqlite3.connect(workspace.private / "index.db")) as db:
        db.execute(change)
    with Index(workspace) as index:
        index.update("s", [numbered(2)])
        assert len(index.query()) == 1
        assert list(index.table(index.query(), ["n"])["n"]) == [2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = Workspace.at(tmp_path_factory.mktemp("whole"))
    with Index(workspace) as index:
        index.update("s", [numbered(number) for number in range(300)])
    return workspace.private / "index.db"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    cut=st.one_of(st.none(), st.floats(0, 1)),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=40),
)
def test_a_damaged_file_harms_nobody(
    whole: Path, tmp_path: Path, cut: float | None, flips: list[tuple[float, int]]
) -> None:
    workspace = Workspace.at(tmp_path / "workspace")
    shutil.rmtree(workspace.root, ignore_errors=True)
    workspace.private.mkdir(parents=True)
    data = bytearray(whole.read_bytes())
    for place, bits in flips:
        data[int(place * len(data))] ^= bits
    if cut is not None:
        del data[int(cut * len(data)) :]
    (workspace.private / "index.db").write_bytes(data)
    with Index(workspace) as index:
        for ask in (
            lambda: index.query("m < 5 and n > 3", ("n", True)),
            lambda: index.group(index.query(), "n", "m"),
            lambda: index.trends(index.query(), "m"),
            lambda: [index.record(id_) for id_ in index.query()[:3].tolist()],
            lambda: (index.names(), index.counts(), index.clashes(), index.find("key 1"), index.values("n")),
            lambda: index.update("s", [numbered(1), numbered(1000)], gone=["key 2"]),
            lambda: index.unmeasured(3),
        ):
            with contextlib.suppress(QueryError, KeyError):  # what it asks for may be gone
                ask()
        index.rebuild()
        index.update("s", [numbered(7)], {"key 7": b"stamp key 7"})
        expect_whole(index)


def test_the_file_can_be_deleted_while_it_is_open(workspace: Workspace) -> None:
    with Index(workspace) as index, Index(workspace) as other:
        index.update("s", [numbered(1)])
        made = other.version
        for path in workspace.private.iterdir():
            path.unlink()
        assert len(index.query()) == 0
        index.update("s", [numbered(2)])
        assert list(other.table(other.query(), ["n"])["n"]) == [2]
        assert other.version[0] != made[0]


def test_where_nothing_can_be_written_the_index_is_kept_in_memory(workspace: Workspace) -> None:
    workspace.private.write_text("a file where a folder should be")
    with Index(workspace) as index:
        index.update("s", [numbered(1)])
        assert not index.is_kept
        assert len(index.query("n = 1")) == 1


def test_what_can_only_be_read_is_where_the_memory_begins(workspace: Workspace) -> None:
    with Index(workspace) as index:
        index.update("s", [numbered(1)], {"key 1": b"stamp key 1"})
    (workspace.private / "index.db-shm").mkdir()  # SQLite cannot make what it needs to write
    with Index(workspace) as index:
        assert not index.is_kept
        expect_whole(index)
        index.update("s", [numbered(2)])
        assert len(index.query()) == 2


def test_a_file_that_is_locked_for_long_is_an_error_of_the_system(workspace: Workspace) -> None:
    with Index(workspace) as index, Index(workspace) as other:
        index._database.connection.execute("PRAGMA busy_timeout = 1")
        with other._database.transaction("IMMEDIATE"), pytest.raises(OSError, match="locked"):
            index.update("s", [numbered(1)])
        index.update("s", [numbered(1)])
        assert len(other.query()) == 1
