"""From era E (v0.1.1, 2019-10) to D: model, dataset and their settings stood one level deeper."""

from __future__ import annotations

from app.config.conversion.draft import Draft

_DEEPER = "id and settings have keys of their own"


def to_d(draft: Draft) -> None:
    """Take what was in ``model.model`` and ``dataset.dataset`` one level up, and ``training`` out of the model."""
    draft.move("model.training", "training", "training is a section of its own")
    for section in ("model", "dataset"):
        inner = f"{section}.{section}"
        if not isinstance(draft.get(inner), dict):
            continue
        draft.move(f"{inner}.type", f"{section}.name", _DEEPER)
        for path in draft.within(inner):
            draft.move(path, (section, "parameters", path[-1]), _DEEPER)
        draft.absorb(inner, section, _DEEPER)
    for name in ("params", "metrics"):
        draft.move(f"tracking.log_{name}", f"tracking.log_model_{name}", "it has another name")
