"""The course of a metric in a cell of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

#: More points than this a line of some 50 px cannot show.
_MOST = 64


def paint_sparkline(
    painter: QPainter, rect: QRectF, values: Sequence[float] | npt.NDArray[np.float64], colour: QColor
) -> None:
    """Draw a line of 1 px through values, with a dot on the last; what is not finite is left out.

    Args:
        painter: left as it was.
        rect: the line fills it, the dot included.
        values: in their order; the least and the greatest of neighbours stand for many.
        colour: of the line.
    """
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return
    if len(finite) > _MOST:
        parts = np.array_split(finite[:-1], _MOST // 2)
        finite = np.append(np.ravel([(part.min(), part.max()) for part in parts]), finite[-1])
    low, high = float(finite.min()), float(finite.max())
    box = rect.adjusted(1, 2, -2, -2)
    share = (finite - low) / (high - low) if high > low else np.full(len(finite), 0.5)
    x = np.linspace(box.left(), box.right(), len(finite)) if len(finite) > 1 else np.array([box.right()])
    y = box.bottom() - share * box.height()
    points = [QPointF(*point) for point in zip(x.tolist(), y.tolist(), strict=True)]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, 1.2))
    painter.drawPolyline(points)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(points[-1], 1.6, 1.6)
    painter.restore()
