"""Names of people and programs as names on disk, the same on Linux, macOS and Windows."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))]
)
_FORBIDDEN = frozenset(':*?"<>|\\%')
_FILE_SUFFIXES = (".npy", ".jsonl")
_SLUG_LENGTH = 80
_PART_BYTES = 120
_KEPT_BYTES = 80


def slug(name: str) -> str:
    """Return the folder name of an experiment, or "" when nothing of the name can stand in one.

    NFKC and casefold; every run of anything but letters, digits, "." and "-" becomes "_"; at most 80 characters.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    text = re.sub(r"(?:[^\w.\-]|_)+", "_", text)
    text = text.strip("._-")[:_SLUG_LENGTH].rstrip("._-")
    return f"{text}_" if _is_device(text) else text


class PathNames:
    """Gives every name of a metric, media or artifact a path of its own: "/" is a folder, the rest is made safe.

    Two names that differ in case or Unicode form alone get two paths, on every file system. The same names handed over
    in the same order give the same paths.
    """

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}
        self._taken: set[str] = set()

    def path(self, name: str) -> str:
        """Return the relative path of a name, with "/" between its parts and no suffix."""
        known = self._paths.get(name)
        if known is not None:
            return known
        folders, last = _split(name)
        path = "/".join([*(_safe_folder(part) for part in folders), _safe(last)])
        if _fold(path) in self._taken:
            path = "/".join([*(_safe_folder(part) for part in folders), _shorten(_percent(last), last)])
        self.take(name, path)
        return path

    def take(self, name: str, path: str) -> None:
        """Note a name and path that are on disk already."""
        self._paths[name] = path
        self._taken.add(_fold(path))


def _split(name: str) -> tuple[list[str], str]:
    *folders, last = name.split("/")
    return folders, last


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _is_device(part: str) -> bool:
    return part.split(".", 1)[0].rstrip().casefold() in _DEVICES


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _safe_folder(part: str) -> str:
    safe = _safe(part)
    # A folder called "loss.npy" would take the place of the file of a metric called "loss".
    for suffix in _FILE_SUFFIXES:
        if safe.casefold().endswith(suffix):
            return safe[: -len(suffix)] + "%2E" + safe[1 - len(suffix) :]
    return safe


def _safe(part: str) -> str:
    if not part:
        return "%"  # no other name gives a lone percent sign: a literal one is written %25
    safe = "".join(_percent(char) if _is_unsafe(char) else char for char in part)
    if safe[0] == "." or _is_device(safe):
        safe = _percent(safe[0]) + safe[1:]
    if safe[-1] in ". ":
        safe = safe[:-1] + _percent(safe[-1])
    return _shorten(safe, part)


def _is_unsafe(char: str) -> bool:
    return char in _FORBIDDEN or ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) <= 0xDFFF


def _shorten(safe: str, part: str) -> str:
    encoded = safe.encode()
    if len(encoded) <= _PART_BYTES:
        return safe
    digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return encoded[:_KEPT_BYTES].decode("utf-8", "ignore") + "-" + digest
