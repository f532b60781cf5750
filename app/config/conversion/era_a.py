"""From era A (2019-04) to today: what Keras has renamed or taken away since its version 2."""

from __future__ import annotations

from app.config.components import is_users_own
from app.config.conversion.draft import Draft, Path

_RENAMED = "Keras calls it so today"
_SCHEDULE = "an optimizer has no decay any more; a learning rate that falls is a schedule"
_GONE = "Keras' callback has no such option any more"

#: By the component's id, old names of options and what they are called now, None for one that is gone.
_Names = dict[str, dict[str, str | None]]

_LAYERS: _Names = {
    "leaky_relu": {"alpha": "negative_slope"},
    "thresholded_relu": {"theta": "threshold"},
}
_CALLBACKS: _Names = {
    "reduce_learning": {"epsilon": "min_delta"},
    "tensorboard": dict.fromkeys(("batch_size", "write_grads", "embeddings_layer_names", "embeddings_data")),
}
#: Where a layer once told the shape of what it gets.
_SHAPES = ("input_shape", "batch_input_shape", "input_dim")


def to_now(draft: Draft) -> None:
    """Use the names of today's Keras."""
    if not draft.has("dataset.name"):
        draft.move("dataset.id", "dataset.name", "a dataset is named by its id")
    optimizer = "model.compilation.optimizer"
    if not _is_users_own(draft, ("model", "compilation", "optimizer")):
        draft.move(f"{optimizer}.lr", f"{optimizer}.learning_rate", _RENAMED)
        draft.lose(f"{optimizer}.decay", _SCHEDULE)
    for path in draft.within("model.network"):
        _rename(draft, path, _LAYERS)
        if draft.get((*path, "type")) == "thresholded_relu":
            draft.replace((*path, "type"), "relu", _RENAMED)
    _shape(draft)
    for path in draft.within("dataset.transformers"):
        _stop_words(draft, path)
    for path in draft.within("training.callbacks"):
        _rename(draft, path, _CALLBACKS)
        filepath = draft.get((*path, "filepath"))
        if isinstance(filepath, str) and filepath.endswith(".hdf5"):
            draft.replace((*path, "filepath"), f"{filepath[:-5]}.h5", "Keras saves to .h5 or .keras")


def _is_users_own(draft: Draft, path: Path) -> bool:
    """Whether a component is the user's, whose settings may be called as they like."""
    id = draft.get((*path, "type"))
    return isinstance(id, str) and is_users_own(id)


def _rename(draft: Draft, path: Path, names: _Names) -> None:
    id = draft.get((*path, "type"))
    for old, new in (names.get(id, {}) if isinstance(id, str) else {}).items():
        if new is None:
            draft.lose((*path, old), _GONE)
        else:
            draft.move((*path, old), (*path, new), _RENAMED)


def _stop_words(draft: Draft, path: Path) -> None:
    """Say of tfidf's stop words what is done: to skip them was to skip their removal."""
    skip = draft.get((*path, "skip_stop_words"))
    if draft.get((*path, "type")) == "tfidf" and isinstance(skip, bool):
        draft.replace((*path, "skip_stop_words"), not skip, "")
        why = "to skip stop words was to leave them where they are"
        draft.move((*path, "skip_stop_words"), (*path, "remove_stop_words"), why)


def _shape(draft: Draft) -> None:
    """Take the shape of a sample from the first layer, which once told it."""
    first: Path = ("model", "network", 0)
    if _is_users_own(draft, first):
        return
    shape, batch, dim = (draft.get((*first, name)) for name in _SHAPES)
    if isinstance(shape, list):
        draft.move((*first, "input_shape"), "model.input_shape", "it belongs to the model")
    elif isinstance(batch, list):
        draft.replace((*first, "batch_input_shape"), batch[1:], "")
        draft.move((*first, "batch_input_shape"), "model.input_shape", "it is told without the batch")
    elif isinstance(dim, int) and draft.get((*first, "type")) != "embedding":
        draft.replace((*first, "input_dim"), [dim], "")
        draft.move((*first, "input_dim"), "model.input_shape", "it belongs to the model")
