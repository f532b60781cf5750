"""Preprocessors of images: (rows, columns, channels), or (rows, columns) of one channel."""

from __future__ import annotations

import keras
import numpy as np

from app.engine.samples import Array

#: What red, green and blue contribute to grey (ITU-R BT.601, as Pillow and Keras have it).
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Grayscale:
    """Makes images grey: one channel, of the same type."""

    def transform(self, X: Array) -> Array:
        """Return the images with one channel; an alpha channel is left out."""
        channels = _channels(X)
        if channels == 1:
            return X
        if channels not in (3, 4):
            raise ValueError(f"wants images of 3 channels, not of {channels}")
        return _as_before(X[..., :3] @ _LUMA[:, np.newaxis], X)


class GrayscaleToColor:
    """Makes three equal channels of one."""

    def transform(self, X: Array) -> Array:
        """Return the images with three channels."""
        if _channels(X) != 1:
            raise ValueError(f"wants images of 1 channel, not of {_channels(X)}")
        return np.repeat(X if X.ndim == 4 else X[..., np.newaxis], 3, axis=-1)


class ImageResize:
    """Brings images to one size, with Keras' Resizing; they keep their type.

    Args:
        width: columns of the result.
        height: rows of the result.
        interpolation: how pixels between pixels are found.
        crop_to_aspect_ratio: cut off what is too long instead of distorting.
        pad_to_aspect_ratio: fill up with black what is too short instead of distorting.
    """

    def __init__(
        self,
        width: int,
        height: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
    ) -> None:
        self._layer = keras.layers.Resizing(
            height,
            width,
            interpolation=interpolation,
            crop_to_aspect_ratio=crop_to_aspect_ratio,
            pad_to_aspect_ratio=pad_to_aspect_ratio,
            data_format="channels_last",
        )

    def transform(self, X: Array) -> Array:
        """Return the images in that size."""
        _channels(X)
        images = np.asarray(X if X.ndim == 4 else X[..., np.newaxis], np.float32)  # Keras pads no others
        with keras.device("cpu"):
            made = keras.ops.convert_to_numpy(self._layer(images))
        return _as_before(made if X.ndim == 4 else made[..., 0], X)


class ChannelsFirst:
    """Puts the channels before rows and columns."""

    def transform(self, X: Array) -> Array:
        """Return the images as (channels, rows, columns)."""
        _channels(X)
        return np.ascontiguousarray(np.moveaxis(X if X.ndim == 4 else X[..., np.newaxis], -1, 1))


def _channels(X: Array) -> int:
    """Return how many channels images have; raise ValueError if they are none."""
    if X.ndim not in (3, 4) or X.dtype == object:
        raise ValueError("wants images of (rows, columns, channels)")
    return X.shape[3] if X.ndim == 4 else 1


def _as_before(made: Array, X: Array) -> Array:
    """Return computed pixels in the type of those that they came from."""
    if X.dtype.kind in "iu":
        bounds = np.iinfo(X.dtype)
        return np.rint(made).clip(bounds.min, bounds.max).astype(X.dtype)
    return made.astype(X.dtype, copy=False)
