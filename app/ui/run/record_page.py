"""The page of a run of another program, while it goes on and ever after: what has nothing to show is absent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QAction, QHideEvent, QIcon, QKeySequence, QShowEvent
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from app.records.library import open_source
from app.records.sources.base import Medium, RecordUpdate, RunAddress
from app.ui import formats
from app.ui.background import run_in_background
from app.ui.icons import icon, state_icon
from app.ui.pages import Page
from app.ui.run.banners import Banners
from app.ui.run.log import LogView
from app.ui.run.media_view import MediaView, artifacts_in
from app.ui.run.overview import Summary
from app.ui.run.record_cards import record_cards
from app.ui.run.record_header import PROGRAMS, RecordHeader
from app.ui.run.record_model import RecordModel
from app.ui.run.slot import Slot
from app.ui.run.values_view import ValuesView
from app.ui.session import Session

if TYPE_CHECKING:
    from app.ui.charts.metric_charts import MetricCharts

#: Numbers and words change at most four times a second; a run that goes on grows older once a second (ms).
_TELL_EVERY, _AGE_EVERY = 250, 1000
OVERVIEW, METRICS, LOG, PARAMS, FILES = range(5)


class RecordPage(Page):
    """One run of any source, followed where it lies; nothing is ever written there.

    Args:
        session: the open workspace.
        address: the run.
        parent: the owner.
    """

    def __init__(self, session: Session, address: RunAddress, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Charts are what takes long to import: only who opens a run pays for it.
        from app.ui.charts.metric_charts import MetricCharts

        self._session, self._address = session, address
        self._root = _root_of(session, address)
        self.setProperty("kind", "content")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = RecordModel()
        self._was_told = False
        self.header = RecordHeader(session, address, self.model)
        self._banners = Banners()
        self.charts: MetricCharts = MetricCharts(counts="step")
        self.charts.failed.connect(lambda text: session.notice.emit("error", text))
        self.charts.set_running(True)
        self.charts.say_waiting(self.tr("Reading the run"))
        self.summary = Summary(self.model, "step")
        self._overview_charts, self._metrics, self._log = Slot(), Slot(), Slot()
        self.summary.take_charts(self._overview_charts)
        self.log: LogView | None = None
        self.values = ValuesView()
        self.media = MediaView()
        self.tabs = QTabWidget()
        self.tabs.setProperty("kind", "page")
        self.tabs.setDocumentMode(True)
        for widget, text in (
            (self.summary, self.tr("Overview")),
            (self._metrics, self.tr("Metrics")),
            (self._log, self.tr("Log")),
            (self.values, self.tr("Params")),
            (self.media, self.tr("Files")),
        ):
            self.tabs.addTab(widget, text)
        self.tabs.tabBar().setAccessibleName(self.tr("Parts of the run"))
        self.tabs.currentChanged.connect(lambda _: self._place_charts())
        for tab in (METRICS, LOG, PARAMS, FILES):
            self.tabs.setTabVisible(tab, False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self._banners)
        column.addWidget(self.tabs, 1)
        self.setFocusProxy(self.tabs)
        self._make_actions()
        self._place_charts()
        self._telling = QTimer(self, interval=_TELL_EVERY, singleShot=True)
        self._telling.timeout.connect(self._show_news)
        self._ageing = QTimer(self, interval=_AGE_EVERY)
        self._ageing.timeout.connect(self.header.refresh)
        self._feed: QObject | None = None
        if self._root is None:
            self._take(RecordUpdate(is_gone=True))
            return
        feed = session.follow_record(address, self)
        feed.updated.connect(self._take)
        self._feed = feed

    def _make_actions(self) -> None:
        rows = (
            (self.tr("&Find"), "Ctrl+F", "search", self._find),
            (self.tr("&Open folder"), "", "folder-open", self.header.open_folder),
        )
        for text, keys, icon_name, clicked in rows:
            action = QAction(icon(icon_name), text, self)
            action.setProperty("menu", "run")
            if keys:
                action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _checked=False, clicked=clicked: clicked())
            self.addAction(action)

    # What the run tells

    def _take(self, update: RecordUpdate) -> None:
        model = self.model
        was_running, first = model.is_running, not self._was_told
        self._was_told = True
        model.take(update)
        if update.starts_over:
            self.charts.clear()
        self.charts.add_points(update.points)
        if first or model.is_running != was_running:
            self.charts.set_running(model.is_running)
            if self.log is not None:
                self.log.set_growing(model.is_running)
            self._age()
        if update.record is not None:
            self._show_record()
        if first or update.is_gone or update.record is not None:
            self._show_news()
        elif not self._telling.isActive():
            self._telling.start()

    def _show_record(self) -> None:
        """Show what the source says of the run, its points aside."""
        record = self.model.record
        if record is None:
            return
        self.summary.show_cards(record_cards(record, str(self._root), lambda: self.tabs.setCurrentIndex(PARAMS)))
        self.values.show_values(record.params, record.tags)
        self._name_tab(PARAMS, self.tr("Params"), len(record.params) + len(record.tags))
        if record.log is not None and self.log is None:
            self.log = LogView(record.log)
            self.log.set_growing(self.model.is_running)
            self._log.put(self.log)
            self.tabs.setTabVisible(LOG, True)
        self._list_artifacts()

    def _list_artifacts(self) -> None:
        """Look what files lie among the artifacts, in the background."""
        record = self.model.record
        folder = record.artifacts if record is not None else None
        if folder is not None:
            # Of an archive, which is a file, the source tells what is in it.
            run_in_background(self, lambda _: artifacts_in(folder), self._show_artifacts)

    def _show_artifacts(self, artifacts: list[Medium]) -> None:
        self.media.show_artifacts(artifacts)
        self._name_tab(FILES, self.tr("Files"), self.media.rows.rowCount())

    def _show_news(self) -> None:
        """Bring words and numbers up to date."""
        model = self.model
        self.header.refresh()
        self.summary.metrics.refresh()
        self._name_tab(METRICS, self.tr("Metrics"), len(model.metrics))
        self.media.show_media(model.media)
        self._name_tab(FILES, self.tr("Files"), self.media.rows.rowCount())
        self._show_banners()
        self.changed.emit()

    def _name_tab(self, tab: int, name: str, count: int) -> None:
        self.tabs.setTabText(tab, f"{name} {formats.count(count)}")
        # To hide what is hidden makes Qt forget that the tabs are to be laid out anew.
        if self.tabs.isTabVisible(tab) != (count > 0):
            self.tabs.setTabVisible(tab, count > 0)

    def _show_banners(self) -> None:
        model, record = self.model, self.model.record
        gone = ""
        if model.is_gone:
            read = self.tr("This run is not there any more; what was read stays here.")
            gone = read if record is not None else self.tr("This run is not there any more.")
        deleted = problems = ""
        if record is not None and not model.is_gone:
            if record.deleted:
                deleted = self.tr("This run was deleted in {0}; its record is still there.").format(
                    PROGRAMS[record.source]
                )
            if record.problems:
                more = len(record.problems) - 1
                problems = record.problems[0] + (self.tr(" (and {0} more below)").format(more) if more else "")
        self._banners.say("gone", "warning", gone)
        self._banners.say("problem", "error", model.problem, self.tr("Open folder"), self.header.open_folder)
        self._banners.say("deleted", "info", deleted)
        self._banners.say("problems", "warning", problems, self.tr("Open folder"), self.header.open_folder)

    def banner_texts(self) -> list[str]:
        """Return what the banners say now."""
        return self._banners.texts()

    # What is shown

    def _place_charts(self) -> None:
        """Move the charts to the tab that is looked at: there is one of each, with one zoom."""
        match self.tabs.currentIndex():
            case 0:
                self._overview_charts.put(self.charts)
            case 1:
                self._metrics.put(self.charts)
            case 4:
                self._list_artifacts()

    def _find(self) -> None:
        """Search the log where that is looked at, else the params."""
        if self.tabs.currentIndex() == LOG and self.log is not None:
            self.log.begin_search()
        elif self.tabs.isTabVisible(PARAMS):
            self.tabs.setCurrentIndex(PARAMS)
            self.values.query.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _age(self) -> None:
        if self.model.is_running and self.isVisible():
            self._ageing.start()
        else:
            self._ageing.stop()

    def showEvent(self, event: QShowEvent) -> None:
        """Count the time on."""
        super().showEvent(event)
        self._age()

    def hideEvent(self, event: QHideEvent) -> None:
        """Do no work while nobody looks."""
        super().hideEvent(event)
        self._ageing.stop()

    # Page

    @property
    def key(self) -> str:
        """One page a run."""
        return record_key(self._address)

    @property
    def title(self) -> str:
        """What the run is called."""
        record = self.model.record
        return record.name if record is not None else self._address.key.rpartition("/")[2]

    @property
    def icon(self) -> QIcon:
        """The sign of its state."""
        return state_icon(self.model.state)

    @property
    def status(self) -> tuple[str, ...]:
        """How far it is, or how it ended, and where it lies."""
        model, record = self.model, self.model.record
        if record is None:
            return ()
        step = "" if model.last_step is None else self.tr(", step {0}").format(formats.count(model.last_step))
        points = self.tr("Metrics: {0}").format(formats.plural(model.points, "point")) if model.points else ""
        return tuple(filter(None, (f"{model.state.capitalize()}{step}", points, self._place(record.path))))

    @property
    def status_icon(self) -> QIcon | None:
        """The sign of its state."""
        return self.icon if self.model.record is not None else None

    @property
    def address(self) -> dict[str, Any] | None:
        """The run's address."""
        return {"kind": "record", "source": self._address.source, "key": self._address.key}

    def leave(self) -> None:
        """Follow it no longer."""
        if self._feed is not None:
            self._feed.deleteLater()

    def view_state(self) -> dict[str, Any]:
        """Return the choices of the charts."""
        return {"charts": self.charts.view_state()}

    def restore_view(self, state: dict[str, Any]) -> None:
        """Look as another run's page did."""
        match state.get("charts"):
            case dict() as charts:
                self.charts.restore_view(charts)

    def _place(self, path: Path) -> str:
        root = self._session.workspace.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def record_key(address: RunAddress) -> str:
    """Return the key of a run's page."""
    return f"record:{address.source}\n{address.key}"


def _root_of(session: Session, address: RunAddress) -> Path | None:
    """Return where the source of a run lies, None for one that cannot be."""
    try:
        return open_source(address.source, session.workspace).root
    except KeyError:
        return None
