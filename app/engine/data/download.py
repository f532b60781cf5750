"""Downloads: over https only, checked, resumed where they were cut off, tried again where that may help.

A file appears under its name when it is whole and its checksum is right; until then it is ``<name>.partial``, with
``<name>.partial.json`` beside it, by which the server can tell whether its file is still the same (RFC 9110, 13.1.5).
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout

from app.engine.data.source import Place
from app.engine.ending import TrainingError
from app.records.log import logger

log = logger("Dataset")

SCHEMES = ("https",)
#: Seconds before each further try.
WAITS: tuple[float, ...] = (1, 2, 4, 8)
_TIMEOUT = 30
_BLOCK = 1 << 20
#: What a server says when trying again may help.
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class DownloadError(TrainingError):
    """A file that cannot be had from its address, for a ``reason``; the text says which file to put where."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class _CutOffError(Exception):
    """The connection failed on the way; what there is can be continued."""


class _RefusedError(Exception):
    """The server or its file is not what it should be; trying again does not help."""


def download(url: str, path: Path, place: Place, *, sha256: str | None = None) -> Path:
    """Return ``path`` with the content of ``url``; a file that is there already, and is the right one, stays.

    Args:
        url: an address that begins with https.
        path: where the file is kept.
        place: asked now and then whether to go on.
        sha256: the checksum of the content in hexadecimal digits; without one it is taken as it comes.

    Raises:
        DownloadError: it cannot be had.
    """
    _check_address(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.with_name(f"{path.name}.lock"), place):
        other = ""
        if path.is_file():
            if sha256 is None or _sha256(path, place) == sha256.lower():
                return path
            log.warning("%s does not have the checksum %s; it is downloaded anew", path, sha256)
            other = f"; {path} has another checksum"
        try:
            _fetch(url, path, place, sha256)
        except (_CutOffError, _RefusedError, OSError) as error:
            check = f" (sha256 {sha256})" if sha256 else ""
            raise DownloadError(
                f"{error}{other}",
                f"{url} could not be downloaded ({error}{other}). Connect to the network and run again, or download it "
                f"elsewhere{check} and put it here: {path}",
            ) from error
    return path


def name_of(url: str) -> str:
    """Return the name of the file that an address leads to."""
    return PurePosixPath(unquote(urlsplit(url).path)).name or "download"


@contextlib.contextmanager
def _alone(path: Path, place: Place) -> Iterator[None]:
    """Keep other runs from loading the same file meanwhile; wait where one does."""
    lock = FileLock(path)
    while not lock.is_locked:
        place.check()
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=1)
    with lock:
        lock.release()
        yield


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        reason = "an address begins with https://"
        raise DownloadError(reason, f"{url} cannot be downloaded: {reason}")


def _fetch(url: str, path: Path, place: Place, sha256: str | None) -> None:
    partial, mark = path.with_name(f"{path.name}.partial"), path.with_name(f"{path.name}.partial.json")
    log.info("Downloading dataset ... (%s)", url)
    waits = iter(WAITS)
    while True:
        place.check()
        resumed = partial.exists()
        try:
            _transfer(url, partial, mark, place, sha256 is not None)
        except _CutOffError as error:
            wait = next(waits, None)
            if wait is None:
                raise
            log.warning("The download was interrupted (%s); it is continued in %g s", error, wait)
            time.sleep(wait)
            continue
        found = _sha256(partial, place) if sha256 else None
        if sha256 is None or found == sha256.lower():
            break
        _remove(partial, mark)
        if not resumed:
            raise _RefusedError(f"its sha256 is {found}, not {sha256}; nothing of it was kept")
        # What was there before may have been of another file.
        log.warning("The continued download does not have the checksum %s; it begins anew", sha256)
    partial.replace(path)
    _remove(mark)


def _transfer(url: str, partial: Path, mark: Path, place: Place, checked: bool) -> None:
    """Write what is missing of a file; a file that the server may have changed in between begins anew."""
    validator = _validator(mark)
    begin = partial.stat().st_size if partial.exists() and (validator or checked) else 0
    headers = {"User-Agent": "trackside", "Accept-Encoding": "identity"}
    if begin:
        headers["Range"] = f"bytes={begin}-"
        if validator:
            headers["If-Range"] = validator
    try:
        # Made anew for each, as it takes the proxies from the environment.
        answer = urllib.request.build_opener(_SameScheme).open(
            urllib.request.Request(url, headers=headers), timeout=_TIMEOUT
        )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and begin:
            # All of it is there, or it is not that file: the checksum tells, and without one it is loaded again.
            if checked and _total(error.headers) == begin:
                return
            _remove(partial, mark)
            raise _CutOffError("the server has less than was loaded already") from error
        kind = _CutOffError if error.code in _PASSING else _RefusedError
        raise kind(f"the server says {error.code} {error.reason}") from error
    except _NETWORK as error:
        unreachable = isinstance(getattr(error, "reason", error), socket.gaierror | ConnectionRefusedError)
        raise (_RefusedError if unreachable else _CutOffError)(_reason(error)) from error
    with answer:
        if answer.status != http.client.PARTIAL_CONTENT or _begin(answer.headers) != begin:
            if answer.status == http.client.PARTIAL_CONTENT:
                _remove(partial, mark)
                raise _CutOffError("the server sent another part than was asked for")
            begin = 0
        length = _length(answer.headers)
        _check_room(partial.parent, length)
        if not begin:
            # In this order: with the mark of this version, no part of another one may ever be found.
            _remove(partial)
            mark.write_text(json.dumps({"validator": _strong(answer.headers)}))
        _write(answer, partial, begin, length, place)


def _check_room(folder: Path, length: int | None) -> None:
    free = shutil.disk_usage(folder).free
    if length is not None and length > free:
        raise _RefusedError(f"it has {_size(length)}, but only {_size(free)} are free in {folder}")


def _write(answer: http.client.HTTPResponse, partial: Path, begin: int, length: int | None, place: Place) -> None:
    total = None if length is None else begin + length
    if begin:
        log.info("The download continues after %s", _size(begin))
    done = begin
    with open(partial, "ab" if begin else "wb") as file:
        for block in _blocks(answer):
            place.check()
            file.write(block)
            tenth = None if not total else 10 * done // total
            done += len(block)
            if total and 10 * done // total != tenth:
                log.info("Downloading dataset: %d %% of %s", 100 * done // total, _size(total))
    if total is not None and done < total:
        raise _CutOffError(f"the connection ended after {_size(done)} of {_size(total)}")


def _blocks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            # read1 gives what has arrived; read would lose it when the connection is cut.
            block = answer.read1(_BLOCK)
        except _NETWORK as error:
            raise _CutOffError(_reason(error)) from error
        if not block:
            return
        yield block


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows a server to another address, but not to one that is no longer encrypted."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme not in SCHEMES:
            raise _RefusedError(f"the server leads to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


#: What a connection that fails or is cut may raise.
_NETWORK = (OSError, http.client.HTTPException)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason) or type(error).__name__


def _validator(mark: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(mark.read_text())["validator"] or "") or None
    return None


def _strong(headers: Any) -> str | None:
    """Return what names this very content; a weak tag or a time does not."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else None


def _length(headers: Any) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _begin(headers: Any) -> int | None:
    """Return the first byte of a ``Content-Range: bytes 10-19/20``."""
    first = headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isdecimal() else None


def _total(headers: Any) -> int | None:
    """Return the size in a ``Content-Range: bytes */20``."""
    last = headers.get("Content-Range", "").rpartition("/")[2]
    return int(last) if last.isdecimal() else None


def _sha256(path: Path, place: Place) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            place.check()
            digest.update(block)
    return digest.hexdigest()


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count} bytes"
