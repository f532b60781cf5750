"""Trains one config: the only room that imports TensorFlow and Keras."""
