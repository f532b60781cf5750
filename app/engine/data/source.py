"""What a dataset is to those who load it: its files, and portions of samples that are never all in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from app.engine.samples import Arrays, Samples, each

#: The settings of a dataset, every one of the catalog's with a value.
Parameters: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where downloads and unpacked archives are kept, and what is called between two portions of work.

    ``check`` raises where somebody asked for the end of the run; ``chunked`` asks for samples that stay on the disk
    although they would go into memory.
    """

    folder: Path
    check: Callable[[], None] = lambda: None
    chunked: bool = False


@dataclass(frozen=True)
class Portions:
    """Samples as they are read from a source, some at a time.

    ``read`` begins anew each time; it yields features and targets, as many of the one as of the other and in the same
    form each time.
    """

    read: Callable[[], Iterator[tuple[Arrays, Arrays]]]
    class_names: tuple[str, ...] = ()
    encoding: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, samples: Samples) -> Portions:
        """Return samples in memory as one portion."""
        return cls(lambda: iter([(samples.X, samples.y)]), samples.class_names, samples.encoding)

    def together(self) -> Samples:
        """Return all portions in memory."""
        X, y = zip(*self.read(), strict=True)
        return Samples(_joined(X), _joined(y), self.class_names, self.encoding)


@dataclass(frozen=True)
class Source:
    """How a dataset is loaded.

    ``load`` returns :class:`Portions`, which go through the cache, or :class:`Samples` that are as fast to read where
    they are. ``files`` are those whose sizes and times tell whether a cached copy is still the same; ``version`` goes
    up whenever ``load`` gives other samples than before.
    """

    load: Callable[[Parameters, Place], Samples | Portions]
    files: Callable[[Parameters], Iterable[Path]] = lambda parameters: ()
    version: int = 1


def _joined(portions: tuple[Arrays, ...]) -> Arrays:
    first = portions[0]
    if isinstance(first, dict):
        return {name: np.concatenate([each(portion)[name] for portion in portions]) for name in first}
    return np.concatenate([each(portion)[""] for portion in portions])
