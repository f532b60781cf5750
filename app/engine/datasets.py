"""The datasets by name, and how one is had: from the cache, else from its source and into the cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.config.catalog import load_catalog
from app.engine.data.array_files import load_arrays, load_hdf5
from app.engine.data.bundled import BOSTON, from_sklearn, load_boston_housing
from app.engine.data.cache import BrokenCacheError, cache_key, fault_of, read_cache, write_cache
from app.engine.data.files import files_of
from app.engine.data.folders import load_images, load_texts
from app.engine.data.keras_sets import from_keras
from app.engine.data.source import Place, Portions, Source
from app.engine.data.tabular import load_csv, load_parquet
from app.engine.ending import TrainingError
from app.engine.samples import Samples
from app.records.log import logger

log = logger("Dataset")

#: Every dataset of the catalog by its id.
SOURCES: dict[str, Source] = {
    "boston_housing": Source(load_boston_housing, lambda parameters: (BOSTON,)),
    **{name: Source(from_sklearn(name), version=2) for name in ("diabetes", "iris", "wine", "breast_cancer", "digits")},
    **{name: Source(from_keras(name), version=2) for name in ("mnist", "fashion_mnist", "cifar10", "cifar100")},
    **{name: Source(from_keras(name)) for name in ("california_housing", "imdb", "reuters")},
    "csv": Source(load_csv, files_of, version=2),
    "parquet": Source(load_parquet, files_of, version=2),
    "arrays": Source(load_arrays, files_of),
    "hdf5": Source(load_hdf5, files_of),
    "images": Source(load_images, files_of),
    "texts": Source(load_texts, files_of),
}


def load_dataset(
    name: str,
    parameters: Mapping[str, Any],
    cache: Path,
    check: Callable[[], None] = lambda: None,
    *,
    chunked: bool = False,
) -> Samples:
    """Return a dataset, from the cache where it is there and whole, else from its source and into the cache.

    Up to 256 MB it is in memory; above, its large arrays stay on the disk (:class:`app.engine.samples.Stored`).

    Args:
        name: the dataset's id in the catalog.
        parameters: its settings; what is left out has the catalog's default.
        cache: the workspace's folder of cached datasets.
        check: called now and then while it loads; it may raise, and nothing half-written is taken for whole later.
        chunked: leave arrays above 16 MB on the disk, however large the dataset is.

    Raises:
        TrainingError: the dataset cannot be had; the text says what to do about it.
    """
    source = SOURCES[name]
    defaults = {parameter.name: parameter.default for parameter in load_catalog().require("dataset", name).parameters}
    settings = {**defaults, **parameters}
    cached = cache / f"{name}-{cache_key(name, settings, source)}.h5"
    for path in (cached, *(_older_caches(cache, name) if settings == defaults else ())):
        if os.path.isfile(path):
            log.info("Dataset already exists on cache. Retrieving ...")
            try:
                return read_cache(path, chunked=chunked)
            except BrokenCacheError as error:
                log.warning(
                    "The cached dataset %s cannot be read (%s); it is left out and the dataset read anew", path, error
                )
    log.info("Reading dataset ...")
    try:
        loaded = source.load(settings, Place(cache, check, chunked))
        samples = _through_cache(loaded, cached, check, chunked) if isinstance(loaded, Portions) else loaded
    except TrainingError:
        raise
    except Exception as error:
        raise TrainingError(f"dataset.name: {name} could not be loaded: {type(error).__name__}: {error}") from error
    if fault := fault_of(samples):
        raise TrainingError(f"dataset.name: {name} has {fault}")
    return samples


def _through_cache(portions: Portions, path: Path, check: Callable[[], None], chunked: bool) -> Samples:
    log.info("Saving dataset to cache ...")
    try:
        write_cache(path, portions, check)
        return read_cache(path, chunked=chunked)
    except (OSError, RuntimeError, BrokenCacheError) as error:  # h5py has either for a full disk
        log.warning("The dataset could not be saved to the cache (%s); it will be read again next time", error)
    return portions.together()


def _older_caches(cache: Path, name: str) -> tuple[Path, Path]:
    """Return the files that the older systems cached a dataset in: by class name, later by the dataset's own."""
    return cache / f"{name.title().replace('_', '')}.h5", cache / f"{name}.h5"
