"""The fields of the form: what is typed becomes a value, what is not there is shown by its default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QSignalBlocker, QSize, QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QComboBox, QCompleter, QLineEdit, QMenu

from app.ui.dialogs import ask_for_file, ask_for_folder
from app.ui.editor.values import ABSENT, parse, same, show
from app.ui.icons import icon

#: Widths in px: of a number, of an id, of a parameter's choice, the least and the most of a text.
NUMBER, CHOICE, OPTION, TEXT, WIDEST = 72, 140, 96, 110, 420
#: Of an id of the kinds whose ids are long, and whose rows have room for them.
LONG_CHOICE, MIDDLE_CHOICE = 276, 178
#: Of a number that can be a component instead.
WITH_CHOICE = 96


class TextField(QLineEdit):
    """A value as text; ``type_`` is one of :mod:`app.config.types`."""

    #: The value that was typed, ``ABSENT`` for nothing.
    edited = Signal(object)
    #: Typing is over.
    left = Signal()

    def __init__(self, type_: str, default: Any = None, *, secret: bool = False, fills: bool = False) -> None:
        super().__init__()
        self._type, self._fills = type_, fills
        self.setProperty("code", "true")
        self.setPlaceholderText("" if default is None else show(default, type_))
        if secret:
            self.setEchoMode(QLineEdit.EchoMode.Password)
        if is_number(type_):
            self.setFixedWidth(NUMBER)
        else:
            self.setMaximumWidth(WIDEST)
        self.textEdited.connect(lambda text: self.edited.emit(parse(text, type_)))
        self.editingFinished.connect(self.left)

    def sizeHint(self) -> QSize:
        """Return the size that the text needs, or all there is for a field that fills its row."""
        hint = super().sizeHint()
        needed = self.fontMetrics().horizontalAdvance(self.text() or self.placeholderText()) + 28
        return QSize(WIDEST if self._fills else max(TEXT, min(WIDEST, needed)), hint.height())

    def show_value(self, value: Any) -> None:
        """Show a value, unless what is typed means it already."""
        if not same(parse(self.text(), self._type), value):
            self.setText(show(value, self._type))
            self.setCursorPosition(0)
            self.updateGeometry()


class PathField(TextField):
    """A path, typed or chosen."""

    def __init__(self, type_: str, default: Any = None) -> None:
        super().__init__(type_, default, fills=True)
        choose = self.addAction(icon("folder-open", "text3"), QLineEdit.ActionPosition.TrailingPosition)
        choose.setToolTip(self.tr("Choose a file or a folder"))
        choose.triggered.connect(self._show_menu)

    def take(self, path: Path) -> None:
        """Be another path."""
        self.edited.emit(str(path))
        self.left.emit()

    def _show_menu(self) -> None:
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        start = Path(self.text()).expanduser().parent if self.text() else Path.home()
        menu.addAction(self.tr("A file…"), lambda: ask_for_file(self, self.tr("Choose a file"), start, self.take))
        menu.addAction(self.tr("A folder…"), lambda: ask_for_folder(self, self.tr("Choose a folder"), start, self.take))
        menu.popup(self.mapToGlobal(QPoint(self.width() - menu.sizeHint().width(), self.height())))


class ChoiceField(QComboBox):
    """One of some names: chosen from the list, or typed; anything else can be typed too, and the check will say so."""

    edited = Signal(object)
    left = Signal()

    def __init__(self, names: QStringListModel, type_: str, default: Any = None, width: int = CHOICE) -> None:
        super().__init__()
        self._type, self._names, self._width = type_, names, width
        self._is_marked = False
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        # Qt would measure every name of every box else.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setModel(names)
        self.setCompleter(None)  # type: ignore[arg-type]
        self.setCurrentIndex(-1)
        self.setProperty("code", "true")
        self.setMaximumWidth(width)
        self._line.setPlaceholderText("" if default is None else show(default, type_))
        self._line.textEdited.connect(self._on_text)
        self._line.editingFinished.connect(self.left)
        self.activated.connect(lambda _index: self._on_chosen())

    @property
    def _line(self) -> QLineEdit:
        found = self.lineEdit()
        assert found is not None
        return found

    def suggest(self, text: str) -> None:
        """Say in a muted colour what holds while nothing is chosen."""
        self._line.setPlaceholderText(text)

    def show_value(self, value: Any) -> None:
        """Show a value, unless what is typed means it already."""
        if not same(parse(self._line.text(), self._type), value):
            self.setCurrentIndex(self.findText(value) if isinstance(value, str) else -1)
            self._line.setText(show(value, self._type))
            self._line.setCursorPosition(0)

    def sizeHint(self) -> QSize:
        """Return its width."""
        return QSize(self._width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Return the width of some letters."""
        return QSize(OPTION, super().minimumSizeHint().height())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Complete what is typed, in the middle of a name too."""
        if self.completer() is None:
            completer = QCompleter(self._names, self)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.activated.connect(lambda _text: self._on_chosen())
            self.setCompleter(completer)
            # Its list is shown after this signal.
            self._line.textEdited.connect(lambda _text: QTimer.singleShot(0, self, self._mark_nearest))
            if (popup := completer.popup()) is not None:
                popup.installEventFilter(self)
        super().focusInEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the first arrow key in the list of completions begin at the one that is marked."""
        if self._is_marked and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            popup = self._popup
            if popup is not None and event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                row = popup.currentIndex().row() - 1 if event.key() == Qt.Key.Key_Down else -1
                self._mark(popup, row)
            self._is_marked = False
        return super().eventFilter(watched, event)

    @property
    def _popup(self) -> QAbstractItemView | None:
        completer = self.completer()
        return completer.popup() if completer is not None else None

    def _mark_nearest(self) -> None:
        """Mark the completion that Return takes: the name that is typed, else the first that begins so.

        One that has what is typed somewhere within is not meant for sure: ``normal`` is an id of its own, although only
        ``glorot_normal`` is in the list.
        """
        popup = self._popup
        if popup is None or not popup.isVisible():
            return
        model, typed = popup.model(), self._line.text().lower()
        names = [str(model.index(row, 0).data()).lower() for row in range(model.rowCount())]
        ranks = [(name != typed, row) for row, name in enumerate(names) if name.startswith(typed)]
        self._mark(popup, min(ranks)[1] if ranks else -1)
        self._is_marked = bool(ranks)

    def _mark(self, popup: QAbstractItemView, row: int) -> None:
        """Mark a row, none for -1, without putting it into the field, as Qt does for the arrow keys."""
        with QSignalBlocker(popup.selectionModel()):
            popup.setCurrentIndex(popup.model().index(row, 0))
        popup.viewport().update()

    def showPopup(self) -> None:
        """Show the list, wide enough for its names."""
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + 24)
        super().showPopup()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the form."""
        event.ignore()

    def _on_text(self, text: str) -> None:
        self.edited.emit(parse(text, self._type))

    def _on_chosen(self) -> None:
        self._on_text(self._line.text())
        self.left.emit()


class CheckField(QCheckBox):
    """True or false; what is as by default is not written."""

    edited = Signal(object)
    left = Signal()

    def __init__(self, default: Any, text: str = "") -> None:
        super().__init__(text)
        self._default = default
        self.clicked.connect(self._on_clicked)

    def show_value(self, value: Any) -> None:
        """Show a value; what is neither true nor false shows as partly checked."""
        value = self._default if value is ABSENT else value
        known = isinstance(value, bool)
        state = Qt.CheckState.Checked if value is True else Qt.CheckState.Unchecked
        self.setCheckState(state if known else Qt.CheckState.PartiallyChecked)

    def _on_clicked(self) -> None:
        self.setTristate(False)
        value = self.isChecked()
        self.edited.emit(ABSENT if value is self._default else value)
        self.left.emit()


Field = TextField | ChoiceField | CheckField


def is_number(type_: str) -> bool:
    """Return whether a type is one number, or one number and null."""
    return set(type_.split("|")) <= {"int", "float", "null"}
