"""From era 0 (2019-03) to A: ids and options stood apart, and everything was nested deeply."""

from __future__ import annotations

from app.config.conversion.draft import Draft

_LAYERS = {"convolutional1d": "conv1d", "convolutional2d": "conv2d", "convolutional3d": "conv3d"}
_BESIDE = "a component's settings stand beside its type"


def to_a(draft: Draft) -> None:
    """Bring model, dataset, session and callbacks to the places of today; what only described the run is its params."""
    draft.move("problem", "tracking.params.problem", "it describes the run")
    _model(draft)
    _dataset(draft)
    _session(draft)
    _training(draft)
    for path in draft.within("artifacts"):
        draft.lose(path, "trackers and callbacks say what they write")
    draft.lose("artifacts", "trackers and callbacks say what they write")


def _model(draft: Draft) -> None:
    options, layers = "model.options", "model.options.custom.stack.layers"
    draft.move(f"{options}.compilation", "model.compilation", "it belongs to the model")
    draft.move("model.name", "model.description", "it describes the model")
    if draft.has(layers):
        draft.move(layers, "model.network", "layers are the model's network")
        draft.absorb("model.id", "model.network", "a network needs no id")
        draft.absorb(f"{options}.custom.framework", "model.network", "networks are Keras' own")
        for path in draft.within("model.network"):
            draft.spread((*path, "settings"), _BESIDE)
            type_ = draft.get((*path, "type"))
            if isinstance(type_, str) and (today := _LAYERS.get(type_.lower())):
                draft.replace((*path, "type"), today, "it has another name")
                draft.move((*path, "filter"), (*path, "filters"), "it has another name")
    else:
        draft.move("model.id", "model.name", "a model is named by its id")
    for path in [*draft.within(f"{options}.custom"), *draft.within(options)]:
        draft.lose(path, "settings of that model are not known here; layers of your own can say the same")


def _dataset(draft: Draft) -> None:
    draft.move("dataset.id", "dataset.name", "a dataset is named by its id")
    draft.move("dataset.properties.shuffle", "training.shuffle", "the split belongs to training")
    draft.lose("dataset.properties.service", "downloads from such a service are not supported; put the files here")
    for path in draft.within("dataset.properties"):
        draft.lose(path, "the dataset tells it itself, or a preprocessor changes it")


def _session(draft: Draft) -> None:
    device = "session.device"
    for name in ("num_cores", "allow_memory_growth"):
        draft.move(f"{device}.options.{name}", f"session.options.{name}", "options of the session stand in one place")
    draft.lose(f"{device}.options.num_physical_cpus", "as many ops run side by side as num_cores says")
    for path in draft.within(f"{device}.options"):
        draft.lose(path, "the session has no such option")
    draft.move(f"{device}.type", device, "the device is named by its type")


def _training(draft: Draft) -> None:
    for name in ("batch_size", "epochs"):
        draft.move(f"hyper_params.{name}", f"training.{name}", "it belongs to training")
    for path in draft.within("hyper_params"):
        draft.move(path, ("tracking", "params", path[-1]), "it describes the run")
    draft.move("training.samples.validation", "training.samples.val", "it has another name")
    draft.move("training.callbacks.list", "training.callbacks", "callbacks are a list")
    for path in draft.within("training.callbacks"):
        draft.move((*path, "id"), (*path, "type"), "a component is named by its type")
        draft.spread((*path, "options"), _BESIDE)
        draft.move((*path, "filename"), (*path, "filepath"), "it has another name")
