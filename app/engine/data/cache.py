"""The cache of datasets: HDF5 files that are read as fast as the disk allows, in portions where they are large.

``X`` and ``y`` are tables, or groups with a table for each input or output (its name percent-encoded). Nothing is
compressed, and rows lie in chunks of 256 KB, those of numbers with a checksum. The attribute ``class_names`` is a JSON
list, ``encoding`` how columns became numbers.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote

import h5py
import numpy as np

from app.engine.data.source import Parameters, Portions, Source
from app.engine.ending import DamagedDataError
from app.engine.samples import TEXT_BYTES, Array, Arrays, Samples, Stored, each

#: Above this the tables stay on the disk, but those small enough that reading them again and again gains nothing.
MEMORY_LIMIT = 256 << 20
SMALL = 16 << 20
_CHUNK_BYTES = 256 << 10


def memory_limit(total: int = 0, *, chunked: bool = False) -> int:
    """Return up to how many bytes a table is read into memory, of tables that have ``total`` together."""
    return SMALL if chunked or total > MEMORY_LIMIT else MEMORY_LIMIT


class BrokenCacheError(Exception):
    """A cached dataset that cannot be read; the text says why."""


def cache_key(name: str, parameters: Parameters, source: Source) -> str:
    """Return what changes with the settings, the sizes and times of the source's files, and its version."""
    stats = []
    for path in source.files(parameters):
        try:
            found = path.stat()
            stats.append((str(path), found.st_size, found.st_mtime_ns))
        except OSError:  # a link to nothing: whoever reads it says so
            stats.append((str(path), 0, 0))
    facts = {"name": name, "parameters": dict(parameters), "files": sorted(stats), "version": source.version}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def write_cache(path: Path, portions: Portions, check: Callable[[], None]) -> None:
    """Write portions as they come; the file appears when it is whole and on the disk.

    Raises:
        OSError, RuntimeError: it cannot be written; h5py has either for a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}-{np.random.default_rng().integers(1 << 32):x}.partial")
    try:
        with h5py.File(partial, "w", libver="latest") as file:
            for X, y in portions.read():
                check()
                _append(file, "X", X)
                _append(file, "y", y)
            # Attributes above 64 KB are why the file is of the latest form.
            file.attrs["class_names"] = json.dumps(portions.class_names)
            file.attrs["encoding"] = json.dumps(portions.encoding)
        with open(partial, "rb+") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_cache(path: Path, *, chunked: bool = False) -> Samples:
    """Return a cached dataset, in memory up to 256 MB; above, or ``chunked``, its large tables stay on the disk.

    Raises:
        BrokenCacheError: it is cut off, of another form, or no such file at all.
    """
    try:
        file = h5py.File(path, "r")
        limit = memory_limit(_size(file["X"]) + _size(file["y"]), chunked=chunked)
        names = json.loads(file.attrs.get("class_names", "[]"))
        encoding = json.loads(file.attrs.get("encoding", "null"))
        samples = Samples(_read_node(file["X"], limit), _read_node(file["y"], limit), tuple(names), encoding)
        if fault := fault_of(samples):
            raise ValueError(fault)
    # A file that was cut off is an OSError, RuntimeError or KeyError of h5py, a group in place of a table a TypeError.
    except (DamagedDataError, OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BrokenCacheError(str(error)) from error
    return samples


def fault_of(samples: Samples) -> str | None:
    """Return what is wrong with the numbers of samples and targets, None if they are as many and any."""
    counts = {f"X {name}".strip(): len(array) for name, array in each(samples.X).items()}
    counts |= {f"y {name}".strip(): len(array) for name, array in each(samples.y).items()}
    if len(set(counts.values())) > 1:
        return "not as many samples as targets: " + ", ".join(f"{count} in {name}" for name, count in counts.items())
    return None if next(iter(counts.values())) else "no samples"


def _read_node(node: Any, limit: int) -> Arrays:
    if isinstance(node, h5py.Group):
        return {unquote(name): read_table(table, limit) for name, table in node.items()}
    return read_table(node, limit)


def read_table(table: Any, limit: int) -> Array:
    """Return an ``h5py.Dataset`` in memory up to ``limit`` bytes, else as :class:`Stored`."""
    stored = Stored(table)
    return stored[:] if len(stored) * stored.row_bytes <= limit else cast("Array", stored)


def _size(node: Any) -> int:
    if isinstance(node, h5py.Group):
        return sum(_size(table) for table in node.values())
    stored = Stored(node)
    return len(stored) * stored.row_bytes


def _append(file: h5py.File, name: str, arrays: Arrays) -> None:
    for key, array in each(arrays).items():
        place = f"{name}/{quote(key, safe=' ')}" if isinstance(arrays, dict) else name
        if place not in file:
            texts = array.dtype.kind in "OU"
            row = max(int(np.prod(array.shape[1:])) * (TEXT_BYTES if texts else array.dtype.itemsize), 1)
            file.create_dataset(
                place,
                shape=(0, *array.shape[1:]),
                maxshape=(None, *array.shape[1:]),
                chunks=(max(_CHUNK_BYTES // row, 1), *array.shape[1:]),
                dtype=h5py.string_dtype() if texts else array.dtype,
                fletcher32=not texts,  # HDF5 has none for texts of any length
            )
        table = file[place]
        table.resize(len(table) + len(array), axis=0)
        table[len(table) - len(array) :] = array.astype(object) if array.dtype.kind == "U" else array
