"""What there is to beat: a bare PySide6 window with an empty pyqtgraph plot, and the same for a form of 80 fields."""

from __future__ import annotations

import json
import sys
import time

import pyqtgraph
from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QFormLayout, QLineEdit, QMainWindow, QWidget


class Window(QMainWindow):
    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, float] = {}
        self.setCentralWidget(pyqtgraph.PlotWidget())
        self.resize(1440, 900)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if "painted" not in self.told:
            self.told["painted"] = time.time()
            key = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_F24, Qt.KeyboardModifier.NoModifier)
            QTimer.singleShot(0, lambda: QCoreApplication.postEvent(self, key))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.told["key"] = time.time()
        QTimer.singleShot(500, self._show_form)

    def _show_form(self) -> None:
        begun = time.perf_counter()
        form = Form(lambda: self._on_form(time.perf_counter() - begun))
        for number in range(80):
            form.layout().addRow(f"field {number}", QLineEdit(str(number)))  # type: ignore[union-attr]
        self.setCentralWidget(form)

    def _on_form(self, seconds: float) -> None:
        self.told["form"] = seconds
        begun = time.perf_counter()
        plot = pyqtgraph.PlotWidget()
        for _ in range(2):
            plot.plot(list(range(25)))
        self.setCentralWidget(plot)
        plot.viewport().installEventFilter(self)
        self._begun = begun

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and "chart" not in self.told:
            self.told["chart"] = 0.0
            QTimer.singleShot(0, self._on_chart)
        return False

    def _on_chart(self) -> None:
        self.told["chart"] = time.perf_counter() - self._begun
        print(json.dumps(self.told), flush=True)
        self.close()


class Form(QWidget):
    def __init__(self, painted: object) -> None:
        super().__init__()
        self._painted = painted
        QFormLayout(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painted, self._painted = self._painted, None
        if callable(painted):
            QTimer.singleShot(0, painted)


if __name__ == "__main__":
    application = QApplication(sys.argv[:1])
    window = Window()
    window.show()
    sys.exit(application.exec())
