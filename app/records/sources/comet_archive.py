"""The content of one of Comet's offline archives."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from app.records.files import number
from app.records.series import POINT_DTYPE, Points
from app.records.sources.base import Medium, Param
from app.records.sources.foreign import flat
from app.records.sources.surroundings import package_params

_EXPERIMENT = "experiment.json"
_MESSAGES = "messages.json"

_EMPTY_SIZE = 22
_MOST_ABOUT = 4 << 20
_MOST_MESSAGES = 1 << 30
#: No text packs better than this; what does is made to fill the memory of whoever unpacks it.
_MOST_PACKED = 200
_ALWAYS_FINE = 16 << 20
_PIECE = 1 << 20
_LONGEST_LINE = 16 << 20
#: Comet counts steps and epochs among the params, which are settings.
_COUNTERS = ("curr_step", "curr_epoch")
_KINDS = {
    "visualization": "image",
    "image": "image",
    "audio": "audio",
    "text-sample": "text",
    "histogram3d": "histogram",
}
_SYSTEM = {"host": "hostname", "python": "python_version", "system": "os_type"}
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_LOCAL_MAGIC = b"PK\x03\x04"
#: All that zipfile raises for a file that is damaged; it promises none of them.
_DAMAGE = (
    BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError, OverflowError, struct.error,
    zlib.error,
)  # fmt: skip
_INT64 = 1 << 63


@dataclass(slots=True)
class Archive:
    """What an archive tells.

    Attributes:
        key: the experiment's key, "" where it is not told.
        project: the project's name, "" for none.
        state: finished, failed, crashed, or "" where nothing tells it.
        started, ended: seconds since the epoch.
        others: what was logged by ``log_other``.
        points: every metric as a series, by the name that Comet shows: after the context, if it has one.
        files: what was logged as a file and can be read in place.
        problems: what could not be read.
    """

    key: str = ""
    project: str = ""
    state: str = ""
    started: float | None = None
    ended: float | None = None
    tags: tuple[str, ...] = ()
    params: dict[str, Param] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    points: dict[str, Points] = field(default_factory=dict)
    files: tuple[Medium, ...] = ()
    problems: tuple[str, ...] = ()


def is_archive(path: Path, *, otherwise: bool) -> bool:
    """Whether a zip file is one of Comet's; ``otherwise`` is for one that cannot be opened, or is empty."""
    try:
        with ZipFile(path) as opened:
            names = opened.namelist()
    except _DAMAGE:
        return otherwise
    return _MESSAGES in names or _EXPERIMENT in names if names else otherwise


def read_archive(path: Path) -> Archive:
    """Return the content of an archive; what cannot be read is named in its ``problems``."""
    archive = Archive()
    problems: list[str] = []
    try:
        if os.path.getsize(path) <= _EMPTY_SIZE:
            archive.state = "crashed"
            archive.problems = (f"{path}: empty, as Comet leaves it when the run is killed",)
            return archive
        with ZipFile(path) as opened:
            members = {member.filename: member for member in opened.infolist()}
            _read_about(archive, opened, members, problems, path)
            messages = _Messages()
            if _MESSAGES in members:
                _read_messages(messages, opened, members[_MESSAGES], problems, path)
            else:
                problems.append(f"{path}: has no {_MESSAGES}")
            archive.params, archive.others = messages.params, messages.others
            archive.points = messages.arrays()
            archive.files = tuple(_files(messages.uploads, members, path))
    except _DAMAGE as error:
        text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        problems.append(f"{path}: cannot be read as a zip file ({text})")
    archive.problems = tuple(problems)
    return archive


def _read_about(
    archive: Archive, opened: ZipFile, members: dict[str, ZipInfo], problems: list[str], path: Path
) -> None:
    archive.state = "finished"  # Comet writes the archive when the experiment ends
    if _EXPERIMENT not in members:
        problems.append(f"{path}: has no {_EXPERIMENT}")
        return
    try:
        with _member(opened, members[_EXPERIMENT]) as file:
            about = json.loads(file.read(_MOST_ABOUT))
    except (*_DAMAGE, RecursionError) as error:
        problems.append(f"{path}: {_EXPERIMENT} cannot be read ({error})")
        return
    if not isinstance(about, dict):
        problems.append(f"{path}: {_EXPERIMENT} is no JSON object")
        return
    archive.key = _text(about.get("offline_id"))
    archive.project = _text(about.get("project_name"))
    archive.started, archive.ended = _seconds(about.get("start_time")), _seconds(about.get("stop_time"))
    if about.get("customer_error_reported") is True:
        archive.state = "failed"
    match about.get("tags"):
        case [*tags]:
            archive.tags = tuple(tag for tag in tags if isinstance(tag, str))


def _read_messages(messages: _Messages, opened: ZipFile, member: ZipInfo, problems: list[str], path: Path) -> None:
    broken = 0
    try:
        with _member(opened, member) as file:
            for line in _lines(file):
                try:
                    message = json.loads(line)
                    messages.take(message["type"], message["payload"])
                except (ValueError, TypeError, KeyError, RecursionError):
                    broken += 1
    except _DAMAGE as error:
        problems.append(f"{path}: {_MESSAGES} cannot be read to its end ({error})")
    if member.file_size > _MOST_MESSAGES:
        problems.append(f"{path}: of {_MESSAGES} only the first {_MOST_MESSAGES:,} bytes are read")
    if broken:
        problems.append(f"{path}: {broken} message{'s' if broken > 1 else ''} of {_MESSAGES} cannot be read")


def _member(opened: ZipFile, member: ZipInfo) -> IO[bytes]:
    if member.file_size > max(_ALWAYS_FINE, _MOST_PACKED * member.compress_size):
        raise ValueError(f"{member.file_size:,} bytes are packed into {member.compress_size:,}")
    return opened.open(member)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file; its own way of reading them is slow.

    Raises:
        ValueError: a line is too long to be a message.
    """
    rest = b""
    read = 0
    while read < _MOST_MESSAGES and (piece := file.read(_PIECE)):
        read += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        yield from filter(None, lines)
        if len(rest) > _LONGEST_LINE:
            raise ValueError("a line is too long to be a message")
    if rest:
        yield rest


class _Messages:
    """What the messages of an archive come to."""

    def __init__(self) -> None:
        self.params: dict[str, Param] = {}
        self.others: dict[str, Any] = {}
        self.uploads: list[dict[str, Any]] = []
        self._values: dict[str, list[tuple[int, float, float]]] = {}

    def take(self, kind: str, payload: dict[str, Any]) -> None:
        """Add a message.

        Raises:
            TypeError, KeyError: it is of no form that is known.
        """
        if "metric" in payload:
            if payload["metric"]:
                self._take_metric(payload, payload["metric"])
        elif "param" in payload or "params" in payload:
            self._take_param(payload.get("param") or payload.get("params") or {})
        elif kind == "log_other":
            self.others[str(payload["key"])] = payload["value"]
        elif kind == "file_upload":
            self.uploads.append(payload)
        elif kind == "system_details":
            self._take_surroundings({name: payload.get(key) for name, key in _SYSTEM.items()})
        elif kind == "installed_packages":
            pairs = (str(package).partition("==") for package in payload["installed_packages"])
            self.params |= package_params({name: version for name, _, version in pairs})
        elif kind == "git_metadata":
            git = payload["git_metadata"]
            self._take_surroundings({"commit": git.get("parent"), "branch": git.get("branch")})
        elif isinstance(payload.get("log_other"), dict):  # of an old version, as its own message is now
            self.others[str(payload["log_other"]["key"])] = payload["log_other"]["val"]

    def arrays(self) -> dict[str, Points]:
        """Return the points of every metric."""
        return {name: np.array(values, POINT_DTYPE) for name, values in self._values.items()}

    def _take_metric(self, payload: dict[str, Any], metric: dict[str, Any]) -> None:
        value = number(metric["metricValue"])
        if value is None:
            return
        name = str(metric["metricName"])
        if payload.get("context"):
            name = f"{payload['context']}_{name}"
        values = self._values.setdefault(name, [])
        step = metric.get("step")
        if type(step) is not int or not -_INT64 <= step < _INT64:
            epoch = metric.get("epoch")
            step = epoch if type(epoch) is int and -_INT64 <= epoch < _INT64 else len(values)
        values.append((step, _seconds(payload.get("local_timestamp")) or np.nan, value))

    def _take_param(self, param: dict[str, Any]) -> None:
        if param and param["paramName"] not in _COUNTERS:
            self.params |= flat({str(param["paramName"]): param["paramValue"]})

    def _take_surroundings(self, found: dict[str, Any]) -> None:
        self.params |= {f"env.{name}": value for name, value in found.items() if isinstance(value, str) and value}


def _files(uploads: list[dict[str, Any]], members: dict[str, ZipInfo], path: Path) -> Iterator[Medium]:
    """Yield the uploads whose bytes lie in the archive as they are."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        for upload in uploads:
            member = members.get(_text(upload.get("file_path")))
            if member is None or member.compress_type != ZIP_STORED:
                continue
            file.seek(member.header_offset)
            header = file.read(_LOCAL_HEADER.size)
            if len(header) < _LOCAL_HEADER.size or not header.startswith(_LOCAL_MAGIC):
                continue
            _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
            offset = member.header_offset + len(header) + name_length + extra_length
            if offset + member.file_size > size:
                continue
            more = upload.get("additional_params")
            more = more if isinstance(more, dict) else {}
            step = more.get("step")
            yield Medium(
                _KINDS.get(_text(upload.get("upload_type")), "file"),
                _text(more.get("fileName")) or _text(more.get("figName")) or member.filename,
                step if type(step) is int else None,
                _seconds(upload.get("local_timestamp")),
                path,
                offset,
                member.file_size,
            )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> float | None:
    """Return seconds from Comet's milliseconds."""
    milliseconds = number(value)
    return None if milliseconds is None or not 0 < milliseconds < 1e15 else milliseconds / 1000
