"""Keras and nothing else: what a person would write to train the same config, in a process of its own.

    python bare.py fit|start DATA < CONFIG

DATA is a table whose last column is to be learnt, or an .npz with the arrays X and y.

``fit`` prints how long ``model.fit`` took and the losses it reached; ``start`` when, with everything imported, it set
out to build the model, and when the first step was done. Imports nothing of ours: it is the peer.
"""

from __future__ import annotations

import json
import sys
import time

import keras
import numpy as np
from sklearn.preprocessing import StandardScaler

LAYERS = {
    "conv2d": keras.layers.Conv2D,
    "dense": keras.layers.Dense,
    "embedding": keras.layers.Embedding,
    "flatten": keras.layers.Flatten,
    "global_average_pooling1d": keras.layers.GlobalAveragePooling1D,
    "max_pooling2d": keras.layers.MaxPooling2D,
    "rescaling": keras.layers.Rescaling,
}


class FirstStep(keras.callbacks.Callback):
    """Notes when the first step was done (UTC seconds)."""

    def __init__(self) -> None:
        super().__init__()
        self.time: float | None = None

    def on_train_batch_end(self, batch, logs=None):
        if self.time is None:
            self.time = time.time()


def build(config):
    model = keras.Sequential([keras.Input(shape=config["input_shape"])])
    for layer in config["network"]:
        options = {key: value for key, value in layer.items() if key != "type"}
        model.add(LAYERS[layer["type"]](**options))
    model.compile(**config["compilation"])
    return model


def load(path, fractions, seed):
    if path.endswith(".npz"):
        with np.load(path) as arrays:
            X, y = arrays["X"], arrays["y"]
    else:
        rows = np.loadtxt(path, delimiter=",", skiprows=1).astype(np.float32)
        X, y = rows[:, :-1], rows[:, -1]
    order = np.random.RandomState(seed).permutation(len(X))
    fit = int(len(X) * fractions["fit"])
    val = fit + int(len(X) * fractions["val"])
    parts = [(X[part], y[part]) for part in (order[:fit], order[fit:val])]
    if path.endswith(".npz"):
        return parts
    scaler = StandardScaler().fit(parts[0][0])
    return [(scaler.transform(X), y) for X, y in parts]


def main(mode, table, config):
    callbacks = [FirstStep()] if mode == "start" else []
    training, seed = config["training"], config["dataset"]["seed"]
    set_out = time.time()
    keras.utils.set_random_seed(seed)
    model = build(config["model"])
    (x, y), validation_data = load(table, training["samples"], seed)
    begin = time.perf_counter()
    history = model.fit(
        x,
        y,
        batch_size=training["batch_size"],
        epochs=training["epochs"],
        validation_data=validation_data,
        shuffle=True,
        callbacks=callbacks,
        verbose=0,
    )
    seconds = time.perf_counter() - begin
    steps = training["epochs"] * -(-len(x) // training["batch_size"])
    result = {"seconds": seconds, "steps": steps, "losses": history.history["loss"], "set_out": set_out}
    print(json.dumps(result | {"first_step": callbacks[0].time if callbacks else None}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.load(sys.stdin))
