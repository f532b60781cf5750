"""The datasets ``images`` and ``texts``: a folder for every class, with a file for every sample.

Classes are the folders' names, sorted; files are taken sorted by name, in folders below as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from app.engine.data.files import local_folder, visible, walk
from app.engine.data.source import Parameters, Place, Portions
from app.engine.ending import TrainingError
from app.engine.samples import Array, Arrays
from app.records.log import logger

log = logger("Dataset")

IMAGES = frozenset(".bmp .gif .jpeg .jpg .jfif .pgm .png .ppm .tif .tiff .webp".split())
TEXTS = frozenset({".txt", ".text", ".md"})
SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "eval"})
_MODES = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}
#: How much is decoded at a time, and how many files that are left out are named in the log.
_PORTION_BYTES = 16 << 20
_NAMED = 10


class BadFileError(Exception):
    """A file that cannot be a sample; the text says why."""


def load_images(parameters: Parameters, place: Place) -> Portions:
    """Return images as bytes (rows, columns, channels), turned as their EXIF data says.

    Raises:
        TrainingError: there are no classes, or a file is broken or of another size; it is named.
    """
    if parameters["color_mode"] not in _MODES:
        raise TrainingError(f"dataset.parameters.color_mode: is none of {', '.join(_MODES)}")
    folder = local_folder(parameters, place)
    names, files = classes_of(folder, IMAGES, "image")
    size = tuple(parameters["size"]) if parameters["size"] is not None else _first_size(folder, files, parameters)
    read = partial(read_image, size=size, mode=_MODES[parameters["color_mode"]], resize=parameters["size"] is not None)
    count = max(_PORTION_BYTES // (size[0] * size[1] * len(_MODES[parameters["color_mode"]])), 1)
    return Portions(lambda: _portions(folder, files, read, count, np.stack, parameters, place), names)


def load_texts(parameters: Parameters, place: Place) -> Portions:
    """Return texts, as objects.

    Raises:
        TrainingError: there are no classes, or a file is not of the encoding; it is named.
    """
    folder = local_folder(parameters, place)
    names, files = classes_of(folder, TEXTS, "text")
    read = partial(read_text, encoding=parameters["encoding"])
    return Portions(lambda: _portions(folder, files, read, 1024, _objects, parameters, place), names)


def classes_of(folder: Path, endings: frozenset[str], what: str) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Return the names of the classes, and every file with the number of its class.

    Raises:
        TrainingError: there are no classes, or one has no file of these endings.
    """
    here = Path(os.path.realpath(folder))
    below = [path for path in visible(folder) if path.is_dir() and not here.is_relative_to(os.path.realpath(path))]
    names = [path.name for path in below]
    if len(names) < 2:
        raise TrainingError(
            f"{folder}: has {'one folder' if names else 'no folders'}; a folder for each of two or more classes, with "
            f"the {what}s of that class in it, would be right"
        )
    if SPLITS.issuperset(name.lower() for name in names):
        raise TrainingError(
            f"{folder}: is split into {', '.join(names)}; take one of them as path, training.samples splits it"
        )
    files: list[tuple[Path, int]] = []
    others = 0
    for number, name in enumerate(names):
        before = len(files)
        for path in walk(folder / name, (str(here),)):
            if path.suffix.lower() in endings:
                files.append((path, number))
            else:
                others += 1
        if len(files) == before:
            raise TrainingError(f"{folder / name}: has no {what} ({', '.join(sorted(endings))})")
    if others:
        log.info("%d files of other endings than %ss have are left out", others, what)
    log.info("Found %d %ss of %d classes", len(files), what, len(names))
    return tuple(names), files


def _portions(
    folder: Path,
    files: list[tuple[Path, int]],
    read: Callable[[Path], Any],
    count: int,
    join: Callable[[list[Any]], Array],
    parameters: Parameters,
    place: Place,
) -> Iterator[tuple[Arrays, Arrays]]:
    """Yield the samples of ``count`` files at a time, read by all cores: decoding lets go of the interpreter's lock."""
    bad = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(files), count):
            place.check()
            some = files[first : first + count]
            samples, numbers = [], []
            for (path, number), sample in zip(some, pool.map(partial(_tried, read), some), strict=True):
                if not isinstance(sample, BadFileError):
                    samples.append(sample)
                    numbers.append(number)
                    continue
                fault = f"{path.relative_to(folder)}: {sample}"
                if parameters["bad_files"] == "error":
                    raise TrainingError(f"{fault}; mend or remove it, or set dataset.parameters.bad_files to skip")
                bad += 1
                if bad <= _NAMED:
                    log.warning("Left out: %s", fault)
            if samples:
                yield join(samples), np.array(numbers, np.int64)
    if bad:
        log.warning("%d of %d files are left out", bad, len(files))
    if bad == len(files):
        raise TrainingError(f"{folder}: none of its {bad} files can be read")


def _tried(read: Callable[[Path], Any], file: tuple[Path, int]) -> Any:
    try:
        return read(file[0])
    except BadFileError as error:
        return error


def _first_size(folder: Path, files: list[tuple[Path, int]], parameters: Parameters) -> tuple[int, ...]:
    """Return the height and width of the first image that can be read."""
    for path, _ in files:
        try:
            return read_image(path, None, "L", resize=False).shape[:2]
        except BadFileError as error:
            if parameters["bad_files"] == "error":
                raise TrainingError(f"{path.relative_to(folder)}: {error}") from error
    raise TrainingError(f"{folder}: none of its {len(files)} files can be read")


def read_image(path: Path, size: tuple[int, ...] | None, mode: str, *, resize: bool) -> Array:
    """Return an image as bytes (rows, columns, channels), turned as its EXIF data says.

    Raises:
        BadFileError: it is broken, or of another size than that given and not to be resized.
    """
    import warnings

    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")  # a damaged EXIF entry is no reason to say anything
            turned = ImageOps.exif_transpose(image)
            if turned.mode.startswith("I;16"):
                turned = Image.fromarray((np.asarray(turned) >> 8).astype(np.uint8))
            elif turned.mode in ("I", "F"):
                raise BadFileError("has pixels of 32 bits; images of 8 or 16 bits would be right")
            made = turned.convert(mode)
            if resize and size is not None:
                made = made.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise BadFileError(f"is broken ({error})") from error
    pixels = np.asarray(made)
    if size is not None and pixels.shape[:2] != size:
        raise BadFileError(
            f"is {pixels.shape[0]} x {pixels.shape[1]} pixels (height x width), those before it {size[0]} x {size[1]}; "
            "dataset.parameters.size brings all to one size"
        )
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def read_size(path: Path) -> tuple[int, int]:
    """Return height and width of an image, turned as its EXIF data says; its pixels are not read.

    Raises:
        BadFileError: it is broken.
    """
    import warnings

    from PIL import ExifTags, Image

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")
            is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
            return image.size if is_turned else (image.height, image.width)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise BadFileError(f"is broken ({error})") from error


def read_text(path: Path, encoding: str) -> str:
    """Return the text of a file.

    Raises:
        BadFileError: it is not of the encoding, or cannot be read.
    """
    try:
        text = path.read_bytes().decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadFileError(f"is no {encoding} text (byte {error.start}: {error.reason})") from error
    except LookupError as error:
        raise TrainingError(f"dataset.parameters.encoding: {error}") from error
    except OSError as error:
        raise BadFileError(f"cannot be read ({error.strerror})") from error
    if "\0" in text:
        raise BadFileError("has a zero byte, which no text has")
    return text


def _objects(texts: list[str]) -> Array:
    return np.array(texts, dtype=object)
