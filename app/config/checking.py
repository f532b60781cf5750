"""Every problem of a config at once, in the order of the document, each with what would be right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.config.catalog import load_catalog
from app.config.components import check_component, check_id
from app.config.consistency import check_consistency
from app.config.documents import join, show
from app.config.models import FORM_MARK, ComponentEntry, TrainingConfig
from app.config.problems import Problem, unknown
from app.config.schema import is_model, schema_at
from app.config.validation import BaseModel, ErrorDetails, ValidationError

Path = tuple[str | int, ...]

#: Where a config has components: path ("*" is every item of a list, "@" every value of an object of output to value,
#: or else the one value itself), and their kind.
PLACES: tuple[tuple[Path, str], ...] = (
    (("model", "network", "*"), "layer"),
    (("model", "compilation", "optimizer"), "optimizer"),
    (("model", "compilation", "loss", "@"), "loss"),
    (("model", "compilation", "metrics", "@", "*"), "metric"),
    (("dataset", "preprocessors", "*"), "preprocessor"),
    (("dataset", "transformers", "*"), "transformer"),
    (("training", "callbacks", "*"), "callback"),
    (("tracking", "trackers", "*"), "tracker"),
)

#: Components whose id and settings have keys of their own: section, kind, key of the settings.
NAMED = (("dataset", "dataset", "parameters"), ("model", "model", "hyperparameters"))


def check(document: Mapping[str, Any]) -> list[Problem]:
    """Return all that is wrong with a document; an empty list says that it can be trained."""
    problems = schema_problems(document, TrainingConfig)
    for path, kind, value in components(document):
        if isinstance(value, str | dict):
            found = check_component(path, kind, value)
            problems += [problem for problem in found if problem.path != _left_to_dataset(document)]
    for section, kind, settings in NAMED:
        problems += _named(document, (section, "name"), kind, (section, settings))
    problems += check_consistency(document)
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda problem: _position(document, problem.path))


def _named(document: Mapping[str, Any], place: Path, kind: str, settings: Path) -> list[Problem]:
    """Return what is wrong with a component whose id and settings have keys of their own."""
    id = next((value for _, value in _at(document, place)), None)
    if not isinstance(id, str):
        return []
    if problems := check_id(place, kind, id):
        return problems
    given: Any = next((value for _, value in _at(document, settings)), {})
    return check_component(settings, kind, {**given, "type": id}) if isinstance(given, Mapping) else []


def _left_to_dataset(document: Mapping[str, Any]) -> str:
    """Return the path of the one required setting that the dataset decides: the size of a dense last layer."""
    layers = next((value for _, value in _at(document, ("model", "network"))), None)
    last = layers[-1] if isinstance(layers, list) and layers else None
    type_ = last.get("type") if isinstance(last, dict) and "units" not in last else None
    component = load_catalog().get("layer", type_) if isinstance(type_, str) else None
    is_dense = component is not None and component.id == "dense"
    return join(("model", "network"), len(layers) - 1, "units") if is_dense and layers else ""


def components(document: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    """Yield path, kind and value of every component that a document names, whatever the value is."""
    for place, kind in PLACES:
        for path, value in _at(document, place):
            yield path, kind, value


def schema_problems(document: Mapping[str, Any], model: type[BaseModel]) -> list[Problem]:
    """Return what a model says against a document, in our words."""
    try:
        model.model_validate(document)
    except ValidationError as error:
        return [_problem(details, model) for details in error.errors(include_url=False)]
    return []


def _at(value: Any, place: Path, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if not place:
        yield path, value
    elif place[0] == "*":
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield from _at(item, place[1:], (*path, index))
    elif place[0] == "@":
        for keys, item in by_output(value):
            yield from _at(item, place[1:], (*path, *keys))
    elif isinstance(value, Mapping) and place[0] in value:
        yield from _at(value[place[0]], place[1:], (*path, place[0]))


def by_output(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what stands for each output with its key, or what stands for all of them with none."""
    if isinstance(value, Mapping) and "type" not in value:
        yield from (((key,), item) for key, item in value.items())
    else:
        yield (), value


def _position(document: Any, path: str) -> tuple[int, ...]:
    """Return where in the document a path is, as what sorts by it; what is missing comes last in its object."""
    position: list[int] = []
    at = document
    for key in path.split(".") if path else []:
        if isinstance(at, list) and key.isdecimal():
            position.append(int(key))
            at = at[int(key)] if int(key) < len(at) else None
        elif isinstance(at, Mapping):
            keys = list(at)
            position.append(keys.index(key) if key in at else len(keys))
            at = at.get(key)
    return tuple(position)


def _problem(details: ErrorDetails, model: type[BaseModel]) -> Problem:
    location = tuple(key for key in details["loc"] if not str(key).startswith(FORM_MARK))
    context, value = details.get("ctx", {}), details["input"]
    path = join(location)
    match details["type"]:
        case "missing":
            return Problem(path, "is missing", _description(location, model))
        case "extra_forbidden":
            owner = schema_at(model, location[:-1])
            return Problem(path, *unknown("key", str(location[-1]), owner.model_fields))
        case "too_short":
            return Problem(path, "is empty", f"at least {context['min_length']} item")
        case "literal_error":
            choices = context["expected"].replace("'", '"')
            return Problem(path, f"is {show(value)}", f"{choices} or null")
        case "greater_than_equal":
            return Problem(path, f"is {value}", f"{context['ge']:.12g} or more")
        case "less_than_equal":
            return Problem(path, f"is {value}", f"{context['le']:.12g} or less")
        case "greater_than":
            return Problem(path, f"is {value}", f"more than {context['gt']:.12g}")
        case "less_than":
            return Problem(path, f"is {value}", f"less than {context['lt']:.12g}")
        case "model_type" if schema_at(model, location) is ComponentEntry:
            return Problem(path, f"is {show(value)}", 'an object with a type: {"type": ...}')
        case type_:
            return Problem(path, f"is {show(value)}", _VALID.get(type_, details["msg"]))


_VALID = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}


def _description(location: Path, model: type[BaseModel]) -> str:
    owner = schema_at(model, location[:-1])
    return (owner.model_fields[str(location[-1])].description or "") if is_model(owner) else ""
