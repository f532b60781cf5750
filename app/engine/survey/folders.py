"""What is in a folder with a folder for each class: images or texts, how many, how large, and some of each class."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.config.survey import Survey
from app.engine.data.files import visible, walk
from app.engine.data.folders import IMAGES, SPLITS, TEXTS, BadFileError, classes_of, read_image, read_size, read_text
from app.engine.ending import TrainingError
from app.engine.samples import Array

_TRAINING = ("train", "training")
#: How many files are opened to learn the sizes of images, and how many are decoded to be shown.
_MEASURED, _SHOWN = 5000, 24
_THUMBNAIL, _LONGEST = 96, 400
#: How many files are looked at to learn what a folder holds.
_LOOKED_AT = 2000

Files = Sequence[tuple[Path, int]]


def survey_folder(folder: Path, tell: Callable[[int, int], None]) -> Survey:
    """Return what is in a folder of images by class, or of texts by class; where it is split, in its training part.

    Raises:
        TrainingError: it has no classes, or neither images nor texts.
    """
    notes: list[str] = []
    inner = [path for path in visible(folder) if path.is_dir()]
    if inner and SPLITS.issuperset(path.name.lower() for path in inner):
        training = [path for path in inner if path.name.lower() in _TRAINING]
        if training:
            folder = training[0]
            notes.append(f"The data is split already; {folder.name} is taken, and training.samples splits it.")
    endings = Counter(path.suffix.lower() for _, path in zip(range(_LOOKED_AT), walk(folder), strict=False))
    images, texts = (sum(endings[ending] for ending in known) for known in (IMAGES, TEXTS))
    if not images and not texts:
        found = f"files of the kinds {', '.join(map(repr, sorted(endings)[:6]))}" if endings else "no files"
        raise TrainingError(
            f"{folder}: has {found}; a folder for each class with images ({', '.join(sorted(IMAGES))}) or texts "
            f"({', '.join(sorted(TEXTS))}) in it would be right"
        )
    survey = _survey_images if images >= texts else _survey_texts
    return survey(folder, notes, tell)


def _survey_images(folder: Path, notes: list[str], tell: Callable[[int, int], None]) -> Survey:
    names, files = classes_of(folder, IMAGES, "image")
    parameters: dict[str, Any] = {}
    sizes: list[tuple[int, int]] = []
    bad: list[str] = []
    chosen = _of_each_class(files, len(names))
    some = list(dict.fromkeys([*chosen, *_spread(files, _MEASURED)]))
    samples: list[tuple[str, str, str]] = []
    gray = True
    for done, (path, number) in enumerate(some, 1):
        try:
            if done <= len(chosen):
                pixels = read_image(path, None, "RGB", resize=False)
                sizes.append(pixels.shape[:2])
                gray = gray and bool((pixels == pixels[..., :1]).all())
                samples.append((names[number], thumbnail(pixels), str(path.relative_to(folder))))
            else:
                sizes.append(read_size(path))
        except BadFileError as error:
            bad.append(f"{path.relative_to(folder)}: {error}")
        tell(done, len(some))
    if not sizes:
        raise TrainingError(f"{folder}: none of its {len(files)} images can be read ({bad[0]})")
    if bad:
        parameters["bad_files"] = "skip"
        notes.append(f"Left out, as {'it is' if len(bad) == 1 else 'they are'} broken: {'; '.join(bad[:3])}.")
    if gray:
        parameters["color_mode"] = "grayscale"
    height, width = (int(np.median([size[axis] for size in sizes])) for axis in (0, 1))
    if len(set(sizes)) > 1:
        parameters["size"] = [height, width]
    return Survey(
        "images",
        str(folder),
        "images",
        parameters,
        rows=len(files),
        classes=_counts(names, files),
        shape=(height, width, 1 if "color_mode" in parameters else 3),
        samples=tuple(samples),
        notes=notes,
    )


def _survey_texts(folder: Path, notes: list[str], tell: Callable[[int, int], None]) -> Survey:
    names, files = classes_of(folder, TEXTS, "text")
    parameters: dict[str, Any] = {}
    shown = _of_each_class(files, len(names))
    bad: list[str] = []
    samples: list[tuple[str, str, str]] = []
    for done, (path, number) in enumerate(files, 1):
        try:
            text = read_text(path, "utf-8")
        except BadFileError as error:
            bad.append(f"{path.relative_to(folder)}: {error}")
        else:
            if (path, number) in shown:
                samples.append((names[number], text[:_LONGEST].strip(), str(path.relative_to(folder))))
        tell(done, len(files))
    if len(bad) == len(files):
        raise TrainingError(f"{folder}: none of its {len(files)} texts can be read ({bad[0]})")
    if bad:
        parameters["bad_files"] = "skip"
        notes.append(f"{len(bad)} of {len(files)} texts are left out: {'; '.join(bad[:3])}.")
    return Survey(
        "texts",
        str(folder),
        "texts",
        parameters,
        rows=len(files),
        classes=_counts(names, files),
        samples=tuple(samples),
        notes=notes,
    )


def thumbnail(pixels: Array) -> str:
    """Return an image of bytes (rows, columns, channels) as a small PNG, in base64."""
    from PIL import Image

    plain = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    image = Image.fromarray(np.ascontiguousarray(plain))
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _counts(names: Sequence[str], files: Files) -> dict[str, int]:
    counts = Counter(number for _, number in files)
    return {name: counts[number] for number, name in enumerate(names)}


def _of_each_class(files: Files, classes: int) -> list[tuple[Path, int]]:
    """Return some files of every class in turn."""
    each = max(_SHOWN // classes, 1)
    taken: Counter[int] = Counter()
    found: list[tuple[Path, int]] = []
    for path, number in files:
        if taken[number] < each and len(found) < _SHOWN:
            taken[number] += 1
            found.append((path, number))
    return found


def _spread(files: Files, count: int) -> Files:
    """Return as many files, from all over the list."""
    return [files[at] for at in np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).astype(int))]
