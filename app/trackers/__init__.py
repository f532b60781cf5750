"""Copies of a run elsewhere: MLflow, TensorBoard, Comet. The only room that imports them."""
