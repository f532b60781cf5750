"""A row that goes on below where there is no room."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRect, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.tokens import CONTROL


class Flow(QWidget):
    """Widgets from left to right, in as many lines as they need; each is as wide as it wants to be, at most a line.

    Its height follows its width when that has changed. A layout with a height for each width would be asked for it
    by every layout around it, over and over: seconds for a hundred rows. ``least`` is the height of a line in px.
    """

    def __init__(self, parent: QWidget, gap: int = 12, line_gap: int = 4, least: int = CONTROL) -> None:
        super().__init__(parent)
        self.widgets: list[QWidget] = []
        self._gap, self._line_gap, self._least = gap, line_gap, least
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def add(self, widget: QWidget) -> None:
        """Add a widget at the end."""
        if widget.parentWidget() is not self:
            widget.setParent(self)
        self.widgets.append(widget)
        if len(self.widgets) == 1:
            self.updateGeometry()
        widget.show()
        self._arrange()

    def remove(self, widget: QWidget) -> None:
        """Let a widget go; it stays a child."""
        self.widgets.remove(widget)
        if not self.widgets:
            self.updateGeometry()
        self._arrange()

    def minimumSizeHint(self) -> QSize:
        """Return a width that every row of a form has, none where there is nothing to show."""
        return QSize(80 if self.widgets else 0, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break the lines anew."""
        super().resizeEvent(event)
        self._arrange()

    def event(self, event: QEvent) -> bool:
        """Break the lines anew when a widget wants another size."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._arrange()
        return super().event(event)

    def _arrange(self) -> None:
        lines: list[list[tuple[QWidget, QRect]]] = [[]]
        x = 0
        for widget in self.widgets:
            size = self._size(widget)
            if x > 0 and x + size.width() > self.width():
                lines.append([])
                x = 0
            lines[-1].append((widget, QRect(QPoint(x, 0), size)))
            x += size.width() + self._gap
        y = 0
        for line in lines:
            height = max(self._least, *(box.height() for _, box in line), 0)
            for widget, box in line:
                widget.setGeometry(box.translated(0, y + (height - box.height()) // 2))
            y += height + self._line_gap
        if self.height() != y - self._line_gap:
            self.setFixedHeight(y - self._line_gap)

    def _size(self, widget: QWidget) -> QSize:
        size = widget.sizeHint().boundedTo(widget.maximumSize()).expandedTo(widget.minimumSize())
        size.setWidth(min(size.width(), max(self.width(), widget.minimumSizeHint().width())))
        if widget.hasHeightForWidth():
            size.setHeight(widget.heightForWidth(size.width()))
        return size
