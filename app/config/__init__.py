"""What to train: configs, their components, their problems; no Keras and no Qt."""
