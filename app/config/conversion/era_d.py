"""From era D (2019-08) to C: two ids for networks, and a run had an id and tags of its own."""

from __future__ import annotations

import json

from app.config.conversion.draft import Draft

_NETWORKS = ("keras_classifier", "keras_regressor")


def to_c(draft: Draft) -> None:
    """Make one model of the two, keep the run's id as a tag, and have tags that are texts."""
    if draft.get("model.name") in _NETWORKS:
        draft.replace("model.name", "keras", "the loss says whether a network classifies")
    if draft.get("tracking.run_id") is None:
        draft.absorb("tracking.run_id", "", "every run gets an id")
    draft.move("tracking.run_id", "tracking.tags.run_id", "a run is named by its folder; its old id is a tag")
    for path in draft.within("tracking.tags"):
        value = draft.get(path)
        if value is not None and not isinstance(value, str):
            draft.replace(path, json.dumps(value, ensure_ascii=False), "tags are texts")
