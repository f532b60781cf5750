"""The page of one run, while it goes on and ever after: what has nothing to show is absent."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QIcon, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QTabWidget, QVBoxLayout, QWidget

from app.records.layout import ExecutionFolder
from app.records.watch import RunUpdate
from app.ui import formats
from app.ui.background import run_in_background
from app.ui.controls import icon_button, label
from app.ui.icons import icon, state_icon
from app.ui.pages import Page
from app.ui.run.banners import Banners
from app.ui.run.config_view import ConfigView
from app.ui.run.facts import Facts, read_facts, read_mirrors
from app.ui.run.header import Header
from app.ui.run.log import LogView
from app.ui.run.model import RunModel
from app.ui.run.overview import Overview
from app.ui.run.progress import Progress
from app.ui.run.slot import Slot
from app.ui.session import Session

if TYPE_CHECKING:
    from app.ui.charts.metric_charts import MetricCharts

OVERVIEW, METRICS, LOG, CONFIG = range(4)


class RunPage(Page):
    """One run of a workspace, followed by its folder."""

    def __init__(self, session: Session, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Charts are what takes long to import: only who opens a run pays for it.
        from app.ui.charts.metric_charts import MetricCharts

        self._session, self._path = session, path
        folder = self._folder = ExecutionFolder(path)
        self.setProperty("kind", "content")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.model = RunModel()
        self._banners = Banners()
        self._problems: tuple[str, ...] = ()
        known = session.runs.get(path)
        self.header = Header(session, folder, known.experiment if known else folder.experiment, self.model)
        self.progress = Progress(self.model)
        self.charts: MetricCharts = MetricCharts()
        self.charts.failed.connect(lambda text: session.notice.emit("error", text))
        self.log = LogView(folder.log)
        self.overview = Overview(session, folder, self.model, self.header)
        self._metrics, self._log = Slot(), Slot()
        self.tabs = QTabWidget()
        self.tabs.setProperty("kind", "page")
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.overview, self.tr("Overview"))
        self.tabs.addTab(self._metrics, self.tr("Metrics"))
        self.tabs.addTab(self._log, self.tr("Log"))
        self.tabs.addTab(ConfigView(folder), self.tr("Config"))
        self.tabs.tabBar().setAccessibleName(self.tr("Parts of the run"))
        self.tabs.currentChanged.connect(lambda _: self._place_shared())
        self._previous = icon_button("chevron-up", self.tr("Previous run (Alt+Up)"), lambda: self._go(-1))
        self._next = icon_button("chevron-down", self.tr("Next run (Alt+Down)"), lambda: self._go(1))
        self._position = label("", "muted")
        self._lay_out()
        self.setFocusProxy(self.tabs)
        self._actions = self._make_actions()
        self._place_shared()
        self._show_position()
        session.runs_changed.connect(self._show_position)
        session.runs_changed.connect(self._show_banners)
        #: What the status line says now.
        self._told: tuple[str, ...] = ()
        self.progress.refreshed.connect(self._tell)
        if not os.path.isdir(path):
            self.model.is_gone = True
            self._show_banners()
        self._feed = session.follow(folder, self)
        self._feed.updated.connect(self._take)
        run_in_background(self, lambda _work: read_mirrors(folder), lambda found: self.header.set_mirrors(set(found)))

    def _lay_out(self) -> None:
        corner = QWidget()
        row = QHBoxLayout(corner)
        row.setContentsMargins(0, 0, 16, 0)
        row.setSpacing(2)
        row.addWidget(self._previous)
        row.addWidget(self._next)
        row.addSpacing(4)
        row.addWidget(self._position)
        self.tabs.setCornerWidget(corner, Qt.Corner.TopRightCorner)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self._banners)
        column.addWidget(self.progress)
        column.addWidget(self.tabs, 1)

    def _make_actions(self) -> dict[str, QAction]:
        header = self.header
        rows: list[tuple[str, str, str, str, Callable[[], object]]] = [
            ("stop", self.tr("&Stop…"), "Ctrl+.", "circle-stop", header.ask_to_stop),
            ("again", self.tr("&Run again"), "Ctrl+R", "rotate-cw", header.run_again),
            ("edit", self.tr("&Edit as new"), "Ctrl+E", "square-pen", header.edit_as_new),
            ("find", self.tr("&Find in log"), "Ctrl+F", "search", self._find_in_log),
            ("folder", self.tr("&Open folder"), "", "folder-open", header.open_folder),
            ("previous", self.tr("&Previous run"), "Alt+Up Ctrl+PgUp", "chevron-up", lambda: self._go(-1)),
            ("next", self.tr("&Next run"), "Alt+Down Ctrl+PgDown", "chevron-down", lambda: self._go(1)),
        ]
        found = {}
        for name, text, keys, icon_name, clicked in rows:
            action = QAction(icon(icon_name), text, self)
            action.setProperty("menu", "run")
            if keys:
                action.setShortcuts([QKeySequence(key) for key in keys.split()])
            action.triggered.connect(lambda _checked=False, clicked=clicked: clicked())
            self.addAction(action)
            found[name] = action
        return found

    # What the run tells

    def _waiting(self) -> str:
        """Say what stands between a run and its first curve."""
        match self.model.state:
            case "queued":
                return self.tr("This run waits for a free slot. It starts by itself once a run before it has ended.")
            case "starting":
                return self.tr("The worker is starting. Importing TensorFlow takes it some seconds.")
        return self.tr("Curves appear here with the first batch.")

    def _take(self, update: RunUpdate) -> None:
        was_over, first, old_state = self.model.is_over, self.model.status is None, self.model.state
        self.model.take(update)
        self.charts.add_points(update.points)
        self.charts.add_events(update.events)
        model = self.model
        if first or model.is_over != was_over:
            self.charts.set_running(not model.is_over)
            self.log.set_growing(not model.is_over)
            self.overview.set_over(is_over=model.is_over)
            self._place_shared()
            if model.is_over:
                self._read_facts()
        if (first or model.state != old_state) and not model.is_over:
            self.charts.say_waiting(self._waiting())
        self.header.refresh()
        self.progress.note_change()
        self.overview.note_change()
        self._show_banners()
        self.tabs.setTabText(
            METRICS, " ".join([self.tr("Metrics"), *([str(n)] if (n := len(model.shown_metrics())) else [])])
        )
        self._actions["stop"].setEnabled(not model.is_over and not model.is_gone)
        for name in ("again", "edit"):
            self._actions[name].setEnabled(not model.is_gone)
        if first or model.is_over != was_over or model.is_gone:
            self.changed.emit()

    def _tell(self) -> None:
        """Let the status line say what the head says, and no more often."""
        if (told := self.status) != self._told:
            self._told = told
            self.changed.emit()

    def _read_facts(self) -> None:
        def done(facts: Facts) -> None:
            self._problems = facts.problems
            self._show_banners()
            self.header.set_mirrors(set(facts.mirrors))
            self.overview.show_facts(facts)

        run_in_background(self, lambda _work: read_facts(self._folder), done)

    def _show_banners(self) -> None:
        model = self.model
        status = model.status
        gone = self.tr("The folder of this run is gone; what was read stays here.") if model.is_gone else ""
        failed = ""
        if status is not None and status.state in ("failed", "crashed"):
            # The first line is the cause; what follows is what was printed, for who looks into the log.
            lines = (status.message or "").strip().splitlines()
            failed = lines[0] if lines else self.tr("The run has {0}.").format(status.state)
        silent = ""
        if model.silent_seconds is not None and not model.is_gone:
            last = time.localtime(time.time() - model.silent_seconds)
            silent = self.tr("No sign of life since {0}.").format(time.strftime("%H:%M:%S", last))
        self._banners.say("gone", "warning", gone)
        self._banners.say("problem", "error", self._problem(), self.tr("Open folder"), self.header.open_folder)
        self._banners.say("failed", "error", failed, self.tr("Show in log"), self._show_failure)
        warning = model.warnings[-1] if model.warnings and not model.is_over else ""
        self._banners.say("warning", "warning", warning, self.tr("Show in log"), lambda: self.tabs.setCurrentIndex(LOG))
        self._banners.say("silent", "warning", silent, self.tr("End it now"), self.header.end_now)

    def _problem(self) -> str:
        """Return what of the run's files cannot be read, "" where all can."""
        known = self._session.runs.get(self._path)
        problems = () if self.model.is_gone else known.problems if known is not None else self._problems
        return "; ".join(problem.replace(f"{self._path}{os.sep}", "") for problem in problems)

    def banner_texts(self) -> list[str]:
        """Return what the banners say now."""
        return self._banners.texts()

    # What is shown

    def _place_shared(self) -> None:
        """Move charts and log to the tab that is looked at: there is one of each, with one zoom and one place."""
        shown = self.tabs.currentIndex()
        if shown == METRICS:
            self._metrics.put(self.charts)
        elif shown == LOG:
            self._log.put(self.log)
        elif shown == OVERVIEW:
            self.overview.charts.put(self.charts)
            if not self.model.is_over:
                self.overview.log.put(self.log)

    def _find_in_log(self) -> None:
        if self.model.is_over or self.tabs.currentIndex() != OVERVIEW:
            self.tabs.setCurrentIndex(LOG)
        self.log.begin_search()

    def _show_failure(self) -> None:
        self.tabs.setCurrentIndex(LOG)
        self.log.show_last_error()

    def _neighbours(self) -> tuple[int, Sequence[Path]]:
        order = self._session.order
        return (order.index(self._path) if self._path in order else -1), order

    def _show_position(self) -> None:
        place, order = self._neighbours()
        is_known = place >= 0 and len(order) > 1
        for widget in (self._previous, self._next, self._position):
            widget.setVisible(is_known)
        self._position.setText(
            self.tr("run {0} of {1}").format(formats.count(place + 1), formats.count(len(order))) if is_known else ""
        )
        self._previous.setEnabled(place > 0)
        self._next.setEnabled(place < len(order) - 1)

    def _go(self, by: int) -> None:
        place, order = self._neighbours()
        if place >= 0 and 0 <= place + by < len(order):
            self._session.run_requested.emit(order[place + by])

    # Page

    @property
    def key(self) -> str:
        """One page a run."""
        return f"run:{self._path}"

    @property
    def title(self) -> str:
        """The execution's id."""
        return self._folder.execution_id

    @property
    def tab(self) -> str:
        """When it was started."""
        return formats.short_execution(self._folder.execution_id)

    @property
    def icon(self) -> QIcon:
        """The sign of its state."""
        return state_icon(self.model.state)

    @property
    def status(self) -> tuple[str, ...]:
        """How far it is, or how it ended."""
        model = self.model
        if model.status is None:
            return ()
        if not model.is_over:
            epoch = self.tr(", epoch {0} of {1}").format(model.epoch, model.epochs) if model.epochs else ""
            texts = [
                f"{model.state.capitalize()}{epoch}",
                self.tr("Metrics: {0}").format(formats.plural(model.points, "point")) if model.points else "",
                self.tr("Last checkpoint: epoch {0}").format(model.checkpoints[-1]) if model.checkpoints else "",
            ]
        else:
            done = model.epochs_done
            epochs = f", {formats.plural(done, 'epoch')}" if done else ""
            texts = [f"{model.state.capitalize()}{epochs}", self._best(), self._place()]
        return tuple(text for text in texts if text)

    def _best(self) -> str:
        metric = self.model.key_metric()
        best = metric.best if metric is not None else None
        if metric is None or best is None:
            return ""
        return self.tr("best {0} {1} at epoch {2}").format(metric.name, formats.number(best[0], 3), best[1])

    def _place(self) -> str:
        root = self._session.workspace.root
        return self._path.relative_to(root).as_posix() if self._path.is_relative_to(root) else str(self._path)

    @property
    def status_icon(self) -> QIcon | None:
        """The sign of its state."""
        return self.icon

    @property
    def address(self) -> dict[str, Any] | None:
        """The run's folder."""
        return {"kind": "run", "path": str(self._path)}

    def leave(self) -> None:
        """Follow it no longer."""
        self._feed.deleteLater()

    def view_state(self) -> dict[str, Any]:
        """Return the choices of the charts and the place of the splitter."""
        return {"charts": self.charts.view_state(), "overview": self.overview.view_state()}

    def restore_view(self, state: dict[str, Any]) -> None:
        """Look as another run's page did."""
        match state.get("charts"):
            case dict() as charts:
                self.charts.restore_view(charts)
        match state.get("overview"):
            case dict() as overview:
                self.overview.restore_view(overview)
