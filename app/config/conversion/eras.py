"""Which of the older forms a config has, and the steps from there to the form of today."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.config.checking import NAMED, components
from app.config.components import check_id, is_users_own
from app.config.conversion import era_0, era_a, era_b, era_c, era_d, era_e
from app.config.conversion.draft import Change, Draft, Path
from app.config.documents import Document, walk
from app.config.models import ComponentEntry, TrainingConfig
from app.config.schema import allows_null, is_model, schema_of

#: The step from each era, and the era that it leads to; "" is today's form.
_STEPS: dict[str, tuple[Callable[[Draft], None], str]] = {
    "E": (era_e.to_d, "D"),
    "D": (era_d.to_c, "C"),
    "C": (era_c.to_b, "B"),
    "B": (era_b.to_a, "A"),
    "0": (era_0.to_a, "A"),
    "A": (era_a.to_now, ""),
}

#: What is known of components of the old systems that are not here: kind, ids, why, and what there is instead.
_NOT_HERE: tuple[tuple[str, str, str], ...] = (
    ("model", "titanic iris_spark", "it needs Spark, which Trackside does not use; take an estimator of scikit-learn"),
    (
        "model",
        "data_usage_linear_regression data_usage_holt_winters data_usage_lstm unusual_data_usage_weighted_thresholds",
        "it was made for one series of data usage",
    ),
    ("dataset", "titanic iris_spark", "it came as a table of Spark; csv reads a table"),
    (
        "dataset",
        "dogs_vs_cats rock_paper_scissors tiny_imagenet",
        "images reads a folder of images by class",
    ),
    ("dataset", "kddcup99", "csv reads a table"),
    ("metric", "accuracy_multilabel", "binary_accuracy counts every label by itself"),
)
#: What ``trackside new`` makes of the kinds of components.
_OWN = {kind: kind for kind in ("model", "dataset", "preprocessor", "callback", "tracker")} | {
    "transformer": "preprocessor"
}
_SERVICES = ("smb://", "sofia://", "kaggle://")


@dataclass(frozen=True)
class Conversion:
    """A config in the form of today.

    Attributes:
        era: the form that it had: 0, A, B, C, D or E; "" when it is today's and ``document`` is what it was.
        document: the result.
        changes: what stands elsewhere, has another value, or is new.
        lost: what could not be carried over; with a path in ``after`` it still stands there.
    """

    era: str
    document: Document
    changes: tuple[Change, ...] = ()
    lost: tuple[Change, ...] = ()


def convert(document: Mapping[str, Any]) -> Conversion:
    """Return a document in the form of today. What is wrong with it beside its age stays wrong."""
    draft = Draft(document)
    era = _era_of(document) or "A"
    at = era
    while at:
        step, at = _STEPS[at]
        step(draft)
    if era == "A" and not draft.changes and not draft.lost:
        return Conversion("", dict(document))
    _drop_nulls(draft)
    _name_what_is_not_here(draft, era)
    made: Document = _in_order(draft.document, TrainingConfig)
    return Conversion(era, made, tuple(draft.changes), tuple(draft.lost))


def _in_order(value: Any, schema: Any) -> Any:
    """Return a value with its keys in the order in which the models have them, others after them."""
    if not isinstance(value, dict) or not is_model(schema) or schema is ComponentEntry:
        return value
    known = [key for key in schema.model_fields if key in value]
    return {key: _in_order(value[key], schema_of(schema, key)) for key in dict.fromkeys([*known, *value])}


def _era_of(document: Mapping[str, Any]) -> str:
    """Return the era by the keys that it alone had, "" for A and today's form, which share their keys."""
    sections = {key: value for key, value in document.items() if isinstance(value, Mapping)}
    model, dataset, training, tracking = (sections.get(key, {}) for key in ("model", "dataset", "training", "tracking"))
    if isinstance(model.get("model"), Mapping) or isinstance(dataset.get("dataset"), Mapping):
        return "E"
    if model.get("network") is not None or "samples" in training:
        is_oldest = "problem" in document or "hyper_params" in document or "options" in model
        return "0" if is_oldest and "network" not in model else ""
    if "problem" in document or "hyper_params" in document:
        return "0"
    parameters = model.get("parameters")
    if "samples" not in dataset and "data_augmentors" not in dataset and not isinstance(parameters, Mapping):
        return ""
    if "run_id" in tracking or "parameters" in dataset or model.get("name") in ("keras_classifier", "keras_regressor"):
        return "D"
    return "B" if isinstance(parameters, Mapping) and "compilation" in parameters else "C"


def _drop_nulls(draft: Draft) -> None:
    """Take away nulls that stood for a default that is not null here."""
    for path, value in walk(draft.document):
        if value is None and not allows_null(TrainingConfig, path):
            draft.absorb(path, "", "null stood for the default")


def _name_what_is_not_here(draft: Draft, era: str) -> None:
    document = draft.document
    for path, kind, id in _named(document):
        if era == "E" and is_users_own(id):
            draft.doubt(path, "it named what a module registers, and names a class now: module:Class")
        elif check_id(path, kind, id):
            known = [why for its_kind, ids, why in _NOT_HERE if its_kind == kind and id in ids.split()]
            own = "" if known or kind not in _OWN else f"; trackside new {_OWN[kind]} begins one of your own"
            draft.doubt(path, "; ".join([f"there is no such {kind} here", *known]) + own)
    for path, value in walk(document.get("dataset"), ("dataset",)):
        if isinstance(value, str) and value.lower().startswith(_SERVICES):
            draft.doubt(path, "files of such a service are not fetched; put them here and give their path")


def _named(document: Document) -> Iterator[tuple[Path, str, str]]:
    """Yield the path, kind and id of whatever a document names by an id."""
    for section, kind, _ in NAMED:
        part = document.get(section)
        if isinstance(part, Mapping) and isinstance(part.get("name"), str):
            yield (section, "name"), kind, part["name"]
    for path, kind, value in components(document):
        if isinstance(value, str):
            yield path, kind, value
        elif isinstance(value, Mapping) and isinstance(value.get("type"), str):
            yield (*path, "type"), kind, value["type"]
