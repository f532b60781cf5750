"""What a page of data shows while there is none: where to get it from, how far the reading is, what went wrong."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.ui.controls import Banner, button, label
from app.ui.dialogs import ask_for_data, ask_for_folder

#: Nothing is said of what takes less, and nothing offered to be cancelled (ms).
_SAY_AFTER, _CANCEL_AFTER = 300, 2000
_WIDTH = 500
_KINDS = (
    "A table (.csv, .tsv, .parquet), arrays (.npz, .npy, .h5), or a folder with a folder of images or texts per class."
)


class Waiting(QWidget):
    """An invitation, a bar, or a sentence; ``chosen`` brings a path, ``retried`` asks for the same once more.

    Args:
        start: the folder that is looked into first.
    """

    chosen = Signal(object)
    retried = Signal()
    cancelled = Signal()

    def __init__(self, start: Path) -> None:
        super().__init__()
        self._start = start
        self.setProperty("kind", "content")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._text = label("")
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setWordWrap(True)
        self._kinds = label(_KINDS, "secondary")
        self._kinds.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._kinds.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.cancel_button = button(self.tr("Cancel"), self.cancelled.emit)
        self._again = button(self.tr("Read it again"), self.retried.emit, icon_name="refresh-cw")
        self._file = button(self.tr("Choose a file…"), self._ask_for_file, icon_name="file-text")
        self._folder = button(self.tr("Choose a folder…"), self._ask_for_folder, icon_name="folder-open")
        for each in (self.cancel_button, self._again, self._file, self._folder):
            each.setAutoDefault(True)  # so that Return is a click
        self.banner: Banner | None = None
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._banners = QVBoxLayout()
        outer.addLayout(self._banners)
        outer.addStretch(2)
        inner = QWidget()
        inner.setFixedWidth(_WIDTH)
        column = QVBoxLayout(inner)
        column.setSpacing(14)
        column.addWidget(self._text)
        column.addWidget(self._kinds)
        column.addWidget(self.bar)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for each in (self._again, self._file, self._folder, self.cancel_button):
            row.addWidget(each)
        row.addStretch(1)
        column.addLayout(row)
        centre = QHBoxLayout()
        centre.addStretch(1)
        centre.addWidget(inner)
        centre.addStretch(1)
        outer.addLayout(centre)
        outer.addStretch(3)
        self._name = ""
        self._say = QTimer(self, singleShot=True, interval=_SAY_AFTER)
        self._say.timeout.connect(self._show_bar)
        self._offer = QTimer(self, singleShot=True, interval=_CANCEL_AFTER)
        self._offer.timeout.connect(self.cancel_button.show)
        self._clear()

    def invite(self) -> None:
        """Ask for a file or folder."""
        self._clear()
        self._text.setText(self.tr("Drop data here, or choose it."))
        self._kinds.show()
        self._text.show()
        self._file.show()
        self._folder.show()
        self.setFocusProxy(self._file)

    def begin(self, name: str) -> None:
        """Be ready to say that something is read, should it take long."""
        self._clear()
        self._name = name
        self._text.setText(self.tr("Reading {0}").format(name))
        self.bar.setRange(0, 0)
        self._say.start()
        self._offer.start()

    def show_progress(self, done: int, total: int) -> None:
        """Show how many rows or files were read, and of how many (0: not known)."""
        of = self.tr(" of {0}").format(f"{total:,}") if total else ""
        self._text.setText(self.tr("Reading {0}: {1}{2}").format(self._name, f"{done:,}", of))
        self.bar.setRange(0, total)
        self.bar.setValue(min(done, total))

    def say(self, text: str, *, error: bool) -> None:
        """Say why there is nothing, and offer to try again or something else."""
        self._clear()
        if error:
            self.banner = Banner("error", text, closable=False)
            self._banners.addWidget(self.banner)
            text = self.tr("Nothing was changed. Correct the data and read it again, or choose something else.")
        self._text.setText(text)
        for part in (self._text, self._again, self._file, self._folder):
            part.show()
        self.setFocusProxy(self._again)

    def _clear(self) -> None:
        self._say.stop()
        self._offer.stop()
        for part in (self._text, self._kinds, self.bar, self.cancel_button, self._again, self._file, self._folder):
            part.hide()
        if self.banner is not None:
            self.banner.hide()
            self.banner.deleteLater()
            self.banner = None

    def _show_bar(self) -> None:
        self._text.show()
        self.bar.show()

    def _ask_for_file(self) -> None:
        ask_for_data(self, self._start, self.chosen.emit)

    def _ask_for_folder(self) -> None:
        ask_for_folder(self, self.tr("Data"), self._start, self.chosen.emit)
