"""From era E (v0.1.1, 2019-10) to D: model, dataset and their settings stood one level deeper."""

from __future__ import annotations

from app.config.conversion.draft import Draft

_DEEPER = "id and settings have keys of their own"

_HDF5 = {"file_path": "path", "features_key": "features", "labels_key": "target"}


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
    if draft.get("dataset.name") == "hdf5":
        for old, new in _HDF5.items():
            draft.move(f"dataset.parameters.{old}", f"dataset.parameters.{new}", "it has another name")
        draft.lose("dataset.parameters.info_key", "what an HDF5 file says of itself is not read")
    for name in ("params", "metrics"):
        draft.move(f"tracking.log_{name}", f"tracking.log_model_{name}", "it has another name")
