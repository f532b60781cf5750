"""Keras and nothing else: what a person would write to train the example, in a process of its own.

    python bare.py fit|start TABLE < CONFIG

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
        model.add(keras.layers.Dense(layer["units"], activation=layer["activation"]))
    model.compile(**config["compilation"])
    return model


def load(path, fractions, seed):
    rows = np.loadtxt(path, delimiter=",", skiprows=1).astype(np.float32)
    rows = rows[np.random.RandomState(seed).permutation(len(rows))]
    fit = int(len(rows) * fractions["fit"])
    val = fit + int(len(rows) * fractions["val"])
    scaler = StandardScaler().fit(rows[:fit, :-1])
    return [(scaler.transform(part[:, :-1]), part[:, -1]) for part in (rows[:fit], rows[fit:val])]


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
