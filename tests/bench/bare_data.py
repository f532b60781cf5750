"""Keras and nothing else on a file of data: what a person would write, in a process of its own.

    python bare_data.py FILE EPOCHS

FILE is an .npz with X and y, or a .csv whose last column is the target. Prints its memory as JSON: the peak above what
it had when everything was imported. Imports nothing of ours: it is the peer.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import keras
import numpy as np
import pandas
import psutil


class Peak(threading.Thread):
    """Watches the memory of this process, in bytes."""

    def __init__(self):
        super().__init__(daemon=True)
        self._process, self._over = psutil.Process(), threading.Event()
        self.idle = self.most = self._process.memory_info().rss

    def run(self):
        while not self._over.wait(0.003):
            self.most = max(self.most, self._process.memory_info().rss)

    def stop(self):
        self._over.set()
        self.join()
        return {"idle_mb": self.idle / 2**20, "mb": (self.most - self.idle) / 2**20}


def load(path):
    if path.endswith(".npz"):
        with np.load(path) as file:
            return file["X"], file["y"]
    table = pandas.read_csv(path)
    y = table.pop(table.columns[-1]).to_numpy(np.float32)
    return pandas.get_dummies(table).to_numpy(np.float32), y


def main(path, epochs):
    peak = Peak()
    peak.start()
    begin = time.perf_counter()
    X, y = load(path)
    seconds = time.perf_counter() - begin
    model = keras.Sequential(
        [keras.Input(X.shape[1:]), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)]
    )
    model.compile(optimizer="adam", loss="mse")
    model.fit(X, y, batch_size=1024, epochs=epochs, verbose=0)
    print(json.dumps({**peak.stop(), "load_seconds": seconds, "seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
