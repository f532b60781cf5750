"""How a text file of rows is written, found out from its beginning: encoding, separator, header, decimals, gaps."""

from __future__ import annotations

import csv
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from app.config.catalog import load_catalog
from app.engine.data.archives import BROKEN, open_compressed
from app.engine.ending import TrainingError

_BEGIN_BYTES = 256 << 10
_MOST_ROWS = 500
_SEPARATORS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
#: What people write where there is nothing, beside what the dataset knows already.
_GAPS = frozenset({"?", "-", "--", ".", "none", "None", "NONE", "nil", "unknown", "*"})
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(\D|$)")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(\D|$)")
_YEARS = range(1800, 2201)
_DAYS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d")
_DATE_FORMATS = tuple(f"{day}{clock}" for day in _DAYS for clock in ("", " %H:%M", " %H:%M:%S"))
#: What is read by any text editor; it has no bytes that are none of its letters but five.
OTHER_ENCODING = "cp1252"


def default_parameters(dataset: str) -> dict[str, Any]:
    """Return the settings of a dataset, every one with its default."""
    return {each.name: each.default for each in load_catalog().require("dataset", dataset).parameters}


def find_dialect(path: Path) -> dict[str, Any]:
    """Return the parameters of the dataset csv that differ from its defaults for this file.

    Raises:
        TrainingError: it cannot be read, is empty, or is no text.
    """
    try:
        with open_compressed(path) as file:
            begin = file.read(_BEGIN_BYTES)
    except (*BROKEN, OSError) as error:
        raise TrainingError(f"{path.name}: cannot be read ({error})") from error
    if not begin.strip():
        raise TrainingError(f"{path.name}: is empty; rows of values, one a line, would be right")
    found: dict[str, Any] = {}
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")):
        found["encoding"] = "utf-16"
    elif b"\0" in begin:
        raise TrainingError(f"{path.name}: has zero bytes, so it is no text of rows")
    text = _decoded(begin, found)
    lines = text.splitlines()
    if len(begin) == _BEGIN_BYTES and len(lines) > 1:
        lines.pop()  # it was cut somewhere
    usual = "\t" if {".tsv", ".tab"} & {suffix.lower() for suffix in path.suffixes} else ","
    separator = _separator(lines, usual)
    if separator != usual:
        found["separator"] = separator
    rows = list(csv.reader(lines[: _MOST_ROWS + 1], delimiter=separator))
    rows = [[value.strip() for value in row] for row in rows if row]
    if rows and not _has_header(rows):
        found["header"] = False
    body = [row for row in rows[1 if found.get("header", True) else 0 :] if len(row) == len(rows[0])]
    columns = list(zip(*body, strict=True))
    values = {value for column in columns for value in column}
    commas = any(_COMMA_NUMBER.fullmatch(value) for value in values)
    if separator != "," and commas and not any("." in v and _NUMBER.fullmatch(v) for v in values):
        found["decimal"] = ","
    if gaps := sorted({gap for column in columns for gap in _gaps(column)}):
        found["missing_values"] = [*default_parameters("csv")["missing_values"], *gaps]
    if form := _date_format(columns):
        found["date_format"] = form
    return found


def _decoded(begin: bytes, found: dict[str, Any]) -> str:
    if "encoding" in found:
        return begin.decode(found["encoding"], "ignore")
    try:
        return begin.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start >= len(begin) - 3 and len(begin) == _BEGIN_BYTES:
            return begin[: error.start].decode("utf-8-sig")  # cut within a letter
    found["encoding"] = OTHER_ENCODING
    return begin.decode(OTHER_ENCODING, "replace")


def _separator(lines: list[str], usual: str) -> str:
    """Return what gives most lines as many values as the first one has, and more than one."""
    best, most = usual, 0.0
    for separator in (usual, *(each for each in _SEPARATORS if each != usual)):
        widths = [len(row) for row in csv.reader(lines[:_MOST_ROWS], delimiter=separator) if row]
        alike = widths.count(widths[0]) / len(widths) if widths and widths[0] > 1 else 0.0
        if alike > most + 0.1:
            best, most = separator, alike
    return best


def _has_header(rows: list[list[str]]) -> bool:
    """Return whether the first row names the columns: no number, no gap but that of an index."""
    first = rows[0]
    named = [name for name in first if name]
    if any(_NUMBER.fullmatch(name) for name in named) or len(named) < len(first) - 1:
        return False
    numbers = any(_NUMBER.fullmatch(value) for row in rows[1:] for value in row)
    if len(set(named)) < len(named):
        return numbers  # a name that is there twice, which is to be told rather than taken for a value
    if len(rows) < 2:
        return True
    # Texts above texts alone may be a row of values: it is one where a value of it stands below it again.
    again = any(first[at] and first[at] in {row[at] for row in rows[1:] if len(row) > at} for at in range(len(first)))
    return numbers or not again


def _gaps(column: tuple[str, ...]) -> set[str]:
    """Return what stands for a missing value in a column of numbers."""
    strange = {value for value in column if value and not _NUMBER.fullmatch(value)}
    return strange if strange and strange <= _GAPS and any(_NUMBER.fullmatch(value) for value in column) else set()


def _date_format(columns: list[tuple[str, ...]]) -> str | None:
    """Return how all columns of dates are written, None where one is ISO 8601, which needs no telling, or none is one.

    Where days and months could be either (03/04/2022, no part of it above 12) nothing is said: a guess would be wrong
    half of the time.
    """
    gaps = _GAPS.union(default_parameters("csv")["missing_values"])
    common: set[str] | None = None
    for column in columns:
        values = {value for value in column if value} - gaps
        if not values or not all(_DATE.match(value) for value in values):
            continue
        if all(_ISO.match(value) for value in values):
            return None
        fitting = {form for form in _DATE_FORMATS if all(_is_written(value, form) for value in values)}
        if fitting:  # else these are versions, addresses or numbers of parts
            common = fitting if common is None else common & fitting
    return common.pop() if common and len(common) == 1 else None


def _is_written(value: str, form: str) -> bool:
    try:
        return datetime.strptime(value, form).year in _YEARS
    except ValueError:
        return False
