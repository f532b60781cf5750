"""Config files: read as they are, saved under a name that every system takes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from app.config.documents import read_bytes
from app.records.files import replace_file
from app.ui.controls import label

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 255


def wrong_name(name: str) -> str:
    """Return why a file cannot be called so on every system, "" if it can; the name has its suffix already."""
    if not name.removesuffix(".json").strip():
        return "A name is needed."
    if found := _FORBIDDEN.search(name):
        sign = found[0] if found[0].isprintable() else "a control character"
        return f"A file name cannot contain {sign}"
    if _DEVICES.fullmatch(name) or name.startswith("."):
        return f"{name} is a name that the system keeps for itself."
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST:
        return f"A file name has at most {_LONGEST} bytes."
    return ""


def with_suffix(name: str) -> str:
    """Return a name with .json at its end."""
    name = name.strip()
    return name if name.lower().endswith(".json") else f"{name}.json"


class NameDialog(QDialog):
    """Asks for the name of a config in a folder; a name that cannot be is refused with the reason."""

    def __init__(self, parent: QWidget, folder: Path, name: str, chosen: Callable[[Path], object]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Save the experiment"))
        self.setMinimumWidth(420)
        self._folder, self._chosen = folder, chosen
        self.name = QLineEdit(name.removesuffix(".json"))
        self.name.setAccessibleName(self.tr("Name"))
        self.name.selectAll()
        self.message = label("", "error")
        self.message.setWordWrap(True)
        self.message.setMinimumHeight(20)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.save = box.button(QDialogButtonBox.StandardButton.Save)
        box.accepted.connect(self._take)
        box.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow(self.tr("Name"), self.name)
        form.addRow("", label(self.tr("In {0}").format(folder), "secondary"))
        form.addRow("", self.message)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(box)
        self.name.textChanged.connect(lambda _text: self._check())
        self._check()

    def _check(self) -> None:
        name = with_suffix(self.name.text())
        reason = wrong_name(name) if self.name.text().strip() else ""
        if not reason and (self._folder / name).exists():
            self.message.setText(self.tr("There is a file of this name; it will be replaced."))
        else:
            self.message.setText(reason)
        self.save.setEnabled(not wrong_name(name))

    def _take(self) -> None:
        path = self._folder / with_suffix(self.name.text())
        if not wrong_name(path.name):
            self.accept()
            self._chosen(path)


class FileOfConfig:
    """The file that a config was read from or saved to, and what it held then."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._content: bytes | None = None
        self._passed_over: bytes | None = None

    def read(self) -> str:
        """Return the text of the file with plain line ends; what is no UTF-8 shows as signs for what is unknown.

        Raises:
            ConfigError: it is not there or cannot be read.
        """
        assert self.path is not None
        self._content = read_bytes(self.path)
        return self._content.decode("utf-8-sig", "replace").replace("\r\n", "\n")

    def write(self, text: str) -> None:
        """Put a text in the file's place, making its folder. OSError if that cannot be."""
        assert self.path is not None
        data = text.encode("utf-8", "backslashreplace")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, data, sync=True)
        self._content, self._passed_over = data, None

    def holds_more(self) -> bool:
        """Return whether there is a file now that differs from what was read, written or passed over here."""
        if self.path is None:
            return False
        try:
            content = self.path.read_bytes()
        except OSError:
            return False
        return content not in (self._content, self._passed_over)

    def pass_over(self) -> None:
        """Say no more of what the file holds now, until it is written over."""
        assert self.path is not None
        with contextlib.suppress(OSError):
            self._passed_over = self.path.read_bytes()

    def has_changed(self) -> bool:
        """Return whether somebody else has written the file since it was read, written or passed over here."""
        if self.path is None:
            return False
        if self._content is None:  # it could not be read, so what is there would be lost unseen
            return os.path.lexists(self.path)
        try:
            return self.path.read_bytes() not in (self._content, self._passed_over)
        except FileNotFoundError:
            return False
        except OSError:
            return True
