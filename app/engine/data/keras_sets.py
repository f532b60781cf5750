"""The datasets of Keras: their files are downloaded to where Keras looks for them, and read by Keras."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.engine.data.download import DownloadError, download
from app.engine.data.source import Parameters, Place, Portions
from app.engine.ending import TrainingError
from app.engine.samples import Array, Samples

_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
_TORONTO = "https://www.cs.toronto.edu/~kriz"

#: What Keras 3.15 loads, by dataset: address, name below its folder ``datasets`` and SHA-256, as its own code has them.
#: Fashion-MNIST comes without checksums. Keras keeps the archives of CIFAR under names of its own.
FILES: dict[str, list[tuple[str, str, str | None]]] = {
    "mnist": [
        (f"{_GOOGLE}/mnist.npz", "mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1")
    ],
    "fashion_mnist": [
        (f"{_GOOGLE}/{file}-ubyte.gz", f"fashion-mnist/{file}-ubyte.gz", None)
        for file in ("train-labels-idx1", "train-images-idx3", "t10k-labels-idx1", "t10k-images-idx3")
    ],
    "cifar10": [
        (
            f"{_TORONTO}/cifar-10-python.tar.gz",
            "cifar-10-batches-py-target_archive",
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        )
    ],
    "cifar100": [
        (
            f"{_TORONTO}/cifar-100-python.tar.gz",
            "cifar-100-python-target_archive",
            "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        )
    ],
    "california_housing": [
        (
            f"{_GOOGLE}/california_housing.npz",
            "california_housing.npz",
            "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
        )
    ],
    "imdb": [(f"{_GOOGLE}/imdb.npz", "imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f")],
    "reuters": [
        (f"{_GOOGLE}/reuters.npz", "reuters.npz", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916")
    ],
}
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CLASS_NAMES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": _CLOTHES,
    "cifar10": _OBJECTS,
    "imdb": ("negative", "positive"),
}


def from_keras(name: str) -> Callable[[Parameters, Place], Portions]:
    """Return what loads a dataset of Keras by its name: what Keras has to train on, then what it has to test on.

    Reviews and newswires (imdb, reuters) are rows of word numbers, all as long as the parameter ``length`` says: zeros
    are put before shorter ones, and of longer ones the last words are kept.
    """

    def load(parameters: Parameters, place: Place) -> Portions:
        import keras

        folder = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"
        try:
            for url, file, sha256 in FILES[name]:
                download(url, folder / file, place, sha256=sha256)
        except DownloadError as error:
            files = " and ".join(f"{url} as {folder / file}" for url, file, _ in FILES[name])
            raise TrainingError(
                f"dataset.name: {name} could not be downloaded ({error.reason}). Connect to the network and run again, "
                f"or download it elsewhere and put {files}"
            ) from error
        settings = {key: value for key, value in parameters.items() if key != "length"}
        try:
            (x_fit, y_fit), (x_test, y_test) = getattr(keras.datasets, name).load_data(**settings)
        except Exception as error:  # whatever a library says of a file without a checksum
            files = " and ".join(str(folder / file) for _, file, _ in FILES[name])
            said = f"{type(error).__name__}: {error}"
            raise TrainingError(
                f"dataset.name: {name} cannot be read ({said}). If it is broken, remove {files}"
            ) from error
        X, y = np.concatenate([x_fit, x_test]), np.concatenate([y_fit, y_test])
        if "length" in parameters:
            X = keras.utils.pad_sequences(X, maxlen=parameters["length"], dtype=np.int32)
        names = tuple(keras.datasets.reuters.get_label_names()) if name == "reuters" else _CLASS_NAMES.get(name, ())
        return Portions.of(Samples(X, _flat(y), names))

    return load


def _flat(y: Array) -> Array:
    return y.reshape(len(y)) if y.ndim == 2 and y.shape[1] == 1 else y
