"""What a user's data is most likely meant for: which column is the target, which task it is, which columns to use.

Every guess comes with a sentence that says why, and anything can be said otherwise.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from app.config.problems import unknown
from app.config.survey import ArrayFacts, ColumnFacts, ColumnKind, Survey

Task: TypeAlias = Literal["regression", "binary", "classes"]

#: What targets are called, in the order in which a name says so; compared without capitals and signs.
_TARGETS = (
    "target label labels class y outcome output response classlabel targetclass saleprice price medv species survived "
    "diagnosis churn churned exited quality sentiment spam category rating score"
).split()
_TRAINED = ("train", "training", "tr")
_TESTED = frozenset(("test", "testing", "te", "val", "valid", "validation"))
_FEATURES = ("x", "features", "data", "inputs", "images")
_IDENTIFIER = re.compile(r"(^|[\W_])(id|ids|uuid|guid|index|key|rownum|row|no|number)$|[a-z](Id|ID)$")
#: Whole numbers with at most so many different values are more likely classes than measured.
_MOST_CLASSES = 20
#: A category with more values than this is no feature of its own: the dataset's ``max_categories``.
MOST_CATEGORIES = 100


class GuessError(Exception):
    """Nothing can be trained on this; the text says what would be right."""


@dataclass(frozen=True)
class Choice:
    """What a user says of the data: the target, the task, the kind of columns, and which are used or left out."""

    target: str | None = None
    task: Task | None = None
    kinds: Mapping[str, ColumnKind] = field(default_factory=dict)
    used: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Guess:
    """What is trained on what.

    Args:
        target: the column or the key of the array; "" where folders are the classes.
        features: the key of the array of the features; "" for everything else.
        task: regression, binary, or classes (three or more).
        classes: how many classes there are, 0 for a regression.
        target_reason, task_reason: a sentence each.
        left_out: the columns that are not used, and why.
    """

    target: str
    task: Task
    target_reason: str = ""
    task_reason: str = ""
    classes: int = 0
    features: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as what JSON has."""
        return dataclasses.asdict(self)


def guess(survey: Survey, choice: Choice = Choice()) -> Guess:
    """Return what the data is most likely meant for, as far as the user has not said it.

    Raises:
        GuessError: there is no such target, or nothing that could be learned.
    """
    if survey.kind in ("images", "texts"):
        return _of_folders(survey, choice)
    if survey.kind == "arrays":
        return _of_arrays(survey, choice)
    return _of_table(with_kinds(survey, choice.kinds), choice)


def with_kinds(survey: Survey, kinds: Mapping[str, ColumnKind]) -> Survey:
    """Return what was found with other kinds for some columns."""
    columns = [dataclasses.replace(each, kind=kinds.get(each.name, each.kind)) for each in survey.columns]
    return dataclasses.replace(survey, columns=columns)


def possible_tasks(column: ColumnFacts | None) -> list[Task]:
    """Return the tasks that a target allows; of a folder's classes that is no question."""
    if column is None or column.kind in ("date", "text", "other") or column.distinct in (0, 1):
        return []
    tasks: list[Task] = ["regression"] if column.kind == "number" else []
    if column.distinct is not None:
        tasks.append("binary" if column.distinct == 2 else "classes")
    return tasks


def possible_targets(survey: Survey) -> list[str]:
    """Return what can be the target: columns of numbers or categories, or arrays with as many values as samples."""
    names = [column.name for column in survey.columns if possible_tasks(column)]
    if survey.kind != "arrays":
        return names
    return [*names, *(array.name for array in survey.arrays if _has_rows(array) and array.name not in names)]


def _of_folders(survey: Survey, choice: Choice) -> Guess:
    if choice.target is not None:
        raise GuessError(f"the folders are what is learned, not {choice.target!r}; leave the target out")
    count = len(survey.classes)
    task: Task = "binary" if count == 2 else "classes"
    what = "images" if survey.kind == "images" else "texts"
    return Guess("", task, f"a folder for each class of {what}", f"{count} folders are {count} classes", count)


def _of_table(survey: Survey, choice: Choice) -> Guess:
    left_out = {each.name: why for each in survey.columns if (why := _useless(each, survey.rows))}
    target, reason = _target(survey, choice.target, left_out)
    column = survey.column(target)
    assert column is not None
    task, task_reason, classes = _task(column, choice.task)
    left_out.pop(target, None)
    others = [each for each in survey.columns if each.name not in (target, "") and each.name not in left_out]
    texts = [each.name for each in others if each.kind == "text"]
    if texts:
        # Texts cannot stand beside numbers: they are the only feature where nothing else is one.
        rest = [each.name for each in others if each.kind != "text"]
        first = texts[0]
        dropped = texts if rest else texts[1:]
        why = "texts cannot stand beside numbers" if rest else f"{first!r} is the text"
        left_out |= dict.fromkeys(dropped, why)
    for name, used in choice.used.items():
        if used:
            left_out.pop(name, None)
        elif name != target:
            left_out[name] = "you left it out"
    if not [each for each in survey.columns if each.name not in (target, "") and each.name not in left_out]:
        listed = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise GuessError(f"no column is left to learn {target!r} from" + (f" ({listed})" if listed else ""))
    return Guess(target, task, reason, task_reason, classes, left_out=left_out)


def _useless(column: ColumnFacts, rows: int) -> str:
    """Return why a column is no feature, "" if it may be one."""
    there = rows - column.missing
    if column.fault:
        return column.fault
    if not there:
        return "it has no values"
    if column.missing > rows / 2:
        return f"{column.missing:,} of {rows:,} values are missing"
    if column.distinct == 1:
        return "it has the same value in every row"
    if column.kind in ("category", "ordinal") and (column.distinct is None or column.distinct > MOST_CATEGORIES):
        return f"it has more than {MOST_CATEGORIES} different values"
    all_differ = column.distinct is None or column.distinct == there
    if column.kind == "number" and column.whole and column.ascends and rows > 2:
        counts_up = column.lowest is not None and column.highest == column.lowest + there - 1
        if counts_up or _IDENTIFIER.search(column.name):
            return "it numbers the rows"
    if column.kind in ("category", "number") and all_differ and _IDENTIFIER.search(column.name) and rows > 2:
        return "it has another value in every row"
    return ""


def _target(survey: Survey, given: str | None, left_out: Mapping[str, str]) -> tuple[str, str]:
    names = [column.name for column in survey.columns]
    if given is not None:
        if given not in names:
            message, listed = unknown("column", given, names)
            raise GuessError(f"{message} (columns: {listed})")
        return given, "you named it"
    if len(names) < 2:
        raise GuessError("there is one column alone; a target and at least one column to learn it from would be right")
    able = {each.name: each for each in survey.columns if each.name and possible_tasks(each)}
    likely = {name: each for name, each in able.items() if name not in left_out}
    plain = {re.sub(r"\W|_", "", name).lower(): name for name in reversed(able)}
    for word in _TARGETS:
        if word in plain:
            return plain[word], f"it is called {plain[word]!r}"
    classes = [name for name, each in likely.items() if each.kind in ("category", "boolean")]
    if len(classes) == 1 and (len(likely) > 2 or any(each.kind == "text" for each in survey.columns)):
        others = "text" if any(each.kind == "text" for each in survey.columns) else "numbers"
        return classes[0], f"it has classes, and the other columns are {others}"
    if likely:
        last = list(likely)[-1]
        return last, "it is the last column" if last == names[-1] else "it is the last column that can be learned"
    raise GuessError(f"none of the columns can be learned ({', '.join(names[:12])}); a number or a category could be")


def _task(column: ColumnFacts, given: Task | None) -> tuple[Task, str, int]:
    """Return task, reason and number of classes of a target."""
    tasks = possible_tasks(column)
    if not tasks:
        raise GuessError(_no_target(column))
    count = column.distinct or 0
    if given is not None and given not in tasks:
        raise GuessError(f"{column.name!r} cannot be learned as {given}; {' or '.join(tasks)} would be right")
    if given is not None:
        return given, "you chose it", count if given != "regression" else 0
    if column.distinct == 2:
        pair = " and ".join(repr(value) for value in list(column.counts)[:2])
        return "binary", f"it has two values{f', {pair}' if pair else ''}", 2
    if column.kind != "number":
        return "classes", f"it has {count} different values", count
    few = column.distinct is not None and column.distinct <= _MOST_CLASSES
    if column.whole and few and (column.lowest or 0) >= 0:
        return "classes", f"it has whole numbers with {count} different values", count
    return "regression", "it has whole numbers" if column.whole else "it has measured numbers", 0


def _no_target(column: ColumnFacts) -> str:
    name = column.name
    if column.distinct is not None and column.distinct < 2:
        return f"{name!r} cannot be learned: it has the same value in every row"
    if column.kind in ("category", "boolean"):
        return f"{name!r} cannot be learned: it has more than 1,000 different values"
    return f"{name!r} cannot be learned: it is a {column.kind}; a number or a category could be"


def _of_arrays(survey: Survey, choice: Choice) -> Guess:
    able = possible_targets(survey)
    keys = [array.name for array in survey.arrays]
    target, reason = choice.target, "you named it"
    if target is None:
        target, reason = _array_called(able, _TARGETS), ""
        if target is None and len(able) == 1:
            target = able[0]
        if target is None:
            raise GuessError(f"none of the arrays is known as the target ({_listed(survey)}); name it")
        reason = f"it is called {target!r}"
    elif target not in able:
        message, listed = unknown("array of targets", target, able)
        raise GuessError(f"{message} (arrays: {listed or _listed(survey)})")
    samples = survey.array(target)
    assert samples is not None
    fitting = [each.name for each in survey.arrays if each.name != target and each.shape[:1] == samples.shape[:1]]
    wanted = _array_called(fitting, _FEATURES)
    paired = [name for name in fitting if _pairs(name, target)]
    features = wanted if wanted in paired or not paired else paired[0]
    if features is None and fitting:
        features = max(fitting, key=lambda name: _size(survey.array(name)))
    if features is None:
        raise GuessError(f"no other array has as many samples as {target!r} ({_listed(survey)})")
    left_out = {name: _why_not(name, features) for name in keys if name not in (target, features)}
    column = survey.column(target)
    if column is None:  # a row of values for each sample
        count = samples.shape[1]
        if samples.one_hot:
            return Guess(target, "classes", reason, "every row has a one at its class", count, features, left_out)
        return Guess(target, "regression", reason, f"every sample has {count} numbers", 0, features, left_out)
    task, task_reason, classes = _task(column, choice.task)
    if task != "regression":
        if column.lowest is None or column.lowest < 0:
            raise GuessError(f"{target!r} has the classes {_examples(column)}; whole numbers from 0 would be right")
        classes = max(int(column.highest or 0) + 1, 2)  # whatever the numbers leave out
        task = "binary" if classes == 2 else "classes"
    return Guess(target, task, reason, task_reason, classes, features, left_out)


def _why_not(name: str, features: str) -> str:
    """Return why an array is not used."""
    if _TESTED & set(_words(name)):
        return f"a part of {features!r} is kept to test on"
    return f"{features!r} is learned from"


def _has_rows(array: ArrayFacts) -> bool:
    """Return whether an array may be a target with several values for a sample."""
    return len(array.shape) == 2 and 1 < array.shape[1] <= 1000


def _array_called(names: Sequence[str], words: Sequence[str]) -> str | None:
    """Return the array whose name, without what says that it is the training part, is one of some words."""
    plain: dict[str, str] = {}
    for name in sorted(names, key=lambda name: not any(part in name.lower() for part in _TRAINED)):
        parts = [part for part in _words(name) if part and part not in _TRAINED]
        plain.setdefault(parts[0] if len(parts) == 1 else "_".join(parts), name)
    return next((plain[word] for word in words if word in plain), None)


def _words(name: str) -> list[str]:
    """Return the parts of a name: x and train of x_train."""
    return re.split(r"[\W_]+", name.lower())


def _pairs(features: str, target: str) -> bool:
    """Return whether two names say that they belong to the same part: x_train and y_train."""
    parts = [{part for part in _words(name) if len(part) > 1} for name in (features, target)]
    return bool(parts[0] & parts[1])


def _size(array: ArrayFacts | None) -> int:
    size = 1
    for length in array.shape if array else ():
        size *= length
    return size


def _listed(survey: Survey) -> str:
    return ", ".join(f"{array.name or 'the array'} {list(array.shape)}" for array in survey.arrays[:12])


def _examples(column: ColumnFacts) -> str:
    return ", ".join(list(column.counts)[:4] or list(column.examples)[:4])
