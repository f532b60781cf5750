"""Points as a run's series hold them."""

import numpy as np

from app.records.series import POINT_DTYPE, Points


def points(steps, values, *, start: float = 1e9, seconds: float = 1.0) -> Points:
    found = np.zeros(len(steps), POINT_DTYPE)
    found["step"], found["value"] = steps, values
    found["time"] = start + seconds * np.asarray(steps)
    return found
