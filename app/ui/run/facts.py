"""What the files of a run tell beside its metrics: stages, machine, code, trackers, files. Read in the background."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.records.files import RecordError, read_json
from app.records.layout import ExecutionFolder, Workspace
from app.records.metrics import read_elapsed
from app.records.mirrored import find_mlflow, find_tensorboard, is_mirror_expected
from app.records.runs import read_run

_LIBRARY_NAMES = {"tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy"}


@dataclass(frozen=True, slots=True)
class FileFact:
    """A file of the run or a folder with all that is in it; sizes in bytes, ``count`` is None for a file."""

    name: str
    size: int
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the files of one run tell.

    Attributes:
        elapsed: seconds by stage.
        hardware: (what, text) of the machine that it ran on.
        code: (what, text) of the code that it was started from.
        trackers: the types of the trackers that its config asks for.
        mirrors: those of TensorBoard and MLflow in which it can be looked at.
        files: biggest first.
        problems: what cannot be read, a sentence each.
    """

    elapsed: dict[str, float]
    hardware: tuple[tuple[str, str], ...]
    code: tuple[tuple[str, str], ...]
    trackers: tuple[str, ...]
    mirrors: frozenset[str]
    files: tuple[FileFact, ...]
    problems: tuple[str, ...] = ()


def read_facts(folder: ExecutionFolder) -> Facts:
    """Return what the files of a run tell; what is missing or broken is left out."""
    environment = _object(folder.environment)
    metrics = _object(folder.metrics)
    elapsed: dict[str, float] = {}
    with suppress(RecordError):
        elapsed = {stage: seconds for stage, seconds in read_elapsed(folder.metrics).items() if seconds > 0}
    platform = metrics.get("platform") or environment.get("platform")
    trackers = tuple(_trackers(_object(folder.resolved) or _object(folder.document)))
    return Facts(
        elapsed=elapsed,
        hardware=tuple(_hardware(platform)) if isinstance(platform, dict) else (),
        code=tuple(_code(environment)),
        trackers=trackers,
        mirrors=read_mirrors(folder),
        files=tuple(_files(folder.path)),
        problems=read_run(folder, Workspace.around(folder.path)).problems,
    )


def _object(path: Path) -> dict[str, Any]:
    with suppress(RecordError):
        value = read_json(path)
        if isinstance(value, dict):
            return value
    return {}


def _trackers(config: dict[str, Any]) -> Iterator[str]:
    match config:
        case {"tracking": {"trackers": [*trackers]}}:
            for tracker in trackers:
                match tracker:
                    case {"type": str(kind)}:
                        yield kind


def read_mirrors(folder: ExecutionFolder) -> frozenset[str]:
    """Return in which of TensorBoard and MLflow a run can be looked at, or will be."""
    finders = {"tensorboard": find_tensorboard, "mlflow": find_mlflow}
    return frozenset(
        kind for kind, find in finders.items() if is_mirror_expected(folder, kind) or find(folder) is not None
    )


def _hardware(platform: dict[str, Any]) -> Iterator[tuple[str, str]]:
    match platform.get("cpu"):
        case {"brand": str(brand), **cpu}:
            threads = cpu.get("threads")
            yield "CPU", f"{brand}, {threads} threads" if isinstance(threads, int) else brand
        case str(brand) if brand:
            yield "CPU", brand
    memory = platform.get("memory")
    if isinstance(memory, int | float) and memory > 0:
        yield "Memory", f"{memory / (1 << 30):.1f} GB"
    match platform.get("gpu"):
        case [*gpus] if gpus:
            yield "GPU", ", ".join(str(gpu.get("name", "") if isinstance(gpu, dict) else gpu) for gpu in gpus)
    system = " ".join(str(platform[key]) for key in ("system", "release", "machine") if platform.get(key))
    if system:
        yield "System", system
    libraries = platform.get("libraries")
    named = libraries if isinstance(libraries, dict) else {}
    versions = [str(platform["python_version"])] if platform.get("python_version") else []
    versions += [f"{title} {named[name]}" for name, title in _LIBRARY_NAMES.items() if name in named]
    if versions:
        yield "Python", " · ".join(versions)


def _code(environment: dict[str, Any]) -> Iterator[tuple[str, str]]:
    match environment.get("code"):
        case {"commit": str(commit), **code}:
            yield "Commit", commit[:10]
            changed = "uncommitted changes" if code.get("dirty") else "no uncommitted changes"
            branch = code.get("branch")
            yield "Branch", f"{branch}, {changed}" if branch else changed
    match environment.get("command"):
        case [*parts] if parts:
            yield "Command", " ".join(map(str, parts))
    seed = environment.get("seed")
    if isinstance(seed, int):
        yield "Seed", str(seed)


def _files(folder: Path) -> Iterator[FileFact]:
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    sizes = list(_sizes(entry.path))
                    if sizes:
                        found.append(FileFact(f"{entry.name}/", sum(sizes), len(sizes)))
                elif (size := entry.stat().st_size) > 0:
                    found.append(FileFact(entry.name, size))
    yield from sorted(found, key=lambda fact: -fact.size)


def _sizes(folder: str) -> Iterator[int]:
    for parent, _folders, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                yield os.lstat(os.path.join(parent, name)).st_size
