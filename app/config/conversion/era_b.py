"""From era B (2019-05) to A: a model's network and settings were parameters, the split was the dataset's business."""

from __future__ import annotations

from typing import Any

from app.config.catalog import load_catalog
from app.config.conversion.draft import Draft

#: What the old systems applied when nothing else was said.
_TRAIN, _EPOCHS = 0.75, 1
#: Preprocessors that learn from the rows; the catalog knows more.
_LEARNING = ("binary_vectorizer", "kbest", "standard_scaler", "tfidf")

_SETTING = "settings of a model are its hyperparameters"
_SPLIT = "the split belongs to training"
_REASONS = {
    "verbose": "a run always shows its progress",
    "sample_weight": "weights of single rows are not supported; training.class_weight weighs classes",
    "validation_steps": "the validation rows are always used whole",
    "max_queue_size": "batches are prepared as the run needs them",
    "workers": "batches are prepared as the run needs them",
    "use_multiprocessing": "batches are prepared as the run needs them",
}


def to_a(draft: Draft) -> None:
    """Make network, compilation, hyperparameters, session and split of what the parameters held."""
    _model(draft)
    _session(draft)
    _rows(draft)
    _training(draft)
    _preprocessors(draft)
    draft.move("dataset.chunk_size", "training.chunk_size", "it says how training reads the rows")
    if draft.get("tracking.log_training_params") is False:
        draft.lose("tracking.log_training_params", "the params of training are logged with the model's, or none is")
    else:
        draft.absorb("tracking.log_training_params", "tracking.log_model_params", "they are logged with the model's")


def _model(draft: Draft) -> None:
    parameters = "model.parameters"
    if draft.has(f"{parameters}.sequential"):
        draft.move(f"{parameters}.sequential", "model.network", "layers are the model's network")
        draft.absorb("model.name", "model.network", "a network needs no id")
    draft.move(f"{parameters}.compilation", "model.compilation", "it belongs to the model")
    draft.move(f"{parameters}.input_shape", "model.input_shape", "it belongs to the model")


def _session(draft: Draft) -> None:
    inner = "model.parameters.session"
    growth, cores = f"{inner}.gpu_options.allow_growth", f"{inner}.intra_op_parallelism_threads"
    draft.move(growth, "session.options.allow_memory_growth", "the session is a section of its own")
    draft.move(cores, "session.options.num_cores", "the session is a section of its own")
    for path in draft.within(inner):
        draft.lose(path, "TensorFlow 2 has no such setting of a session")
    draft.absorb(inner, "session", "the session is a section of its own")
    draft.move("model.parameters", "model.hyperparameters", _SETTING)


def _rows(draft: Draft) -> None:
    train, test = draft.get("dataset.samples.train"), draft.get("dataset.samples.test")
    for part, value in (("train", train), ("test", test)):
        if value == 1 and isinstance(value, int):
            draft.doubt(f"dataset.samples.{part}", "1 was a single row and is all rows now; take 2, or a fraction")
    draft.move("dataset.samples.train", "training.samples.fit", _SPLIT)
    draft.move("dataset.samples.test", "training.samples.test", _SPLIT)
    draft.absorb("dataset.samples", "training.samples", _SPLIT)
    if train is None and test is None:
        draft.add("training.samples.fit", _TRAIN, "3 of 4 rows were the default")
        draft.add("training.samples.test", 1 - _TRAIN, "1 of 4 rows was the default")
    elif test is None and _is_fraction(train):
        if train < 1:
            draft.add("training.samples.test", _rest(train), "the rest of the rows was the default")
    elif train is None and _is_fraction(test):
        draft.add("training.samples.fit", _rest(test), "the rest of the rows was the default")
    elif test is None:
        draft.doubt("training.samples.fit", "the rest of the rows was for testing; say how many as samples.test")
    elif train is None:
        draft.doubt("training.samples.test", "the rest of the rows was for training; say how many as samples.fit")
    if draft.get("training.shuffle") is (draft.get("dataset.shuffle") is not False):
        draft.absorb("training.shuffle", "training.shuffle", "it says the same as dataset.shuffle did")
    else:
        draft.lose("training.shuffle", "rows are shuffled before the split and in every epoch, or never")
    draft.move("dataset.shuffle", "training.shuffle", _SPLIT)


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and 0 < value <= 1


def _rest(fraction: float) -> float:
    return round(1 - fraction, 12)


def _training(draft: Draft) -> None:
    if draft.get("training.epochs") is None:
        draft.add("training.epochs", _EPOCHS, "1 was the default")
    for key, why in _REASONS.items():
        draft.lose(f"training.{key}", why)
    for path in draft.within("training.cross_validation"):
        if path[-1] not in ("cv", "n_jobs"):
            draft.lose(path, "the metrics are those of the evaluation, and all else is as scikit-learn has it")


def _preprocessors(draft: Draft) -> None:
    """Tell preprocessors that learn from the rows, which are transformers here, from those that do not."""
    learned = ""
    stay = 0
    for _ in draft.within("dataset.preprocessors"):
        path = f"dataset.preprocessors.{stay}"
        id = draft.get(f"{path}.type")
        if isinstance(id, str) and _learns(id):
            draft.append(path, "dataset.transformers", "what learns from the rows is a transformer")
            learned = id
        else:
            if learned:
                draft.doubt(path, f"it came after {learned} and comes before it now: preprocessors go first")
            stay += 1


def _learns(id: str) -> bool:
    catalog = load_catalog()
    return id in _LEARNING or (catalog.get("transformer", id) is not None and catalog.get("preprocessor", id) is None)
