"""Preprocessors of numbers of any shape, and of sounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.engine.samples import Array


class Divide:
    """Divides every feature by one number, as pixels are by 255."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def transform(self, X: Array) -> Array:
        """Return the features divided, as float32."""
        made: Array = np.divide(X, self.factor, dtype=np.float32, casting="unsafe")
        return made


class Normalize:
    """Subtracts a known mean and divides by a known standard deviation.

    Args:
        mean: one number, or one for each channel, which is the last dimension.
        std: likewise; none may be 0.
    """

    def __init__(self, mean: float | list[float], std: float | list[float]) -> None:
        self.mean = np.asarray(mean, np.float32)
        self.std = np.asarray(std, np.float32)
        if not self.std.all():
            raise ValueError("std is 0, which nothing can be divided by")

    def transform(self, X: Array) -> Array:
        """Return the features normalized, as float32."""
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values.ndim and values.size != X.shape[-1]:
                raise ValueError(f"{name} has {values.size} values, and the features have {X.shape[-1]} channels")
        made: Array = np.subtract(X, self.mean, dtype=np.float32, casting="unsafe")
        made /= self.std
        return made


class Replace:
    """Puts one value where another is.

    Args:
        from_val: a number, a whole text, or None for what is missing (NaN).
        to_val: what stands for it; features whose type has no such value become float32.
    """

    def __init__(self, from_val: float | str | None, to_val: float | str) -> None:
        self.from_val = from_val
        self.to_val = to_val

    def transform(self, X: Array) -> Array:
        """Return a copy of the features with the one value in place of the other."""
        if (X.dtype == object) != isinstance(self.to_val, str) or isinstance(self.from_val, str) != (X.dtype == object):
            what = "texts" if X.dtype == object else "numbers"
            raise ValueError(f"from_val and to_val must be {what}, as the features are")
        if X.dtype.kind in "iub" and np.asarray(self.to_val).astype(X.dtype) != self.to_val:
            X = X.astype(np.float32)
        chosen = np.isnan(X) if self.from_val is None else self.from_val == X
        return np.where(chosen, np.asarray(self.to_val, X.dtype), X)


class Spectrogram:
    """Power spectral density of sounds over time (scipy.signal.spectrogram with a Hann window).

    Args:
        nfft: samples of a window.
        fs: samples a second.
        noverlap: samples that a window has in common with the next one.
    """

    def __init__(self, nfft: int = 100, fs: float = 4000, noverlap: int = 60) -> None:
        if noverlap >= nfft:
            raise ValueError(f"noverlap is {noverlap}; less than nfft, {nfft}, would be right")
        self.nfft = nfft
        self.fs = fs
        self.noverlap = noverlap

    def transform(self, X: Array) -> Array:
        """Return times x frequencies of sounds (samples), or times x frequencies x channels of (samples, channels)."""
        from scipy.signal import spectrogram

        if X.ndim not in (2, 3) or X.dtype == object or X.shape[1] < self.nfft:
            raise ValueError(f"wants sounds of at least {self.nfft} numbers, with or without channels")
        options: dict[str, Any] = {"nperseg": self.nfft, "noverlap": self.noverlap, "detrend": False}
        _, _, power = spectrogram(X.astype(np.float32), self.fs, window="hann", axis=1, **options)
        # (sounds, frequencies, [channels,] times): networks want time first and channels last.
        return np.ascontiguousarray(np.moveaxis(power, -1, 1), np.float32)
