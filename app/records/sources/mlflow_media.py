"""What runs of MLflow logged as files: their artifacts, and those of the models that they made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from app.records.names import stays_inside
from app.records.sources.base import Medium
from app.records.sources.media import files_below, medium
from app.records.sources.mlflow_values import is_folder_within, local_path, seconds_of

#: What ``log_image`` calls a file (MLflow's ``tracking/client.py``); the marks were others before 3.5.
_IMAGE = re.compile(
    r"images/(?P<key>.+)[+%]step[+%](?P<step>-?\d{1,18})[+%]timestamp[+%](?P<time>\d{1,18})[+%][0-9a-f-]{36}"
    r"(?P<small>[+%]compressed)?\.\w+"
)


def artifact_media(folder: Path, prefix: str = "") -> Iterator[Medium]:
    """Yield the files below a folder of artifacts, by their path within it; an image by the name it was logged under.

    Args:
        folder: the folder.
        prefix: what goes before their names.
    """
    for path, whole in files_below(folder):
        image = _IMAGE.fullmatch(path)
        if image is None:
            yield medium(prefix + path, whole)
        elif image["small"] is None:  # beside each is a small copy of it
            name = re.sub("[~#]", "/", image["key"])
            yield medium(prefix + name, whole, "image", int(image["step"]), seconds_of(image["time"]))


class ArtifactFolders:
    """Finds the folders that URIs of artifacts name, as far as they lie with the store: where a link leads counts.

    Stores are moved, and URIs stay: one that ends in the same folders as one of the store means that.

    Args:
        home: the folder of the store.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._roots: dict[str, Path | None] = {}

    def forget(self) -> None:
        """Look anew the next time."""
        self._roots.clear()

    def find(self, uri: object, owner: object) -> Path | None:
        """Return the folder of the artifacts of a run or a model.

        Args:
            uri: what its record says.
            owner: its id.
        """
        root, ending, rest = str(uri or "").replace("\\", "/").rpartition(f"/{owner}/artifacts")
        if not ending or rest or not stays_inside(str(owner)):
            return None
        if root not in self._roots:
            self._roots[root] = next((path for path in self._places(root) if is_folder_within(path, self._home)), None)
        found = self._roots[root]
        if found is None or (found / str(owner)).is_symlink():
            return None
        path = found / str(owner) / "artifacts"
        return path if path.is_dir() and not path.is_symlink() else None

    def _places(self, root: str) -> Iterator[Path]:
        """Yield where the folder with those of several may be: where it is said to be, where it may have moved to."""
        named = local_path(root)
        if named is not None:
            yield self._home / named
        parts = [part for part in root.split("/") if part]
        # A server that hands artifacts out (mlflow-artifacts:/0/...) keeps them in mlartifacts.
        for home in ("", "mlartifacts"):
            for count in (3, 2, 1):
                end = "/".join(parts[-count:])
                if stays_inside(end):
                    yield self._home / home / end
