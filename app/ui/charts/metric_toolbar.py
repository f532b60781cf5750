"""The row above the charts of a run: smoothing, x axis, log axis, per-batch curves."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from app.ui.charts.metric_panel import Options
from app.ui.charts.smoothing import MAX_WEIGHT
from app.ui.controls import label
from app.ui.theme import height
from app.ui.tokens import TOOLBAR

#: The slider goes to 0.99 in hundredths; what is more can be typed.
_SLIDER_STEPS = 100


class _WeightBox(QDoubleSpinBox):
    """A weight from 0 to 0.999, written with no more digits than it has."""

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(3)
        self.setRange(0.0, MAX_WEIGHT)
        self.setSingleStep(0.05)
        self.setProperty("code", "true")
        self.setKeyboardTracking(False)
        self.setFixedWidth(76)
        # A style sheet's padding stops at the box; the text in it has margins of its own.
        self.lineEdit().setTextMargins(6, 0, 0, 0)

    def textFromValue(self, value: float) -> str:
        """Return 0.35 for 0.350."""
        return f"{value:g}"


class MetricToolbar(QFrame):
    """Tells what the user chose: ``changed``, and ``x_axis_chosen`` with the name of an axis."""

    changed = Signal()
    x_axis_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "toolbar")
        self.setMinimumHeight(height(TOOLBAR))
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, _SLIDER_STEPS - 1)
        self._slider.setPageStep(10)
        self._slider.setMinimumWidth(60)
        self._slider.setMaximumWidth(110)
        self._slider.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._slider.setAccessibleName(self.tr("Smoothing"))
        self._weight = _WeightBox()
        self._weight.setAccessibleName(self.tr("Weight of the smoothing"))
        self._weight.setToolTip(self.tr("Weight of the moving average, 0 to 0.999"))
        caption = label(self.tr("Smoothing"))
        caption.setBuddy(self._weight)
        self._axes = QButtonGroup(self)
        self._axis_buttons: dict[str, QToolButton] = {}
        self._log = QCheckBox(self.tr("Log axis"))
        self._batches = QCheckBox(self.tr("Batch curves"))
        self._batches.setChecked(True)
        self._batches.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(8)
        row.addWidget(caption)
        row.addWidget(self._slider)
        row.addWidget(self._weight)
        row.addSpacing(8)
        segments = QHBoxLayout()
        segments.setSpacing(0)
        for name, text in self.axes().items():
            segments.addWidget(self._segment(name, text))
        row.addLayout(segments)
        row.addSpacing(8)
        row.addWidget(self._log)
        row.addWidget(self._batches)
        row.addStretch(1)
        self._slider.valueChanged.connect(self._on_slider)
        self._weight.valueChanged.connect(self._on_weight)
        self._log.toggled.connect(self.changed)
        self._batches.toggled.connect(self.changed)

    def axes(self) -> dict[str, str]:
        """Return every x axis by name with the word for it."""
        return {"step": self.tr("Step"), "epoch": self.tr("Epoch"), "relative": self.tr("Relative")}

    @property
    def options(self) -> Options:
        """What is chosen."""
        return Options(self._weight.value(), self._log.isChecked(), self._batches.isChecked())

    def set_options(self, options: Options) -> None:
        """Choose for the user."""
        self._weight.setValue(options.smoothing)
        self._log.setChecked(options.log)
        self._batches.setChecked(options.batches)

    def show_x_axis(self, name: str) -> None:
        """Show which x axis is in use; one that has no button leaves none pressed."""
        self._axes.setExclusive(False)
        for each, button in self._axis_buttons.items():
            button.setChecked(each == name)
        self._axes.setExclusive(True)

    def show_what_matters(self, axes: Collection[str], *, has_batches: bool) -> None:
        """Show only what makes a difference: axes where there are several, batch curves with per-batch series."""
        for name, button in self._axis_buttons.items():
            button.setVisible(name in axes and len(axes) > 1)
        self._batches.setVisible(has_batches)

    def _segment(self, name: str, text: str) -> QToolButton:
        button = QToolButton()
        button.setProperty("kind", "segment")
        button.setText(text)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(self.tr("X axis: {}").format(text))
        button.setToolTip({"relative": self.tr("Time since the first point")}.get(name, ""))
        button.clicked.connect(lambda: self.x_axis_chosen.emit(name))
        self._axes.addButton(button)
        self._axis_buttons[name] = button
        return button

    def _on_slider(self, value: int) -> None:
        self._weight.setValue(value / _SLIDER_STEPS)

    def _on_weight(self, weight: float) -> None:
        self._slider.blockSignals(True)
        self._slider.setValue(round(weight * _SLIDER_STEPS))
        self._slider.blockSignals(False)
        self.changed.emit()
