"""The queue of a workspace: which run is next, and which ones have a slot.

An SQLite file, because claims must be transactions between processes that know nothing of each other. It holds the
order and nothing else: lost, it is made again from the states of the runs.
"""

from __future__ import annotations

import errno
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from app.records.files import RecordError
from app.records.layout import ExecutionFolder, Workspace
from app.records.processes import Identity
from app.records.runs import observed_status, read_runs
from app.records.status import read_status

_BUSY_SECONDS = 10.0
_SCHEMA = """
CREATE TABLE runs (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    folder TEXT NOT NULL UNIQUE,
    claim TEXT,
    pid INTEGER,
    create_time REAL
)
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to start one run; it passes from whoever claimed it to the run's keeper."""

    folder: ExecutionFolder
    token: str


class Queue:
    """The queue of one workspace. Every method is one transaction, and raises OSError where the file cannot be used."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._path = workspace.private / "queue.db"

    def add(self, folder: ExecutionFolder) -> None:
        """Put a run at the end."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO runs (folder) VALUES (?)", (self._key(folder),))

    def cancel(self, folder: ExecutionFolder) -> bool:
        """Take out a run, unless somebody has claimed it; return whether nobody had."""
        with self._transaction() as db:
            db.execute("DELETE FROM runs WHERE folder = ? AND claim IS NULL", (self._key(folder),))
            return db.execute("SELECT 1 FROM runs WHERE folder = ?", (self._key(folder),)).fetchone() is None

    def claim(self, slots: int, by: Identity) -> Claim | None:
        """Claim the first run that waits, if fewer than ``slots`` runs are under way; None when none can start."""
        with self._transaction() as db:
            self._forget_the_dead(db)
            (busy,) = db.execute("SELECT count(*) FROM runs WHERE claim IS NOT NULL").fetchone()
            row = db.execute("SELECT folder FROM runs WHERE claim IS NULL ORDER BY place LIMIT 1").fetchone()
            if row is None or busy >= slots:
                return None
            token = uuid.uuid4().hex
            sql = "UPDATE runs SET claim = ?, pid = ?, create_time = ? WHERE folder = ?"
            db.execute(sql, (token, by.pid, by.create_time, row[0]))
            return Claim(ExecutionFolder(self._workspace.root / row[0]), token)

    def take(self, claim: Claim, keeper: Identity) -> bool:
        """Pass a claim on to the run's keeper; False when it is no longer valid, and the run must not be started."""
        with self._transaction() as db:
            sql = "UPDATE runs SET pid = ?, create_time = ? WHERE folder = ? AND claim = ?"
            values = (keeper.pid, keeper.create_time, self._key(claim.folder), claim.token)
            return db.execute(sql, values).rowcount == 1

    def inherit(self, folder: ExecutionFolder, keeper: Identity) -> None:
        """Give the slot of a run whose keeper died to the keeper that takes over."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO runs (folder, claim, pid, create_time) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (folder) DO UPDATE SET pid = excluded.pid, create_time = excluded.create_time",
                (self._key(folder), uuid.uuid4().hex, keeper.pid, keeper.create_time),
            )

    def release(self, folder: ExecutionFolder) -> None:
        """Free the slot of a run that is over."""
        with self._transaction() as db:
            db.execute("DELETE FROM runs WHERE folder = ?", (self._key(folder),))

    def waiting(self) -> list[ExecutionFolder]:
        """Return the runs that wait, the next one first."""
        if not self._path.exists():
            return []
        with self._as_os_error(), closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as db:
            rows = db.execute("SELECT folder FROM runs WHERE claim IS NULL ORDER BY place").fetchall()
        return [ExecutionFolder(self._workspace.root / row[0]) for row in rows]

    def _forget_the_dead(self, db: sqlite3.Connection) -> None:
        claimed = db.execute("SELECT folder, pid, create_time FROM runs WHERE claim IS NOT NULL").fetchall()
        for name, pid, created in claimed:
            if Identity(pid, created).is_alive():
                continue
            folder = ExecutionFolder(self._workspace.root / name)
            try:
                status = read_status(folder.status)
                state = observed_status(status, folder).state
            except RecordError:
                state = "crashed"
            if state == "queued":  # whoever claimed it died before there was a keeper
                db.execute("UPDATE runs SET claim = NULL, pid = NULL, create_time = NULL WHERE folder = ?", (name,))
            elif state not in ("starting", "running", "paused"):
                db.execute("DELETE FROM runs WHERE folder = ?", (name,))

    def _key(self, folder: ExecutionFolder) -> str:
        return folder.path.relative_to(self._workspace.root).as_posix()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._as_os_error(), closing(self._open()) as db:
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def _as_os_error(self) -> Iterator[None]:
        """Turn what SQLite says of a full, locked or read-only disk into the error that such a disk gives elsewhere."""
        try:
            yield
        except sqlite3.Error as error:
            raise OSError(errno.EIO, f"the queue cannot be used: {error}", str(self._path)) from error

    def _open(self) -> sqlite3.Connection:
        """Return the open file with a transaction begun; one that is missing or broken is made again."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            # It can be made again, so nobody waits for the disk.
            db.execute("PRAGMA synchronous = OFF")
            db.execute("BEGIN IMMEDIATE")
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone():
                db.execute(_SCHEMA)
                self._find_runs(db)
        except sqlite3.OperationalError:
            db.close()
            raise
        except sqlite3.DatabaseError:
            db.close()
            self._path.unlink(missing_ok=True)
            return self._open()
        return db

    def _find_runs(self, db: sqlite3.Connection) -> None:
        runs = [run for run in read_runs(self._workspace, metrics=False) if not run.status.is_over]
        for run in sorted(runs, key=lambda run: run.status.submitted or 0.0):
            keeper = run.status.keeper
            claim = (None, None, None) if keeper is None else (uuid.uuid4().hex, keeper.pid, keeper.create_time)
            sql = "INSERT INTO runs (folder, claim, pid, create_time) VALUES (?, ?, ?, ?)"
            db.execute(sql, (self._key(run.folder), *claim))
