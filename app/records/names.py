"""Names of people and programs as names on disk, the same on Linux, macOS and Windows."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid

_PORTS = (f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³")
_DEVICES = frozenset(["con", "prn", "aux", "nul", "conin$", "conout$", *_PORTS])
#: What some file system forbids in a part of a path, half characters included.
_FORBIDDEN = re.compile(r'[:*?"<>|\\\x00-\x1f\x7f\ud800-\udfff]')
#: A folder with such a name would take the place of the file of another name.
_FILE_SUFFIX = re.compile(r"\.(npy|jsonl|json)\Z", re.IGNORECASE)
_SLUG_LENGTH = 80
_SLUG_BYTES = 240
_PART_BYTES = 120
_KEPT_BYTES = 80


def id_from(namespace: uuid.UUID, text: str) -> str:
    """Return a UUID (version 5) made of a text, such as a path, which need not be valid Unicode."""
    return str(uuid.uuid5(namespace, text.encode("utf-8", "backslashreplace").decode()))


def slug(name: str) -> str:
    """Return the folder name of an experiment, or "" when nothing of the name can stand in one.

    NFKC and casefold; every run of anything but letters, digits, "." and "-" becomes "_"; at most 80 characters.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    text = re.sub(r"(?:[^\w.\-]|_)+", "_", text).strip("._-")
    if _is_device(text):
        stem, dot, rest = text.partition(".")
        text = f"{stem}_{dot}{rest}"
    if len(text) > _SLUG_LENGTH or len(text.encode()) > _SLUG_BYTES:
        text = text[:_SLUG_LENGTH].encode()[:_SLUG_BYTES].decode("utf-8", "ignore").rstrip("._-")
    return text


def stays_inside(path: str) -> bool:
    """Whether a relative path that was read from a file can be one of ours: none that leads out of its folder is."""
    return all(part not in ("", ".", "..") and not _FORBIDDEN.search(part) for part in path.split("/"))


class PathNames:
    """Gives every name of a metric, media or artifact a path of its own: "/" is a folder, the rest is made safe.

    Two names, or folders of names, that differ in case or Unicode form alone get two paths, on every file system. The
    same names handed over in the same order give the same paths.
    """

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._taken: set[str] = set()

    def path(self, name: str) -> str:
        """Return the relative path of a name, with "/" between its parts and no suffix."""
        known = self._paths.get(name)
        if known is not None:
            return known
        *folders, last = name.split("/")
        given = parent = ""
        for part in folders:
            given += f"{part}/"
            if given not in self._folders:
                self._folders[given] = self._claim(parent, part, "/")
            parent = self._folders[given]
        path = self._paths[name] = self._claim(parent, last, "")
        return path

    def take(self, name: str, path: str) -> None:
        """Note a name and path that are on disk already."""
        self._paths[name] = path
        self._taken.add(_fold(path))
        given = parent = ""
        for part, found in zip(name.split("/")[:-1], path.split("/")[:-1], strict=False):
            given += f"{part}/"
            parent += f"{found}/"
            self._folders[given] = parent
            self._taken.add(_fold(parent))

    def _claim(self, parent: str, part: str, end: str) -> str:
        """Return a free path for a part of a name; ``end`` is "/" for a folder, "" for the last part."""
        path = parent + _safe(part, is_folder=bool(end)) + end
        if _fold(path) in self._taken:
            path = parent + _shorten(_percent(part), part) + end
        self._taken.add(_fold(path))
        return path


def _fold(path: str) -> str:
    """Return what two paths have in common that some file system takes for one (Unicode 15, 3.13, D145)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _is_device(part: str) -> bool:
    return part.partition(".")[0].rstrip().casefold() in _DEVICES


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _safe(part: str, *, is_folder: bool) -> str:
    if not part:
        return "%"  # no other name gives a lone percent sign: a literal one is written %25
    safe = _FORBIDDEN.sub(lambda match: _percent(match[0]), part.replace("%", "%25"))
    if safe[0] == "." or _is_device(safe):
        safe = _percent(safe[0]) + safe[1:]
    if safe[-1] in ". ":
        safe = safe[:-1] + _percent(safe[-1])
    if is_folder:
        safe = _FILE_SUFFIX.sub(r"%2E\1", safe)
    return _shorten(safe, part)


def _shorten(safe: str, part: str) -> str:
    encoded = safe.encode()
    if len(encoded) <= _PART_BYTES:
        return safe
    digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return encoded[:_KEPT_BYTES].decode("utf-8", "ignore") + "-" + digest
