"""The file of the index: opened, made, moved aside when it is damaged, used in transactions.

Everything in it comes from elsewhere, so nothing is lost with it: it is made again by looking at the sources.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

#: Counts up with every change of the form of the file; one of another version is made again.
VERSION = 2
#: "TrkS", which tells the file from any other SQLite file.
_APPLICATION = 0x54726B53
_BUSY_SECONDS = 10.0
_SCHEMA = """
CREATE TABLE file (made TEXT NOT NULL);
CREATE TABLE sources (id INTEGER PRIMARY KEY, name NOT NULL UNIQUE);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL,
    key NOT NULL,
    stamp BLOB NOT NULL,
    UNIQUE (source, key)
);
CREATE TABLE names (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name NOT NULL, UNIQUE (kind, name));
CREATE TABLE value_chunks (id INTEGER PRIMARY KEY, rows BLOB NOT NULL, codes BLOB NOT NULL, numbers BLOB, texts BLOB);
CREATE TABLE summary_chunks (id INTEGER PRIMARY KEY, rows BLOB NOT NULL, numbers BLOB NOT NULL, trends BLOB NOT NULL);
"""
#: What SQLite says of a file that is damaged, no database, or without our tables.
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH})


class DamagedError(Exception):
    """The file is damaged."""


class Database:
    """One connection to the file of an index, for one thread at a time.

    Args:
        path: the file. Where it cannot be written, or for None, everything is kept in memory, beginning with what a
            file that can be read holds.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._inode = 0
        self._open()

    @property
    def is_kept(self) -> bool:
        """Whether what is written stays when the program ends."""
        return self._inode != 0

    def close(self) -> None:
        """Close the connection."""
        with self.lock:
            self.connection.close()

    @contextmanager
    def transaction(self, kind: Literal["DEFERRED", "IMMEDIATE"]) -> Iterator[sqlite3.Connection]:
        """Yield the connection in a transaction: DEFERRED to read one state of the file, IMMEDIATE to write.

        Raises:
            DamagedError: the file is damaged.
            OSError: it cannot be used: it is locked for too long, the disk is full.
        """
        with self.lock, self._named_errors():
            self.connection.execute(f"BEGIN {kind}")
            try:
                yield self.connection
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # an error may have ended it already
                    self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def clear(self) -> None:
        """Take everything out of the file."""
        with self.transaction("IMMEDIATE") as db:
            for table in ("sources", "runs", "names", "value_chunks", "summary_chunks", "sqlite_sequence"):
                db.execute(f"DELETE FROM {table}")
            db.execute("UPDATE file SET made = ?", (uuid.uuid4().hex,))

    def has_moved(self) -> bool:
        """Whether the file that is open is no longer the one at its path."""
        return self.is_kept and _inode(self.path) != self._inode

    def reopen(self) -> None:
        """Use the file that is at the path now; one that is still the damaged one is moved aside."""
        with self.lock:
            moved = self.has_moved()
            with contextlib.suppress(sqlite3.Error):
                self.connection.close()
            if not moved:
                self._move_aside()
            self._open()

    def _open(self) -> None:
        if self.path is not None:
            try:
                self._open_file(self.path)
                return
            except DamagedError:
                self._move_aside()
                with contextlib.suppress(OSError, DamagedError):
                    self._open_file(self.path)
                    return
            except OSError:
                pass
        self._inode = 0
        self.connection = self._connect(":memory:")
        if self.path is not None:
            _copy_readable(self.path, self.connection)
        try:
            self._prepare()
        except DamagedError:
            self.connection = self._connect(":memory:")
            self._prepare()

    def _open_file(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._named_errors():
            self.connection = self._connect(str(path))
        try:
            with self._named_errors():
                self.connection.execute("PRAGMA journal_mode = WAL")
                # Killed programs lose nothing by it; a computer that loses its power at worst the last runs.
                self.connection.execute("PRAGMA synchronous = NORMAL")
            self._inode = _inode(path)
            self._prepare()
        except BaseException:
            self.connection.close()
            raise

    def _connect(self, name: str) -> sqlite3.Connection:
        return sqlite3.connect(name, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _prepare(self) -> None:
        """Make what the file needs; a file that we did not make counts as damaged."""
        with self.transaction("IMMEDIATE") as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (application,) = db.execute("PRAGMA application_id").fetchone()
            if (application, version) != (_APPLICATION, VERSION):
                if db.execute("SELECT 1 FROM sqlite_master").fetchone():
                    raise DamagedError(f"{self.path}: the index is of another version or another program")
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute("INSERT INTO file VALUES (?)", (uuid.uuid4().hex,))
                db.execute(f"PRAGMA application_id = {_APPLICATION}")
                db.execute(f"PRAGMA user_version = {VERSION}")

    def _move_aside(self) -> None:
        if self.path is None:
            return
        # What is left of a write must not be taken for one to the file that is made next.
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self.path}{suffix}")
        with contextlib.suppress(OSError):
            os.replace(self.path, f"{self.path}.damaged")

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:  # a mistake of ours, such as using what is closed, says nothing of the file
            raise
        except sqlite3.Error as error:
            # Extended codes carry the plain one in their low byte; errors of Python's module itself carry none.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
            if code & 0xFF in _DAMAGE or code == sqlite3.SQLITE_IOERR_SHORT_READ:
                raise DamagedError(f"{self.path}: the index is damaged ({error})") from error
            raise OSError(errno.EIO, f"the index cannot be used: {error}", str(self.path)) from error


def _inode(path: Path | None) -> int:
    try:
        return os.stat(path).st_ino if path is not None else 0
    except OSError:
        return 0


def _copy_readable(path: Path, target: sqlite3.Connection) -> None:
    """Fill a connection from a file that cannot be written, where it can at least be read."""
    if not path.is_file():
        return
    # A file that nobody has open can be read without the files beside it that SQLite would have to make.
    mode = "mode=ro" if os.path.exists(f"{path}-wal") else "immutable=1"
    with contextlib.suppress(sqlite3.Error):
        source = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)
        with contextlib.closing(source):
            source.backup(target)
