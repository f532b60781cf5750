"""What the editor begins with: an empty experiment, or a document of an older form that is brought up to date."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from app.config.conversion import Conversion, convert
from app.config.resolve import with_absolute_paths
from app.ui.controls import label
from app.ui.editor import json_text
from app.ui.editor.document import ConfigDocument
from app.ui.formats import plural

#: What an empty experiment begins with.
TEMPLATE: dict[str, Any] = {
    "experiment": {"name": "Boston Housing"},
    "model": {
        "network": [{"type": "dense", "units": 64, "activation": "relu"}, {"type": "dense", "units": 1}],
        "compilation": {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
    },
    "dataset": {"name": "boston_housing", "transformers": [{"type": "standard_scaler"}]},
    "training": {"samples": {"fit": 0.6, "val": 0.2, "test": 0.2}, "batch_size": 32, "epochs": 25},
    "tracking": {"trackers": [{"type": "tensorboard"}, {"type": "mlflow"}]},
}

#: How many losses a banner tells; the rest is in the dialog.
_TOLD = 3


def convert_document(document: ConfigDocument, path: Path | None) -> Conversion | None:
    """Bring a document of an older form up to date, as an edit that can be undone; None if it is of today's.

    Paths become absolute: they were relative to the file, and the document will be saved elsewhere.
    """
    conversion = convert(document.value) if document.state.problem is None else None
    if conversion is None or not conversion.era:
        return None
    made = with_absolute_paths(conversion.document, path.parent) if path else conversion.document
    document.write(json_text.render(made) + "\n")
    return conversion


def banner_of(conversion: Conversion, parent: QWidget) -> tuple[str, str, tuple[str, Callable[[], object]]]:
    """Return kind, text and action of the banner that tells of a conversion."""
    action = ("Show all", partial(show_conversion, parent, conversion))
    return "warning" if conversion.lost else "info", in_words(conversion), action


def in_words(conversion: Conversion) -> str:
    """Return what was done to a document, in a few sentences."""
    changes = plural(len(conversion.changes), "change")
    said = f"This was an older form (era {conversion.era}), brought up to date with {changes}; the file is as it was."
    if not conversion.lost:
        return said
    told = [f"{change.before}: {change.why}." for change in conversion.lost[:_TOLD]]
    more = len(conversion.lost) - len(told)
    return " ".join([said, "Not carried over:", *told, *([f"And {more} more."] if more else [])])


def show_conversion(parent: QWidget, conversion: Conversion) -> QDialog:
    """Show everything that was done to a document, what could not be carried over first."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle("What was changed")
    dialog.resize(900, 480)
    table = QTreeWidget()
    table.setRootIsDecorated(False)
    table.setUniformRowHeights(True)
    table.setHeaderLabels(["It was", "It is now", "Why"])
    table.setAccessibleName("What was changed")
    for change in conversion.lost:
        stands = f"not carried over, but still there: {change.after}" if change.after else "not carried over"
        table.addTopLevelItem(QTreeWidgetItem([change.before, stands, change.why]))
    for change in conversion.changes:
        table.addTopLevelItem(QTreeWidgetItem([change.before or "new", change.after or "gone", change.why]))
    for index in range(table.columnCount()):
        table.resizeColumnToContents(index)
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    box.rejected.connect(dialog.reject)
    column = QVBoxLayout(dialog)
    column.addWidget(label(f"From the form of era {conversion.era} to that of today", "secondary"))
    column.addWidget(table)
    column.addWidget(box)
    dialog.open()
    return dialog
