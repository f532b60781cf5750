"""What a config for the data will have, and why: read before it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.ui.controls import label

_MOST_LEFT_OUT = 12


class Plan(QScrollArea):
    """A column of choices, each with its reason."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(self.tr("What the config will have"))
        self.show_reasons((), {})

    def show_reasons(self, reasons: Sequence[tuple[str, str, str]], left_out: Mapping[str, str]) -> None:
        """Show what was chosen, with the reasons, and the columns that are left out."""
        body = QWidget()
        body.setProperty("kind", "content")
        column = QVBoxLayout(body)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(2)
        if reasons:
            column.addWidget(label(self.tr("What the config will have"), "section"))
            column.addSpacing(8)
        for what, chosen, why in reasons:
            self._add(column, what, chosen, why)
        if left_out:
            names = list(left_out.items())
            more = [("", f"and {len(names) - _MOST_LEFT_OUT} more")] if len(names) > _MOST_LEFT_OUT else []
            told = [f"{name}: {why}" if name else why for name, why in [*names[:_MOST_LEFT_OUT], *more]]
            self._add(column, self.tr("Left out"), "", "\n".join(told))
        column.addStretch(1)
        self.setWidget(body)

    def _add(self, column: QVBoxLayout, what: str, chosen: str, why: str) -> None:
        column.addWidget(label(what, "caption"))
        for text, role in ((chosen, ""), (why, "secondary")):
            if text:
                line = label(text, role, selectable=True)
                line.setWordWrap(True)
                line.setFocusPolicy(Qt.FocusPolicy.NoFocus)
                column.addWidget(line)
        column.addSpacing(10)
