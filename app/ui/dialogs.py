"""Questions of the window. None of them blocks: the answer comes by a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.ui import formats

if TYPE_CHECKING:
    from app.config.own_code import OwnUse


def ask_for_folder(parent: QWidget, title: str, start: Path, chosen: Callable[[Path], object]) -> None:
    """Ask for a folder, which may be made in the dialog."""
    dialog = QFileDialog(parent, title, str(start))
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    _open(dialog, chosen)


def ask_for_file(parent: QWidget, title: str, start: Path, chosen: Callable[[Path], object]) -> None:
    """Ask for any file."""
    dialog = QFileDialog(parent, title, str(start))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    _open(dialog, chosen)


def ask_for_config(parent: QWidget, start: Path, chosen: Callable[[Path], object]) -> None:
    """Ask for a config file."""
    dialog = QFileDialog(parent, "Open a config", str(start), "Configs (*.json);;All files (*)")
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    _open(dialog, chosen)


def ask_for_data(parent: QWidget, start: Path, chosen: Callable[[Path], object]) -> None:
    """Ask for a file of data."""
    from app.config.survey import ARRAYS, COMPRESSED, HDF5S, PARQUETS, TABLES

    endings = [*TABLES, *(f".csv{ending}" for ending in COMPRESSED), *PARQUETS, *ARRAYS, *HDF5S]
    known = " ".join(f"*{ending}" for ending in endings)
    dialog = QFileDialog(parent, "New config from data", str(start), f"Data ({known});;All files (*)")
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    _open(dialog, chosen)


def ask_about_runs(parent: QWidget, active: int, close: Callable[[], object], stop: Callable[[], object]) -> None:
    """Say that runs go on without the window; ``close`` or ``stop`` is called unless the user stays."""
    box = QMessageBox(parent)
    box.setWindowTitle("Close the window")
    box.setText(f"{formats.plural(active, 'run')} will go on in the background.")
    box.setInformativeText(
        "A run needs no window: its record is complete either way, and the next window shows it as if it had never "
        "been away. This is said only once."
    )
    keep = box.addButton("Close the window", QMessageBox.ButtonRole.AcceptRole)
    end = box.addButton("Stop all and close", QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(keep)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def answered() -> None:
        if box.clickedButton() is keep:
            close()
        elif box.clickedButton() is end:
            stop()

    box.finished.connect(lambda _: answered())
    box.open()


def ask_for_trust(parent: QWidget, root: Path, uses: Sequence[OwnUse], run: Callable[[], object]) -> None:
    """Ask whether a workspace may run the code of its own that a config names; ``run`` is called if it may."""
    lines = {f"{use.id} ({_place(use, root)}), a {use.kind}" for use in uses}
    box = QMessageBox(parent)
    box.setWindowTitle("Code of your own")
    box.setText("This config runs code that is not Trackside's:\n\n" + "\n".join(sorted(lines)))
    box.setInformativeText(
        f"Such code can do whatever you can. Trust {root} only if you know what is in it: without being asked again, "
        "its runs may then use installed modules and what is in components/, now or later. trackside trust --remove "
        "takes that back."
    )
    trusts = box.addButton("Trust and run", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.finished.connect(lambda _: run() if box.clickedButton() is trusts else None)
    box.open()


def _place(use: OwnUse, root: Path) -> str:
    from app.config.own_code import INTERPRETER, source_file

    if use.kind == INTERPRETER:
        return "the program that is started to train"
    file = source_file(use.id, root)
    return str(file.relative_to(root)) if file else "an installed module"


def _open(dialog: QFileDialog, chosen: Callable[[Path], object]) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda name: chosen(Path(name)))
    dialog.open()
