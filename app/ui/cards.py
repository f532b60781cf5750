"""What the welcome page is made of: cards, their badges, the example's curves, a place to drop things."""

from __future__ import annotations

from math import log10
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QWidget

from app.ui.controls import label
from app.ui.icons import icon
from app.ui.theme import tokens, ui_font

#: What the example gives with its seed 0: loss and validation loss of each epoch.
_LOSS = (
    497, 320, 135, 64, 41.4, 26.6, 23.6, 20.8, 18.8, 17.7, 16.8, 16.1, 15.6,
    15.1, 14.6, 14.3, 13.9, 13.6, 13.3, 13.1, 12.8, 12.6, 12.4, 12.2, 12.0,
)  # fmt: skip
_VAL_LOSS = (
    464, 253, 92.1, 64.6, 39.1, 33.5, 28.7, 26.2, 24, 22.2, 20.7, 19.6, 18.7,
    17.9, 17.4, 16.8, 16.4, 16, 15.7, 15.4, 15.1, 14.9, 14.7, 14.5, 14.3,
)  # fmt: skip


class ExampleCurve(QWidget):
    """What the example's curves look like."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(112)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Loss and validation loss of the example, falling over 25 epochs")

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        colours = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(colours.line))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setFont(ui_font(11))
        x = 12.0
        for name, colour in (("loss", colours.series[0]), ("val_loss", colours.series[1])):
            painter.setPen(QPen(QColor(colour), 2))
            painter.drawLine(QPointF(x, 14), QPointF(x + 12, 14))
            painter.setPen(QColor(colours.text2))
            painter.drawText(QPointF(x + 17, 18), name)
            x += 62
        box = QRectF(40, 26, self.width() - 56, self.height() - 44)
        painter.setFont(ui_font(10.5))
        for value in (10, 100):
            y = box.bottom() - (log10(value) - 1) / 1.8 * box.height()
            painter.setPen(QColor(colours.grid))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(colours.text3))
            painter.drawText(
                QRectF(0, y - 8, 34, 16), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(value)
            )
        for epoch in (5, 10, 15, 20, 25):
            x = box.left() + (epoch - 1) / (len(_LOSS) - 1) * box.width()
            painter.setPen(QColor(colours.text3))
            painter.drawText(QRectF(x - 15, box.bottom() + 2, 30, 14), Qt.AlignmentFlag.AlignCenter, str(epoch))
        for values, colour in ((_LOSS, colours.series[0]), (_VAL_LOSS, colours.series[1])):
            points = QPolygonF(
                [
                    QPointF(
                        box.left() + index / (len(_LOSS) - 1) * box.width(),
                        box.bottom() - (log10(value) - 1) / 1.8 * box.height(),
                    )
                    for index, value in enumerate(values)
                ]
            )
            painter.setPen(QPen(QColor(colour), 1.5))
            painter.drawPolyline(points)


class DropTarget(QFrame):
    """Takes data, a folder or a config from the file manager."""

    dropped = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.setMinimumHeight(52)
        row = QHBoxLayout(self)
        row.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row.addWidget(label("Drop data, a folder or a config here", "secondary"))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens().edge), 1, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Tell what was dropped."""
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.dropped.emit(Path(url.toLocalFile()))


class Card(QFrame):
    """A card; the one that is recommended has the accent's border."""

    def __init__(self, *, primary: bool) -> None:
        super().__init__()
        self._primary = primary
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        colours = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = 2 if self._primary else 1
        painter.setPen(QPen(QColor(colours.accent if self._primary else colours.line2), width))
        painter.setBrush(QColor(colours.base))
        inset = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 6, 6)


class Badge(QWidget):
    """The icon of a card on a square of 40 px."""

    def __init__(self, icon_name: str, *, primary: bool) -> None:
        super().__init__()
        self._icon, self._primary = icon_name, primary
        self.setFixedSize(40, 40)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        colours = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.accent if self._primary else colours.soft))
        painter.drawRoundedRect(self.rect(), 4, 4)
        icon(self._icon, "on_accent" if self._primary else "accent_text").paint(
            painter, self.rect().adjusted(10, 10, -10, -10)
        )
