"""What the tables of a run's page have in common: rows of one height in the theme's tokens, no grid."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel
from PySide6.QtWidgets import QAbstractItemView, QTableView

from app.ui.theme import height
from app.ui.tokens import HEADER, ROW


class CellTable(QTableView):
    """A table of whole rows; ``name`` is what a screen reader calls it."""

    def __init__(self, rows: QAbstractItemModel, name: str) -> None:
        super().__init__()
        self.setModel(rows)
        self.setProperty("kind", "cells")
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setAccessibleName(name)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(height(ROW))
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setFixedHeight(height(HEADER))
