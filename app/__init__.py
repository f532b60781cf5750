"""Trackside: a desktop experiment manager for machine learning."""

__version__ = "0.1.0"
