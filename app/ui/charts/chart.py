"""One panel: a header with the last values, and the plot below it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy.typing as npt
from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QContextMenuEvent, QGuiApplication, QKeySequence, QPixmap
from PySide6.QtWidgets import QFileDialog, QFrame, QMenu, QVBoxLayout, QWidget

from app.ui import formats
from app.ui.background import run_in_background
from app.ui.charts.canvas import Canvas
from app.ui.charts.curve import Curve, Kind
from app.ui.charts.drawing import Event
from app.ui.charts.header import Entry, Header
from app.ui.charts.scale import Unit
from app.ui.charts.table import Table, show_table
from app.ui.icons import icon

#: Text is read, not watched: it changes at most this often (ms).
_TEXT_MS = 250


class Chart(QFrame):
    """A chart of some curves over one x axis.

    ``cursor_moved`` tells the x of the user's cursor, NaN when it has left; ``expanded`` that the user wants this chart
    large, or no longer; ``x_axis_chosen`` which x axis the user wants; ``view_changed`` that the user has zoomed.
    """

    cursor_moved = Signal(float)
    expanded = Signal()
    x_axis_chosen = Signal(str)
    view_changed = Signal()
    failed = Signal(str)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.setProperty("kind", "panel")
        self._canvas = Canvas()
        self._canvas.setAccessibleName(title)
        self._header = Header(title)
        self._notes: dict[str, str] = {}
        self._x_axes: dict[str, str] = {}
        self._x_axis = ""
        self._is_live = False
        self._text_timer = QTimer(self, singleShot=True, interval=_TEXT_MS)
        self._text_timer.timeout.connect(self._refresh_text)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(self._header)
        column.addWidget(self._canvas, 1)
        self._canvas.cursor_moved.connect(self.cursor_moved)
        self._canvas.view_changed.connect(self._on_view_changed)
        self._canvas.menu_asked.connect(self._open_menu)
        self._header.menu_asked.connect(self._open_menu)
        self._header.expand_asked.connect(self.expanded)
        self._header.follow_asked.connect(self.reset_zoom)

    # Curves

    def set_curve(
        self,
        name: str,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        colour_index: int,
        kind: Kind = "line",
        visible: bool = True,
    ) -> Curve:
        """Add a curve, or give one other points and looks; return its handle."""
        curve = self._canvas.curves.get(name)
        if curve is None:
            curve = self._canvas.curves[name] = Curve(name, kind, colour_index, self.refresh)
        curve.kind, curve.colour_index, curve.is_visible = kind, colour_index, visible
        curve.set_data((x, y))
        return curve

    def curve(self, name: str) -> Curve:
        """Return the handle of a curve.

        Raises:
            KeyError: there is none of that name.
        """
        return self._canvas.curves[name]

    def order_curves(self, names: Iterable[str]) -> None:
        """Bring the curves into the order in which the legend names them."""
        curves = self._canvas.curves
        if list(names) != list(curves):
            self._canvas.curves = {name: curves[name] for name in names} | curves

    def curve_names(self) -> list[str]:
        """Return the names of its curves in the order of the legend."""
        return list(self._canvas.curves)

    def remove_curve(self, name: str) -> None:
        """Take a curve away; nothing where there is none of that name."""
        if self._canvas.curves.pop(name, None) is not None:
            self.refresh()

    def set_note(self, name: str, value: float) -> None:
        """Show a value in the legend that is no curve, such as that of a test."""
        self._notes[name] = formats.number(value)
        self.refresh()

    def remove_note(self, name: str) -> None:
        """Take a value out of the legend, if it is there."""
        if self._notes.pop(name, None) is not None:
            self.refresh()

    def add_event(self, x: float, text: str, *, quiet: bool = False) -> None:
        """Mark an x with a dotted line and a label; a quiet one is a mark on the axis that the legend explains."""
        self._canvas.events.append(Event(x, text, quiet))
        self.refresh()

    def clear_events(self) -> None:
        """Take all marks away."""
        self._canvas.events.clear()
        self.refresh()

    def set_progress(self, x_end: float | None) -> None:
        """Tell where the data of a run that goes on ends now: what is beyond is shaded. None when nothing will come."""
        self._is_live = x_end is not None
        self._canvas.progress = x_end
        self._text_timer.start()

    def refresh(self) -> None:
        """Draw anew, once for all that has changed; the text of the header four times a second."""
        self._canvas.refresh()
        if not self._text_timer.isActive():
            self._text_timer.start(0 if not self._header.legend.has_entries else _TEXT_MS)

    # View

    @property
    def follow(self) -> bool:
        """Whether everything is in view and stays so; False once the user has zoomed."""
        return self._canvas.is_following

    @follow.setter
    def follow(self, follow: bool) -> None:
        if follow:
            self.reset_zoom()

    @property
    def log(self) -> bool:
        """Whether the y axis is logarithmic."""
        return self._canvas.is_log

    @log.setter
    def log(self, log: bool) -> None:
        self._canvas.is_log = log
        self._refresh_text()

    def set_x_axis(self, name: str, unit: Unit = "number", describe: Callable[[float], str] | None = None) -> None:
        """Say what x counts.

        Args:
            name: such as ``step``, before the number in the read-out.
            unit: how the numbers are written.
            describe: returns an x in other words, such as ``epoch 6``, or "".
        """
        if (name, unit) != (self._canvas.x_name, self._canvas.unit):
            self._canvas.x_name, self._canvas.unit = name, unit
            self._canvas.reset()
        self._canvas.describe_x = describe or (lambda x: "")
        self._canvas.refresh()

    def offer_x_axes(self, axes: dict[str, str], chosen: str) -> None:
        """Offer x axes in the menu: by name what they are called."""
        self._x_axes, self._x_axis = axes, chosen

    def set_cursor(self, x: float) -> None:
        """Put the cursor at an x without its read-out, or take it away (NaN)."""
        self._canvas.set_cursor(x)

    def reset_zoom(self) -> None:
        """Bring everything into view and follow it."""
        self._canvas.reset()

    def set_expanded(self, expanded: bool) -> None:
        """Show by its button that it is large, or is not."""
        text = self.tr("Back to all charts") if expanded else self.tr("Expand")
        self._header.expand.setIcon(icon("minimize-2" if expanded else "maximize-2"))
        self._header.expand.setToolTip(text)
        self._header.expand.setAccessibleName(f"{text}, {self.title}")

    @property
    def readout(self) -> str:
        """The values at the cursor as text, "" without a cursor."""
        return self._canvas.readout

    def image(self) -> QPixmap:
        """Return it as a picture, without cursor and buttons."""
        self._canvas.set_cursor(math.nan)
        return self.grab()

    @property
    def first_stop(self) -> QWidget:
        """What Tab reaches first in it."""
        return self._header.follow

    @property
    def last_stop(self) -> QWidget:
        """What Tab reaches last in it: the plot."""
        return self._canvas

    @property
    def paint_seconds(self) -> float:
        """How long its last paint took."""
        return self._canvas.paint_seconds

    @property
    def paints(self) -> int:
        """How often it has been painted."""
        return self._canvas.paints

    # Menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Open the menu, also for the header."""
        self._open_menu(event.globalPos())

    def _open_menu(self, at: QPoint) -> None:
        self.menu().popup(at)

    def menu(self) -> QMenu:
        """Return the menu of the chart, which is deleted when it closes."""
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        log = menu.addAction(self.tr("Log axis"))
        log.setCheckable(True)
        log.setChecked(self.log)
        log.toggled.connect(self._set_log)
        if self._x_axes:
            axes = menu.addMenu(self.tr("X axis"))
            group = QActionGroup(axes)
            for name, text in self._x_axes.items():
                action = axes.addAction(text)
                action.setCheckable(True)
                action.setChecked(name == self._x_axis)
                action.triggered.connect(lambda _, name=name: self.x_axis_chosen.emit(name))
                group.addAction(action)
        menu.addSeparator()
        self._add(menu, self.tr("Copy image"), "copy", self._copy_image)
        self._add(menu, self.tr("Copy CSV"), "clipboard-copy", self._copy_csv)
        self._add(menu, self.tr("Export CSV…"), "save", self._export_csv)
        self._add(menu, self.tr("Show as table"), "table-2", self._show_table)
        menu.addSeparator()
        reset = self._add(menu, self.tr("Reset zoom"), "", self.reset_zoom)
        reset.setShortcut(QKeySequence("Home"))
        return menu

    def _add(self, menu: QMenu, text: str, icon_name: str, triggered: Callable[[], None]) -> QAction:
        action = menu.addAction(text)
        if icon_name:
            action.setIcon(icon(icon_name))
        action.triggered.connect(lambda *_: triggered())
        return action

    def _set_log(self, log: bool) -> None:
        self.log = log

    def _copy_image(self) -> None:
        QGuiApplication.clipboard().setPixmap(self.image())

    def _table(self) -> Callable[[object], Table]:
        """Return what makes the table of the points that there are now; it may run in a thread."""
        curves = {
            name: (curve.pyramid.x.copy(), curve.pyramid.y.copy())
            for name, curve in self._canvas.curves.items()
            if curve.is_visible
        }
        x_name = self._canvas.x_name
        return lambda work: Table.of(x_name, curves)

    def _copy_csv(self) -> None:
        table = self._table()
        run_in_background(self, lambda work: table(work).to_csv(), QGuiApplication.clipboard().setText)

    def _export_csv(self) -> None:
        dialog = QFileDialog(self, self.tr("Export CSV"), f"{self.title.replace('/', '_')}.csv", "CSV (*.csv)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("csv")
        dialog.fileSelected.connect(self.export_csv)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def export_csv(self, path: str) -> None:
        """Write the points of the visible curves to a file; ``failed`` tells why it could not be."""
        table = self._table()

        def write(work: object) -> None:
            Path(path).write_text(table(work).to_csv(), encoding="utf-8")

        run_in_background(self, write, failed=lambda error: self.failed.emit(f"{path}: {error}"))

    def _show_table(self) -> None:
        run_in_background(self, self._table(), lambda table: show_table(self.title, table, self.window()))

    # Text

    def _on_view_changed(self) -> None:
        self._refresh_text()
        self.view_changed.emit()

    def _refresh_text(self) -> None:
        curves = [curve for curve in self._canvas.curves.values() if curve.is_visible and len(curve.pyramid)]
        entries = [Entry(curve.name, formats.number(curve.last), curve) for curve in curves if curve.kind != "faint"]
        entries += [Entry(name, value) for name, value in self._notes.items()]
        notes = []
        if hidden := self._canvas.hidden_values():
            notes.append(self.tr("{} hidden").format(formats.plural(hidden, "value")))
        if bad := sum(len(set(curve.pyramid.not_finite.tolist())) for curve in curves):
            notes.append(self.tr("{} not finite").format(formats.plural(bad, "value")))
        notes += sorted({f"▲ {event.text}" for event in self._canvas.events if event.quiet})
        self._header.legend.show_entries(entries, "   ".join(notes))
        self._header.show_following(is_live=self._is_live, is_following=self.follow)
        values = ", ".join(f"{entry.name} {entry.value}" for entry in entries)
        plot = self._canvas.laid_out()
        ends = f"{self._canvas.x_name} {formats.number(plot.x.low)} to {formats.number(plot.x.high)}"
        self._canvas.setAccessibleDescription(f"{self.title}, {ends}; {values}")
