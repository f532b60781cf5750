"""The folder of one run in MLflow's file stores: what lies in it, and what tells that it has changed.

It holds ``meta.yaml``, ``artifacts``, and the folders ``metrics``, ``params`` and ``tags`` with a file each ("/" in a
name is a folder). Any of them may be missing: git, for one, keeps no empty folders. No symbolic link is followed.
"""

from __future__ import annotations

import os
import re
from array import array
from functools import lru_cache
from hashlib import blake2b

from app.records.sources.mlflow_meta import parse_meta

META = "meta.yaml"
KINDS = ("metrics", "params", "tags")
ARTIFACTS = "artifacts"
#: Tags that MLflow's client writes when a run begins, and never again.
_FIXED_TAGS = ("mlflow.user", "mlflow.source.")
#: MLflow writes this one into meta.yaml too, since there is a ``run_name`` in it.
_NAME_TAG = "mlflow.runName"

_META_BYTES = 1 << 20
_FIRST_BYTES = 1 << 12
_DIGEST_BYTES = 16
#: What stands for the bytes of a name that are no UTF-8.
_HALF = re.compile("[\ud800-\udfff]")
#: A link is not followed, a named pipe not waited for.
OPEN = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))


class RunFolder:
    """What lay in the folder of a run when this was made.

    Attributes:
        path: the folder, absolute.
        meta: the values in its meta.yaml, {} where that is missing or cannot be read.
        files: paths of the files below its folders ``metrics``, ``params`` and ``tags``, by these.
        has_artifacts: whether it has a folder for them.
        problems: what could not be looked at, a sentence each.

    Raises:
        FileNotFoundError: there is no such folder, or it holds nothing of a run.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.meta: dict[str, str] = {}
        self.files: dict[str, list[str]] = {kind: [] for kind in KINDS}
        self.problems: list[str] = []
        self._watched: list[str] = []
        self._numbers = array("q")
        self._torn = False
        # Each thing is looked at before it is read: what changes in between differs from the stamp.
        self._watch("")
        names = self._names()
        self.has_artifacts = ARTIFACTS in names
        if names.issuperset([META, *KINDS, ARTIFACTS]):  # nothing can come any more
            self._watched.clear()
            del self._numbers[:]
        if META in names:
            self._watch(f"/{META}")
            self.meta = read_meta(path, self.problems)
        elif not self.problems:
            self.problems.append(f"{path}/{META}: the file is missing.")
        for kind in KINDS:
            if kind in names:
                self._walk(kind)
        for name in self.files["metrics"]:
            self._watch(f"/metrics/{name}")
        for name in self.files["tags"]:
            if not name.startswith(_FIXED_TAGS) and not (name == _NAME_TAG and "run_name" in self.meta):
                self._watch(f"/tags/{name}")

    def stamp(self, common: bytes) -> bytes:
        """Return a digest of sizes and times, and the names of what they belong to.

        Params are written once: a new one shows in the time of its folder.

        Args:
            common: what else the run depends on.
        """
        # What vanished meanwhile leaves a stamp that no later look agrees with.
        digest = bytes(_DIGEST_BYTES) if self._torn else _digest(self._numbers, common)
        return digest + os.fsencode("\0".join(self._watched))

    def _watch(self, name: str) -> None:
        self._watched.append(name)
        try:
            self._numbers.extend(_size_and_time(self.path + name))
        except (OSError, OverflowError):
            self._torn = True

    def _names(self) -> set[str]:
        """Return those of the names in a run's folder that are there as what they should be."""
        names: set[str] = set()
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    is_usable = entry.is_file if entry.name == META else entry.is_dir
                    if is_usable(follow_symlinks=False):
                        names.add(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            tell(self.problems, self.path, error)
            return names
        if META not in names and names.isdisjoint(KINDS):
            raise FileNotFoundError(self.path)
        return names

    def _walk(self, kind: str) -> None:
        files = self.files[kind]
        waiting = [kind]
        while waiting:
            below = waiting.pop()
            self._watch(f"/{below}")
            prefix = f"{below}/".removeprefix(f"{kind}/")
            try:
                with os.scandir(f"{self.path}/{below}") as entries:
                    for entry in entries:
                        name = entry.name
                        if not name.isascii() and _HALF.search(name):
                            self.problems.append(f"{self.path}/{below}: a name in it is no text.")
                        elif entry.is_file(follow_symlinks=False):
                            files.append(prefix + name)
                        elif entry.is_dir(follow_symlinks=False):
                            waiting.append(f"{below}/{name}")
                        else:
                            self.problems.append(f"{entry.path}: it is neither a file nor a folder.")
            except OSError as error:
                tell(self.problems, f"{self.path}/{below}", error)


def is_current(stamp: bytes, run: str, common: bytes, parent: int | None) -> bool:
    """Whether a run's folder is as it was when it got its stamp: one ``lstat`` for every file that can change.

    Args:
        stamp: what :meth:`RunFolder.stamp` returned.
        run: the folder, relative to its parent where that is open, else absolute.
        common: what else the run depends on.
        parent: the descriptor of the folder that it is in, or None.
    """
    numbers = array("q")
    append, lstat = numbers.append, os.lstat
    try:
        for name in _shape(stamp[_DIGEST_BYTES:]):
            status = lstat(run + name, dir_fd=parent)
            append(status.st_mtime_ns)
            append(status.st_size)
    except (OSError, OverflowError, ValueError):
        return False
    return stamp.startswith(_digest(numbers, common))


def size_and_time(path: str) -> bytes:
    """Return what changes when a file does, b"" when it is not there."""
    try:
        return array("q", _size_and_time(path)).tobytes()
    except (OSError, OverflowError):
        return b""


def read_file(path: str, limit: int) -> bytes:
    """Return at most the first ``limit`` bytes of a file.

    Raises:
        OSError: it cannot be read, or is a symbolic link.
    """
    descriptor = os.open(path, OPEN)
    try:
        data = os.read(descriptor, _FIRST_BYTES)
        if len(data) < _FIRST_BYTES:
            return data
        with open(descriptor, "rb", closefd=False) as file:
            file.seek(0)
            return file.read(limit)
    finally:
        os.close(descriptor)


def read_meta(folder: str, problems: list[str]) -> dict[str, str]:
    """Return the values in the meta.yaml of a run or an experiment; what is wrong with it is added to ``problems``."""
    path = f"{folder}/{META}"
    try:
        meta = parse_meta(read_file(path, _META_BYTES).decode("utf-8", "replace"))
    except OSError as error:
        tell(problems, path, error)
        return {}
    if not meta:
        problems.append(f"{path}: it is no mapping of names and values.")
    return meta


def tell(problems: list[str], path: str, error: OSError) -> None:
    """Add the sentence for a file that cannot be read."""
    problems.append(f"{path}: {error.strerror or error}")


def _size_and_time(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_mtime_ns, status.st_size


def _digest(numbers: array[int], common: bytes) -> bytes:
    return blake2b(numbers.tobytes() + common, digest_size=_DIGEST_BYTES).digest()


@lru_cache(maxsize=256)
def _shape(names: bytes) -> tuple[str, ...]:
    """Return the names in a stamp; most runs of an experiment have the same."""
    return tuple(os.fsdecode(names).split("\0"))
