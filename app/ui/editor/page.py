"""A config in a tab: its form, its JSON and its problems; saved to a file, and run."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QIcon, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMessageBox, QTabWidget, QVBoxLayout, QWidget

from app.config.catalog import work_in
from app.config.loading import check_here, from_document
from app.config.problems import ConfigError, Problem
from app.ui.controls import Banner, button
from app.ui.editor import json_text
from app.ui.editor.document import ConfigDocument, to_path
from app.ui.editor.files import FileOfConfig, NameDialog, with_suffix
from app.ui.editor.form import Form
from app.ui.editor.head import EditorHead
from app.ui.editor.json_pane import JsonPane
from app.ui.editor.keyboard import KeyboardPage
from app.ui.editor.opening import TEMPLATE, banner_of, convert_document
from app.ui.editor.problem_list import ProblemList
from app.ui.editor.repair import repaired
from app.ui.editor.summaries import model_line
from app.ui.formats import plural
from app.ui.icons import icon
from app.ui.session import Session
from app.ui.splitter import SideSplitter

#: The check waits for a pause in typing (ms).
_CHECK_AFTER = 150
_PANE, _LEAST_PANE = 404, 200
#: Narrower pages show their sections by icons (px).
_NARROW = 1092
_JSON, _PROBLEMS = 0, 1
_drafts = itertools.count(1)


class EditorPage(KeyboardPage):
    """The editor of one config: a file, or a document that is no file yet."""

    def __init__(
        self,
        session: Session,
        path: Path | None = None,
        document: dict[str, Any] | None = None,
        name: str = "",
        parent: QWidget | None = None,
        *,
        is_saved: bool = True,
    ) -> None:
        super().__init__(parent)
        work_in(session.workspace.root)
        self._session, self._name, self._draft = session, name, next(_drafts)
        self.file = FileOfConfig(path)
        problem: Problem | None = None
        text = json_text.render(copy.deepcopy(document or TEMPLATE)) + "\n"
        if path is not None:
            try:
                text = self.file.read()
            except ConfigError as error:
                text, problem = "", error.problems[0]
        self.document = ConfigDocument(text, self)
        if not is_saved:  # it is nowhere else: it is asked about before it goes
            self.document.stack.resetClean()
        conversion = convert_document(self.document, path)
        if conversion is not None:  # the file stays as it is, for those who still have the older program
            self.file, self._name = FileOfConfig(None), path.name if path else name
        self.problems: list[Problem] = []
        self.banner: Banner | None = None
        self._make_actions()
        self._lay_out()
        self._check_later = QTimer(self, singleShot=True, interval=_CHECK_AFTER)
        self._check_later.timeout.connect(self.check)
        self.document.changed.connect(self._on_changed)
        self.document.stack.cleanChanged.connect(self._show_title)
        self.form.fix_requested.connect(self._repair)
        self.problem_list.chosen.connect(self.go_to)
        self._application().focusChanged.connect(self._on_focus)
        if problem is not None:
            self.say("error", self.tr("{0}: {1}").format(path, problem.message))
        if conversion is not None:
            self.say(*banner_of(conversion, self))
        self.check()

    @property
    def key(self) -> str:
        """The file, or the number of the draft."""
        return f"config:{self.file.path}" if self.file.path else f"draft:{self._draft}"

    @property
    def kind(self) -> str:
        """Files and drafts look alike."""
        return "editor"

    @property
    def title(self) -> str:
        """The file's name."""
        return self.file.path.name if self.file.path else self._name or self.tr("New experiment")

    @property
    def icon(self) -> QIcon:
        """The icon of a form."""
        return icon("sliders-horizontal")

    @property
    def is_modified(self) -> bool:
        """Whether something is not saved; a draft that nobody touched is no loss."""
        return not self.document.stack.isClean()

    @property
    def address(self) -> dict[str, Any] | None:
        """The file; drafts are not kept."""
        return {"kind": "config", "path": str(self.file.path)} if self.file.path else None

    @property
    def status(self) -> tuple[str, ...]:
        """Problems and where they are, and the model in a line."""
        model = model_line(self.document.value)
        if not self.problems:
            return (self.tr("No problems"), model)
        keys = dict.fromkeys(problem.path.partition(".")[0] for problem in self.problems)
        titles = [self.form.sections[key].title if key in self.form.sections else key or "JSON" for key in keys]
        return (self.tr("{0} in {1}").format(plural(len(self.problems), "problem"), ", ".join(titles)), model)

    @property
    def status_icon(self) -> QIcon:
        """A tick, or the sign of a problem."""
        return icon("circle-alert", "state:failed") if self.problems else icon("circle-check", "state:finished")

    def check(self) -> None:
        """Look for problems now, and show them."""
        self._check_later.stop()
        broken = self.document.state.problem
        self.problems = [broken] if broken is not None else check_here(self.document.value, self._folder)
        self.form.show_problems(self.problems)
        self.problem_list.show_problems(self.problems)
        self.tabs.setTabText(_PROBLEMS, self.tr("Problems") + (f" {len(self.problems)}" if self.problems else ""))
        self.tabs.setTabIcon(_PROBLEMS, icon("circle-alert", "state:failed") if self.problems else QIcon())
        self.changed.emit()

    def go_to(self, problem: Problem) -> None:
        """Lead to the field of a problem, or to the JSON where the form has none."""
        if self.document.state.problem is not None or not self.form.go_to(to_path(problem.path)):
            self.tabs.setCurrentIndex(_JSON)
            self.json.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def step_problem(self, step: int) -> None:
        """Lead to the next problem, or to the previous one."""
        self.check()
        if self.problems:
            now = self.problem_list.table.currentIndex().row()
            row = (now + step) % len(self.problems) if now >= 0 else 0 if step > 0 else len(self.problems) - 1
            self.problem_list.select(row)
            self.go_to(self.problems[row])

    def run(self) -> None:
        """Run what is shown, saved or not; with problems the first one is shown instead."""
        self.json.finish()
        self.check()
        if self.problems:
            self.tabs.setCurrentIndex(_PROBLEMS)
            self.problem_list.select(0)
            self.go_to(self.problems[0])
            return
        source = {"file": str(self.file.path)} if self.file.path else {}
        try:
            loaded = from_document(self.document.value, source=source, name=self.title, folder=self._folder)
        except ConfigError:  # a file went away since
            self.check()
        else:
            self._session.submit(loaded)

    @property
    def _folder(self) -> Path:
        """What relative paths start from."""
        return self.file.path.parent if self.file.path else Path.cwd()

    def save(self, then: Callable[[], object] | None = None) -> None:
        """Save to the file, or ask for its name; ``then`` is called when it is saved."""
        self.json.finish()
        if self.file.path is None:
            self.save_as(then)
        elif self.file.has_changed():
            self.say(
                "warning",
                self.tr("{0} was changed by another program since it was opened here.").format(self.file.path.name),
                (self.tr("Save anyway"), lambda: self._write(then)),
                (self.tr("Reload"), self.reload),
            )
        else:
            self._write(then)

    def save_as(self, then: Callable[[], object] | None = None) -> None:
        """Ask for a name in the workspace's experiments, and save there."""
        self.json.finish()

        def chosen(path: Path) -> None:
            self._write(then, FileOfConfig(path))

        NameDialog(self, self._session.experiments, with_suffix(self._suggested_name()), chosen).open()

    def reload(self) -> None:
        """Show what the file holds now; what was here can be had back by undo."""
        try:
            self.document.write(self.file.read())
        except ConfigError as error:
            self.say("error", str(error))
            return
        self.document.stack.setClean()
        self.quiet()

    def look_again(self) -> None:
        """Take in what another program has written to the file; where something here is not saved, ask first."""
        if not self.file.holds_more():
            return
        if self.is_modified:
            self.say(
                "warning",
                self.tr("{0} was changed by another program. What is not saved here would be lost.").format(self.title),
                (self.tr("Reload"), self.reload),
                (self.tr("Keep mine"), self._keep_mine),
            )
        else:
            self.reload()
            if not self.is_modified:
                self.say("info", self.tr("{0} was changed by another program and read again.").format(self.title))

    def _keep_mine(self) -> None:
        self.file.pass_over()
        self.quiet()

    def showEvent(self, event: QShowEvent) -> None:
        """Look at the file when the tab comes to the front."""
        super().showEvent(event)
        self.look_again()

    def ask_to_close(self, close: Callable[[], None]) -> None:
        """Ask what to do with unsaved changes."""
        if not self.is_modified:
            close()
            return
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setText(self.tr("Save the changes to {0}?").format(self.title))
        box.setInformativeText(self.tr("They are lost otherwise."))
        kinds = QMessageBox.StandardButton
        box.setStandardButtons(kinds.Save | kinds.Discard | kinds.Cancel)
        box.setDefaultButton(kinds.Save)
        answers: dict[int, Callable[[], object]] = {kinds.Save: lambda: self.save(close), kinds.Discard: close}
        box.finished.connect(lambda answer: answers.get(kinds(answer), lambda: None)())
        box.open()

    def leave(self) -> None:
        """Stop listening to where the keyboard is."""
        self._application().focusChanged.disconnect(self._on_focus)
        self._check_later.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Make room for the form where there is little."""
        super().resizeEvent(event)
        self.form.narrow(self.width() < _NARROW)

    def view_state(self) -> dict[str, Any]:
        """Return widths, folded sections and the tab at the right."""
        folded = [key for key, section in self.form.sections.items() if not section.is_open]
        return {"panes": self.splitter.chosen_sizes, "folded": folded, "tab": self.tabs.currentIndex()}

    def restore_view(self, state: dict[str, Any]) -> None:
        """Look as :meth:`view_state` said."""
        widths, folded, tab = state.get("panes"), state.get("folded"), state.get("tab")
        if isinstance(widths, list) and len(widths) == 2 and all(isinstance(width, int) for width in widths):
            self.splitter.restore(widths)
        if isinstance(folded, list):
            for key, section in self.form.sections.items():
                section.fold(key in folded)
        if tab in (_JSON, _PROBLEMS):
            self.tabs.setCurrentIndex(tab)

    def say(self, kind: str, text: str, *actions: tuple[str, Callable[[], object]]) -> None:
        """Show a banner above the form, in place of the one before."""
        self.quiet()
        name, do = actions[0] if actions else ("", None)
        self.banner = Banner(kind, text, name, do)
        row = self.banner.layout()
        assert isinstance(row, QHBoxLayout)
        for other, do_other in actions[1:]:
            row.insertWidget(row.count() - 1, button(other, do_other, kind="link"))
        self.banner.closed.connect(self._forget_banner)
        self._banners.addWidget(self.banner)
        self.banner.show()

    def quiet(self) -> None:
        """Take the banner away."""
        if self.banner is not None:
            self.banner.hide()
            self.banner.deleteLater()
            self._forget_banner()

    def _application(self) -> QApplication:
        found = QApplication.instance()
        assert isinstance(found, QApplication)
        return found

    def _forget_banner(self) -> None:
        self.banner = None

    def _write(self, then: Callable[[], object] | None, other: FileOfConfig | None = None) -> None:
        file = other or self.file
        try:
            file.write(self.document.state.text)
        except OSError as error:
            self.say("error", self.tr("It could not be saved: {0}").format(error.strerror or error))
            return
        self.file = file
        self.document.stack.setClean()
        self.quiet()
        self._show_title()
        self._session.rescan()
        if then is not None:
            then()

    def _suggested_name(self) -> str:
        if self.file.path is not None or self._name:
            return self.title
        name = self.document.get(("experiment", "name"))
        return name.lower().replace(" ", "_") if isinstance(name, str) else "experiment"

    def _repair(self, problem: Problem) -> None:
        if (edit := repaired(self.document.get, problem)) is not None:
            self.document.set(*edit)
            self.check()

    def _on_changed(self) -> None:
        self._check_later.start()
        self._show_title()

    def _on_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        if old is None and new is not None and self.isVisible():
            self.look_again()  # the window comes back to the front
        if new is not None and self.form.isAncestorOf(new) and (path := self.form.path_of(new)):
            self.json.show_path(path)

    def _show_title(self) -> None:
        name = self.document.get(("experiment", "name"))
        experiment = name if isinstance(name, str) else ""
        self._head.show_names(experiment, self.title, is_modified=self.is_modified)
        self.changed.emit()

    def _make_actions(self) -> None:
        stack = self.document.stack
        self.save_action = self._action(self.tr("&Save"), "file", "Ctrl+S", self.save, "save")
        self._action(self.tr("Save &as…"), "file", "Ctrl+Shift+S", self.save_as)
        self.undo_action = self._action(self.tr("&Undo"), "edit", "Ctrl+Z", stack.undo, "undo-2")
        self.redo_action = self._action(self.tr("&Redo"), "edit", "Ctrl+Shift+Z", stack.redo, "redo-2")
        self._action(self.tr("&Next problem"), "edit", "F8", lambda: self.step_problem(1))
        self._action(self.tr("&Previous problem"), "edit", "Shift+F8", lambda: self.step_problem(-1))
        self.run_action = self._action(self.tr("&Run"), "run", "Ctrl+Return", self.run, "play")
        self.run_action.setShortcuts([QKeySequence("Ctrl+Return"), QKeySequence("Ctrl+Enter")])
        for action, changed, can in (
            (self.undo_action, stack.canUndoChanged, stack.canUndo),
            (self.redo_action, stack.canRedoChanged, stack.canRedo),
        ):
            changed.connect(action.setEnabled)
            action.setEnabled(can())

    def _action(self, text: str, menu: str, keys: str, do: Callable[[], object], icon_name: str = "") -> QAction:
        found = QAction(text, self)
        found.setShortcut(QKeySequence(keys))
        found.setProperty("menu", menu)
        if icon_name:
            found.setIcon(icon(icon_name))
        found.triggered.connect(lambda _checked=False: do())
        self.addAction(found)
        return found

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._head = EditorHead(self.undo_action, self.redo_action, self.save, self.run)
        column.addWidget(self._head)
        self._banners = QVBoxLayout()
        column.addLayout(self._banners)
        self.splitter = SideSplitter(_PANE, self)
        column.addWidget(self.splitter, 1)
        self.form = Form(self.document, self.splitter)
        self.tabs = QTabWidget(self.splitter)
        self.tabs.setProperty("kind", "page")
        self.tabs.setDocumentMode(True)
        self.json, self.problem_list = JsonPane(self.document, self.tabs), ProblemList(self.tabs)
        self.tabs.addTab(self.json, self.tr("JSON"))
        self.tabs.addTab(self.problem_list, self.tr("Problems"))
        self.tabs.setMinimumWidth(_LEAST_PANE)
        self.splitter.setStretchFactor(0, 1)
        self._show_title()
