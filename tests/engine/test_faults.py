"""The sentence in what Keras and TensorFlow raise."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow

from app.engine.faults import sentence_of


def test_of_tensorflow_it_is_what_went_wrong_and_at_which_layer() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Embedding(3, 2, name="words")])
    model.compile(loss=keras.losses.MeanSquaredError())
    with pytest.raises(tensorflow.errors.InvalidArgumentError) as caught:
        model.fit(np.full((2, 4), 7.0), np.zeros((2, 4, 2)), verbose=0)
    sentence = sentence_of(caught.value)
    assert sentence.startswith("indices[0,0] = 7 is not in [0, 3) (at ")
    assert "/words" in sentence


def test_of_keras_it_is_what_the_layer_says_without_colours() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="Exception encountered") as caught:
        model(np.zeros((1, 5)))
    assert sentence_of(caught.value).startswith("Input 0 with name 'None' of layer 'dense")


def test_an_exception_without_words_is_its_type() -> None:
    assert sentence_of(ValueError()) == "ValueError"
