"""What there is to beat: a bare PySide6 window with an empty pyqtgraph plot, and the same for a form of 80 fields."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import pyqtgraph
from first_paint import FirstPaint
from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QFormLayout, QLineEdit, QMainWindow, QWidget


class Window(QMainWindow):
    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, float] = {}
        plot = pyqtgraph.PlotWidget()
        self.setCentralWidget(plot)
        self.resize(1440, 900)
        FirstPaint(plot.viewport(), self._on_painted)

    def _on_painted(self) -> None:
        self.told["painted"] = time.time()
        QCoreApplication.postEvent(
            self, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_F24, Qt.KeyboardModifier.NoModifier)
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.told["key"] = time.time()
        QTimer.singleShot(500, self._show_form)

    def _show_form(self) -> None:
        begun = time.perf_counter()
        form = QWidget()
        fields = QFormLayout(form)
        for number in range(80):
            fields.addRow(f"field {number}", QLineEdit(str(number)))
        self._time("form", form, form, begun, self._show_plot)

    def _show_plot(self) -> None:
        begun = time.perf_counter()
        plot = pyqtgraph.PlotWidget()
        for _ in range(2):
            plot.plot(list(range(25)))
        self._time("chart", plot, plot.viewport(), begun, self._end)

    def _time(self, name: str, widget: QWidget, target: QWidget, begun: float, then: Callable[[], None]) -> None:
        def painted() -> None:
            self.told[name] = time.perf_counter() - begun
            QTimer.singleShot(500, then)

        FirstPaint(target, painted)
        self.setCentralWidget(widget)

    def _end(self) -> None:
        print(json.dumps(self.told), flush=True)
        self.close()


if __name__ == "__main__":
    application = QApplication(sys.argv[:1])
    window = Window()
    window.show()
    sys.exit(application.exec())
