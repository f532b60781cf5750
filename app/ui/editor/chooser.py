"""A list of components to choose one from, narrowed down by typing."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, QSortFilterProxyModel, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QLineEdit, QListView, QVBoxLayout, QWidget

from app.config.catalog import load_catalog
from app.ui.controls import label
from app.ui.editor.components import id_model
from app.ui.icons import icon
from app.ui.theme import code_font


class Chooser(QFrame):
    """A popup with a search field above the ids of a kind, and what the current one is below."""

    def __init__(self, parent: QWidget, kind: str, chosen: Callable[[str], object]) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("kind", "panel")
        self._kind, self._chosen = kind, chosen
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search"))
        self.search.setAccessibleName(self.tr("Search a {0}").format(kind))
        self.search.addAction(icon("search", "text3"), QLineEdit.ActionPosition.LeadingPosition)
        self._found = QSortFilterProxyModel(self)
        self._found.setSourceModel(id_model(kind))
        self._found.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.list = QListView()
        self.list.setModel(self._found)
        self.list.setFont(code_font())
        self.list.setUniformItemSizes(True)
        self.list.setSpacing(2)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setAccessibleName(self.tr("What can be added"))
        self._about: QLabel = label("", "secondary")
        self._about.setWordWrap(True)
        self._about.setMinimumHeight(34)
        self._about.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        for widget in (self.search, self.list, self._about):
            column.addWidget(widget)
        self.search.textChanged.connect(self._narrow)
        self.search.installEventFilter(self)
        self.list.clicked.connect(self._take)
        self.list.selectionModel().currentChanged.connect(self._tell)
        self.resize(320, 340)
        self._narrow("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrows and Return work the list while the search field has the keyboard."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take(self.list.currentIndex())
                return True
            if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
                self.list.keyPressEvent(event)
                return True
        return super().eventFilter(watched, event)

    def _narrow(self, text: str) -> None:
        self._found.setFilterFixedString(text.strip().replace(" ", "_"))
        self.list.setCurrentIndex(self._found.index(0, 0))

    def _tell(self, index: QModelIndex) -> None:
        component = load_catalog().get(self._kind, str(index.data())) if index.isValid() else None
        self._about.setText(component.doc if component else self.tr("Nothing is called so."))

    def _take(self, index: QModelIndex) -> None:
        if index.isValid():
            id = str(index.data())
            self.close()
            self._chosen(id)


def choose(below: QWidget, kind: str, chosen: Callable[[str], object]) -> Chooser:
    """Show the popup below a widget; ``chosen`` is called with an id unless the user turns away."""
    popup = Chooser(below, kind, chosen)
    place = below.mapToGlobal(QPoint(0, below.height() + 2))
    screen = below.screen().availableGeometry()
    if place.y() + popup.height() > screen.bottom():
        place = below.mapToGlobal(QPoint(0, -popup.height() - 2))
    popup.move(place)
    popup.show()
    popup.search.setFocus()
    return popup
