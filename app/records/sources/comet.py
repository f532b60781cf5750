"""Comet's offline archives: zip files of ``experiment.json``, ``messages.json`` and the files that were logged.

Format, as comet_ml 2 to 3.58 writes it: experiment.json is one object (``offline_id``, ``project_name``, ``workspace``,
``start_time`` and ``stop_time`` in milliseconds, ``tags``); messages.json is a line of JSON a message, ``{"type",
"payload"}``. Older versions have messages of the type ``ws_msg``, whose payload tells by its keys what it is.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from app.records.series import Points
from app.records.sources.base import Kind, Medium, RunRecord, Scan, Source, Tail
from app.records.sources.comet_archive import Archive, is_archive, read_archive
from app.records.sources.foreign import id_of, is_own_file, stamp_of
from app.records.sources.rereading import Rereading
from app.records.status import END_STATES
from app.records.summary import summary_of

#: Keys are letters and digits; an archive that continues an experiment has a suffix.
_NAME = re.compile(r"[0-9A-Za-z]{32,50}(-.*)?\.zip", re.DOTALL)
#: The key under which our own archives tell how the run ended, and the one of what a person calls it.
_STATE = "trackside.state"
_NAME_KEY = "Name"
_ABOUT_COMET = frozenset([_STATE, _NAME_KEY, "offline_experiment", "hasNestedParams"])
_MOST_KEPT = 2


class CometArchives(Source):
    """The archives in a folder, or one archive.

    A zip file that has nothing of Comet's is none. One that cannot be opened is, when it is named as an archive.

    Args:
        root: the folder, or the zip file.
    """

    kind: ClassVar[Kind] = "comet"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._others: dict[str, bytes] = {}
        self._kept: OrderedDict[str, tuple[bytes, Archive]] = OrderedDict()

    def scan(self, known: Mapping[str, bytes]) -> Scan:
        """Look for archives; only those that are new or have changed are opened."""
        changed: dict[str, bytes] = {}
        present: set[str] = set()
        problems: list[str] = []
        try:
            names = [self.root.name] if self.root.is_file() else sorted(os.listdir(self.root))
        except FileNotFoundError:
            names = []
        except OSError as error:
            return Scan({}, problems=(f"{self.root}: {error.strerror or error}",))
        for name in names:
            if not name.endswith(".zip"):
                continue
            path = self._path(name)
            try:
                seen = os.stat(path)
            except OSError:
                continue
            stamp = stamp_of(seen)
            if known.get(name) == stamp:
                present.add(name)
            elif self._others.get(name) != stamp:
                if is_own_file(path, self.root) and is_archive(path, otherwise=_NAME.fullmatch(name) is not None):
                    present.add(name)
                    changed[name] = stamp
                else:
                    self._others[name] = stamp
        return Scan(changed, frozenset(known.keys() - present), tuple(problems))

    def read(self, key: str) -> RunRecord:
        """Return a run."""
        archive = self._archive(key)
        path = self._path(key)
        others = archive.others
        state = str(others.get(_STATE, ""))
        if state not in END_STATES:
            state = archive.state
        tags = {name: str(value) for name, value in others.items() if name not in _ABOUT_COMET}
        for tag in archive.tags:
            # Comet's tags are words; ours go there as name=text.
            name, _, text = tag.partition("=")
            tags[name] = text
        summaries = {name: summary_of(points["value"], points["step"]) for name, points in archive.points.items()}
        return RunRecord(
            source=self.kind,
            key=key,
            id=archive.key or id_of(self.kind, path),
            name=str(others.get(_NAME_KEY) or path.stem),
            experiment=archive.project,
            path=path,
            state=state,
            started=archive.started,
            ended=archive.ended,
            params=archive.params,
            tags=tags,
            metrics={name: summary for name, summary in summaries.items() if summary is not None},
            artifacts=path if archive.files else None,
            problems=archive.problems,
        )

    def series(self, key: str, metric: str) -> Points:
        """Return the points of a metric; a value without a step has that of its epoch, else its place in the order."""
        return self._archive(key).points[metric]

    def media(self, key: str) -> list[Medium]:
        """Return the files that were logged; those that lie packed in the archive are left out."""
        return list(self._archive(key).files)

    def follow(self, key: str) -> Tail:
        """See :meth:`Source.follow`; an archive is written at the end of its run, at once."""
        return Rereading(self, key, lambda: self._stamp(key))

    def _stamp(self, key: str) -> bytes:
        try:
            return stamp_of(os.stat(self._path(key)))
        except (FileNotFoundError, ValueError) as error:
            raise KeyError(key) from error

    def _path(self, key: str) -> Path:
        return self.root if key == self.root.name and self.root.is_file() else self.root / key

    def _archive(self, key: str) -> Archive:
        path = self._path(key)
        try:
            if "/" in key or not is_own_file(path, self.root):
                raise KeyError(key)
            stamp = stamp_of(os.stat(path))
        except (OSError, ValueError) as error:
            raise KeyError(key) from error
        kept = self._kept.pop(key, None)
        if kept is None or kept[0] != stamp:
            kept = (stamp, read_archive(path))
        self._kept[key] = kept
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return kept[1]
