"""What a run logged that is no number, and its artifacts: a list, and a look at what is an image or a text."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QUrl,
)
from PySide6.QtGui import QDesktopServices, QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.records.sources.base import Medium
from app.ui import formats
from app.ui.background import Work, run_in_background
from app.ui.controls import EmptyState, button, label
from app.ui.run.cell_table import CellTable
from app.ui.theme import code_font

Index = QModelIndex | QPersistentModelIndex
NAME, KIND, STEP, SIZE = range(4)
_MOST_ARTIFACTS = 10_000
#: So much of a medium is read to be looked at.
_MOST_IMAGE, _MOST_TEXT = 64 << 20, 256 << 10
_IMAGES = frozenset(["png", "jpg", "jpeg", "gif", "webp", "bmp", "svg"])
_TEXTS = frozenset(["txt", "md", "log", "json", "yaml", "yml", "csv", "tsv", "xml", "ini", "cfg", "toml"])
#: What the desktop has a viewer for, which runs nothing; of any other file its folder is opened.
_VIEWED = _IMAGES | _TEXTS | frozenset(["pdf", "wav", "mp3", "ogg", "flac", "mp4", "webm"])


class MediaView(QWidget):
    """A list on the left, what is chosen in it on the right."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = _Rows(self)
        self._media: tuple[Medium, ...] = ()
        self._artifacts: tuple[Medium, ...] = ()
        self._chosen: Medium | None = None
        self._work: Work[Any] | None = None
        self.table = _Table(self.rows)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._choose())
        self.table.doubleClicked.connect(lambda _: self.open_chosen())
        self._title = label("", "heading", selectable=True)
        self._title.setWordWrap(True)
        self._open = button(self.tr("Open"), self.open_chosen, icon_name="external-link")
        self.picture = _Picture()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(code_font())
        self.text.setAccessibleName(self.tr("Text"))
        self._nothing = EmptyState("")
        self._preview = QStackedWidget()
        for widget in (self._nothing, self.picture, self.text):
            self._preview.addWidget(widget)
        side = QFrame()
        side.setProperty("kind", "content")
        column = QVBoxLayout(side)
        column.setContentsMargins(12, 8, 12, 12)
        row = QHBoxLayout()
        row.addWidget(self._title, 1)
        row.addWidget(self._open)
        column.addLayout(row)
        column.addWidget(self._preview, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.table)
        splitter.addWidget(side)
        splitter.setSizes([600, 500])
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(splitter)
        self._choose()

    def show_media(self, media: Sequence[Medium]) -> None:
        """Show what was logged by now."""
        if tuple(media) != self._media:
            self._media = tuple(media)
            self._show()

    def show_artifacts(self, artifacts: Sequence[Medium]) -> None:
        """Show files beside what was logged."""
        if tuple(artifacts) != self._artifacts:
            self._artifacts = tuple(artifacts)
            self._show()

    def open_chosen(self) -> None:
        """Open the file with the desktop's viewer, or the folder that it is in."""
        chosen = self._chosen
        if chosen is not None and chosen.offset is None:
            path = chosen.path if _suffix(chosen.path) in _VIEWED else chosen.path.parent
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

    def _show(self) -> None:
        known = {medium.path for medium in self._media if medium.offset is None}
        chosen = self._chosen
        rows = [*self._media, *(each for each in self._artifacts if each.path not in known)]
        self.rows.show_media(rows)
        if chosen in rows:
            index = self.rows.index(rows.index(chosen), 0)
            flags = QItemSelectionModel.SelectionFlag
            self.table.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self._choose()

    def _choose(self) -> None:
        row = self.table.currentIndex().row()
        chosen = self.rows.media[row] if 0 <= row < len(self.rows.media) else None
        if chosen == self._chosen and chosen is not None:
            return
        self._chosen = chosen
        if self._work is not None:
            self._work.cancel()
        self._open.setVisible(chosen is not None and chosen.offset is None)
        self._title.setText("" if chosen is None else chosen.name)
        if chosen is None:
            self._say(self.tr("Choose an image, a text or a file to look at it."))
            return
        self._open.setText(self.tr("Open") if _suffix(chosen.path) in _VIEWED else self.tr("Open its folder"))
        self._say("")
        # Not in the window's thread: an image may be large, and lie on a slow disk.
        self._work = run_in_background(self, lambda _: _read(chosen), self._preview_found, failed=self._on_failed)

    def _preview_found(self, found: QImage | str | None) -> None:
        if isinstance(found, QImage):
            self.picture.show_image(found)
            self._preview.setCurrentWidget(self.picture)
        elif found is not None:
            self.text.setPlainText(found)
            self._preview.setCurrentWidget(self.text)
        else:
            self._say(self.tr("There is no preview of this."))

    def _on_failed(self, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        self._say(self.tr("This cannot be read: {0}").format(reason))

    def _say(self, text: str) -> None:
        self._nothing.say(text)
        self._preview.setCurrentWidget(self._nothing)


class _Picture(QLabel):
    """An image, made smaller where there is no room; small ones stay as sharp as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMinimumSize(40, 40)
        self.image = QImage()

    def show_image(self, image: QImage) -> None:
        """Show another one."""
        self.image = image
        self.setAccessibleName(f"Image, {image.width()} x {image.height()}")
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Use the room."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self.image.isNull():
            return
        ratio = self.devicePixelRatioF()
        room = self.size() * ratio
        modes = Qt.TransformationMode
        is_small = self.image.width() <= room.width() and self.image.height() <= room.height()
        scaled = self.image.scaled(
            room,
            Qt.AspectRatioMode.KeepAspectRatio,
            modes.FastTransformation if is_small else modes.SmoothTransformation,
        )
        pixmap = QPixmap.fromImage(scaled)
        pixmap.setDevicePixelRatio(ratio)
        self.setPixmap(pixmap)


class _Rows(QAbstractTableModel):
    """A row for each thing that was logged."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.media: list[Medium] = []

    def show_media(self, media: list[Medium]) -> None:
        self.beginResetModel()
        self.media = media
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.media)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 4

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.tr(("Name", "Kind", "Step", "Size")[section])
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        medium = self.media[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            match index.column():
                case 0:
                    return medium.name
                case 1:
                    return medium.kind
                case 2:
                    return "" if medium.step is None else formats.count(medium.step)
                case 3:
                    return "" if medium.size is None else formats.size(medium.size)
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == NAME:
            return medium.name
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(index.column())
        return None


class _Table(CellTable):
    def __init__(self, rows: _Rows) -> None:
        super().__init__(rows, self.tr("Files"))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.horizontalHeader()
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column in (KIND, STEP, SIZE):
            header.resizeSection(column, 88)


def artifacts_in(folder: Path) -> list[Medium]:
    """Return the files below a folder, at most 10,000; no link is followed. May take long."""
    found = []
    for path in _files(folder):
        suffix = _suffix(path)
        kind = "image" if suffix in _IMAGES else "text" if suffix in _TEXTS else "file"
        try:
            size = os.lstat(path).st_size
        except OSError:
            continue
        found.append(Medium(kind, path.relative_to(folder).as_posix(), None, None, path, None, size))
        if len(found) == _MOST_ARTIFACTS:
            break
    return found


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _read(medium: Medium) -> QImage | str | None:
    """Return what can be looked at of a medium.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no image that can be shown.
    """
    is_whole = medium.offset is None
    is_image = medium.kind == "image" or (is_whole and _suffix(medium.path) in _IMAGES)
    is_text = medium.kind == "text" or (is_whole and _suffix(medium.path) in _TEXTS)
    if not (is_image or is_text):
        return None
    most = _MOST_IMAGE if is_image else _MOST_TEXT
    with open(medium.path, "rb") as file:
        file.seek(medium.offset or 0)
        data = file.read(most if is_whole or medium.size is None else min(most, medium.size))
    if not is_image:
        return data.decode("utf-8", "replace")
    image = QImage.fromData(data)
    if image.isNull():
        raise ValueError("it is no image that can be shown here")
    return image


def _suffix(path: Path) -> str:
    return path.suffix.removeprefix(".").lower()


def _side(column: int) -> int:
    side = Qt.AlignmentFlag.AlignRight if column in (STEP, SIZE) else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
