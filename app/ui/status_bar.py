"""The line below: what the page says, where the trackers' pages are, what the machine is doing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QStatusBar, QWidget

from app.ui import formats
from app.ui.background import Work, run_in_background
from app.ui.controls import ElidedLabel, Sign, icon_button, label, line
from app.ui.icons import icon
from app.ui.theme import height, refresh_style
from app.ui.tokens import STATUS_BAR

_SAMPLE_EVERY = 2000
_GIB = 1 << 30
_SHORT = 36
#: Between two parts, and of a text that gives way so much is wanted (px).
_SPACING, _MOST_TEXT = 6, 240
#: Below this much room a run may not be recorded whole.
_LITTLE_ROOM = 1 << 30


@dataclass(frozen=True, slots=True)
class _Machine:
    cpu: float
    used: int
    total: int
    free: int | None


class StatusBar(QStatusBar):
    """Left: the page. Right: addresses, processor, memory, room on the disk of the workspace."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeGripEnabled(False)
        self.setMinimumHeight(height(STATUS_BAR) + 2)
        self._folder = Path.home()
        self._page: list[QWidget] = []
        self._said: tuple[tuple[str, ...], int] = ((), 0)
        self._addresses: list[QWidget] = []
        self._waits: dict[str, QWidget] = {}
        right = QWidget()
        self._right = QHBoxLayout(right)
        self._right.setContentsMargins(0, 0, 0, 0)
        self._right.setSpacing(_SPACING)
        self.addPermanentWidget(right)
        self._cpu = self._add("cpu", "Processor in use by all programs")
        self._memory = self._add("memory-stick", "Memory in use by all programs, of all there is")
        self._disk = self._add("hard-drive", "Room on the disk of the workspace")
        self._work: Work[_Machine] | None = None
        self._timer = QTimer(self, interval=_SAMPLE_EVERY)
        self._timer.timeout.connect(self._sample)
        self._timer.start()
        QTimer.singleShot(_SAMPLE_EVERY // 4, self._sample)

    def show_page(self, texts: tuple[str, ...], sign: QIcon | None) -> None:
        """Show what a page says; the first text behind its icon."""
        said = (texts, sign.cacheKey() if sign is not None else 0)
        if said == self._said:
            return
        self._said = said
        for widget in self._page:
            self.removeWidget(widget)
            widget.deleteLater()
        self._page = []
        for index, text in enumerate(texts):
            if index:
                self._page.append(line(vertical=True))
            elif sign is not None:
                self._page.append(Sign(sign))
            # Paths and errors give way, the few words before them do not.
            is_short = len(text) <= _SHORT
            self._page.append(label(text) if is_short else ElidedLabel(text, mode=Qt.TextElideMode.ElideMiddle))
        for widget in self._page:
            self.addWidget(widget)
            widget.show()
        self._make_room()

    def show_addresses(self, addresses: Mapping[str, str]) -> None:
        """Show which tracker's page answers where."""
        for widget in self._addresses:
            self._right.removeWidget(widget)
            widget.deleteLater()
        self._addresses = []
        for kind, address in addresses.items():
            self._addresses += [Sign(icon("chart-line" if kind == "tensorboard" else "refresh-cw")), label(address)]
        for position, widget in enumerate(self._addresses, len(self._waits)):
            self._right.insertWidget(position, widget)
        self._make_room()

    def show_progress(self, key: str, text: str, cancel: Callable[[], object]) -> None:
        """Show what is waited for, with a way to give it up; "" takes it away."""
        shown = self._waits.pop(key, None)
        if shown is not None:
            self._right.removeWidget(shown)
            shown.deleteLater()
        if text:
            self._waits[key] = _Wait(text, cancel)
            self._right.insertWidget(0, self._waits[key])
        self._make_room()

    def watch_disk(self, folder: Path) -> None:
        """Tell the room on the disk of another folder."""
        self._folder = folder
        self._sample()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show of the machine what there is room for."""
        super().resizeEvent(event)
        self._make_room()

    def _add(self, icon_name: str, tip: str) -> _Measure:
        found = _Measure(icon_name, tip)
        self._right.addWidget(found)
        return found

    def _make_room(self) -> None:
        """Let what says least of the run in front go first: memory, processor, disk."""
        needed = sum(min(widget.sizeHint().width(), _MOST_TEXT) + _SPACING for widget in self._page)
        needed += sum(each.sizeHint().width() + _SPACING for each in (*self._waits.values(), *self._addresses))
        measures = (self._memory, self._cpu, self._disk)
        widths = [measure.sizeHint().width() + _SPACING for measure in measures]
        for place, measure in enumerate(measures):
            measure.setVisible(needed + sum(widths[place:]) + 2 * _SPACING <= self.width())

    def _sample(self) -> None:
        if self._work is None:
            folder = self._folder
            self._work = run_in_background(self, lambda _: _look(folder), self._show, failed=self._on_failed)

    def _on_failed(self, error: Exception) -> None:
        self._work = None

    def _show(self, machine: _Machine) -> None:
        self._work = None
        self._cpu.show_value(f"CPU {machine.cpu:.0f} %")
        self._memory.show_value(f"{machine.used / _GIB:.1f} / {machine.total / _GIB:.1f} GB")
        room = machine.free
        self._disk.show_value("no room known" if room is None else f"{formats.size(room)} free")
        self._disk.set_alarming(room is not None and room < _LITTLE_ROOM)
        self._make_room()


class _Measure(QWidget):
    """An icon and what is measured."""

    def __init__(self, icon_name: str, tip: str) -> None:
        super().__init__()
        self._text = label()
        self.setToolTip(tip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(_SPACING)
        row.addWidget(Sign(icon(icon_name)))
        row.addWidget(self._text)

    def show_value(self, text: str) -> None:
        """Show another value."""
        self._text.setText(text)

    def set_alarming(self, is_alarming: bool) -> None:
        """Show the value as one that somebody should mind, or as any other."""
        role = "error" if is_alarming else ""
        if self._text.property("role") != role:
            self._text.setProperty("role", role)
            refresh_style(self._text)


class _Wait(QWidget):
    """A bar that moves, what it waits for, and a button that ends it."""

    def __init__(self, text: str, cancel: Callable[[], object]) -> None:
        super().__init__()
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setFixedWidth(72)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 8, 0)
        row.setSpacing(6)
        row.addWidget(bar)
        row.addWidget(label(text))
        row.addWidget(icon_button("x", "Cancel", cancel))
        self.setAccessibleName(text)


def _look(folder: Path) -> _Machine:
    memory = psutil.virtual_memory()
    try:
        free: int | None = psutil.disk_usage(str(folder)).free
    except OSError:
        free = None
    return _Machine(psutil.cpu_percent(), memory.total - memory.available, memory.total, free)
