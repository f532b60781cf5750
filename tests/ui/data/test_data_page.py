"""From a drop to a config: the preview, what is corrected in it, errors in place, and how it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDropEvent
from pytestqt.qtbot import QtBot

from app.config.checking import check
from app.config.documents import read_document
from app.config.settings import default_slots
from app.records.layout import ExecutionFolder, Workspace
from app.ui.background import Work
from app.ui.data.page import DataPage
from app.ui.data.samples import SampleModel
from app.ui.editor.page import EditorPage
from app.ui.preferences import Memory
from app.ui.session import Session
from app.ui.welcome import WelcomePage
from app.ui.window import MainWindow

Open = Callable[[Path | None], DataPage]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "houses.csv"
    lines = [f"{n},{'Rome' if n % 3 else 'Bonn'},{n % 7},{'' if n == 4 else n * 2.5},{n * 1000.5}" for n in range(60)]
    path.write_text("id,city,rooms,area,price\n" + "\n".join(lines))
    return path


@pytest.fixture
def open_data(qtbot: QtBot, session: Session) -> Open:
    """Return a function that opens a page of data, and waits until it has something to show."""

    def opened(path: Path | None) -> DataPage:
        page = DataPage(session, path)
        qtbot.addWidget(page, before_close_func=lambda closed: closed.leave())
        page.resize(900, 640)
        page.show()
        if path is not None:
            qtbot.waitUntil(lambda: is_done(page), timeout=30_000)
        return page

    return opened


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, workspace: Workspace) -> Iterator[MainWindow]:
    made = MainWindow(Memory(tmp_path / "user" / "window.json"), tmp_path / "home")
    made.worker.problem = "not started in tests"
    qtbot.addWidget(made)
    made.show()
    made.open_workspace(workspace.root)
    yield made
    made.memory.set(said_runs_go_on=True)
    made.close()


def is_done(page: DataPage) -> bool:
    return page.survey is not None or page.waiting.banner is not None


def document(page: DataPage) -> dict[str, Any]:
    assert page.config is not None
    assert check(page.config.document) == []
    return dict(page.config.document)


def action(page: DataPage, name: str, text: str) -> QAction:
    """Return what the menu of a column offers."""
    model = page.table.model()
    assert isinstance(model, SampleModel)
    menu = page.table.menu_of(list(model.header).index(name))
    assert menu is not None
    return next(each for each in menu.actions() if each.text() == text)


def test_a_table_is_shown_with_what_is_learned_and_what_is_made_of_it(open_data: Open, table: Path) -> None:
    page = open_data(table)
    model = page.table.model()
    assert isinstance(model, SampleModel)
    assert model.rowCount() == 50
    assert model.index(4, 3).data() == "missing"
    assert (model.target, dict(model.muted)) == ("price", {"id": "it numbers the rows"})
    words = model.headerData(3, Qt.Orientation.Horizontal, Qt.ItemDataRole.AccessibleTextRole)
    assert words == "area, number · 1 missing"
    assert page.asking.target.currentText() == "price"
    assert page.asking.tasks["regression"].isChecked()
    assert document(page)["dataset"]["parameters"]["features"] == ["city", "rooms", "area"]
    assert page.status == ("price · regression", str(table))


def test_target_and_task_are_corrected_at_once(open_data: Open, table: Path) -> None:
    page = open_data(table)
    page.asking.target.textActivated.emit("rooms")
    assert page.guess is not None
    assert (page.guess.target, page.guess.task) == ("rooms", "classes")
    page.asking.tasks["regression"].click()
    assert document(page)["model"]["compilation"]["loss"] == "mean_squared_error"
    action(page, "city", "Learn this column").trigger()
    assert page.guess.task == "binary"
    assert page.asking.tasks["regression"].isHidden()
    page.choose_kind("city", "text")
    assert "'city' cannot be learned: it is a text" in page._problem.text
    page.choose_kind("city", "category")
    assert page.config is not None


def test_columns_are_taken_for_something_else_left_out_and_used_again(open_data: Open, table: Path) -> None:
    page = open_data(table)
    action(page, "rooms", "Category").trigger()
    assert document(page)["dataset"]["parameters"]["types"] == {"rooms": "category"}
    action(page, "area", "Leave it out").trigger()
    action(page, "id", "Use it").trigger()
    assert document(page)["dataset"]["parameters"]["features"] == ["id", "city", "rooms"]
    assert action(page, "area", "Left out: you left it out").isEnabled() is False


def test_what_cannot_be_learned_is_said_in_place_and_the_rest_stays(open_data: Open, table: Path) -> None:
    page = open_data(table)
    for name in ("city", "rooms", "area"):
        page.choose_use(name, False)
    assert page.config is None
    assert not page.create_button.isEnabled()
    assert "No column is left to learn 'price' from" in page._problem.text
    page.choose_use("rooms", True)
    assert page.create_button.isEnabled()
    assert page._problem.isHidden()


def test_bad_data_is_refused_in_place_and_can_be_read_again(open_data: Open, table: Path, qtbot: QtBot) -> None:
    content = table.read_text()
    table.write_text("a,b\n1,2\n3\n")
    page = open_data(table)
    assert page.waiting.banner is not None
    assert page.waiting.banner.text.startswith("houses.csv: row 3 has 1 value")
    assert not page.create_button.isVisible()
    table.write_text(content)
    page.waiting.retried.emit()
    qtbot.waitUntil(lambda: page.survey is not None, timeout=30_000)
    assert page.waiting.banner is None


def test_reading_can_be_cancelled_and_its_process_ends(
    open_data: Open, table: Path, qtbot: QtBot, session: Session
) -> None:
    page = DataPage(session, table)
    qtbot.addWidget(page)
    qtbot.waitUntil(lambda: page._surveying is not None, timeout=30_000)
    surveying, work = page._surveying, page._work
    assert surveying is not None
    assert isinstance(work, Work)
    page.waiting.cancelled.emit()
    assert surveying._process.poll() is not None
    assert work.is_cancelled
    assert page.survey is None


def test_images_are_shown_by_class(open_data: Open, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for n in range(6):
            Image.new("RGB", (16, 16), (n, 9, 9)).save(tmp_path / "pets" / name / f"{n}.png")
    page = open_data(tmp_path / "pets")
    assert [page.gallery.item(row).text() for row in (0, 11)] == ["cat", "dog"]
    assert not page.gallery.item(0).icon().isNull()
    assert page.asking.target.isHidden()
    assert document(page)["dataset"]["name"] == "images"


def test_rows_of_arrays_are_shown_with_their_target(open_data: Open, tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", X=np.random.default_rng(0).random((20, 3)), y=np.arange(20) % 3)
    page = open_data(tmp_path / "set.npz")
    model = page.table.model()
    assert isinstance(model, SampleModel)
    assert list(model.header) == ["[0]", "[1]", "[2]", "target"]
    assert page.guess is not None
    assert page.guess.task == "classes"


def test_a_page_without_data_asks_for_some_and_takes_a_drop(open_data: Open, table: Path, qtbot: QtBot) -> None:
    page = open_data(None)
    assert not page.create_button.isVisible()
    page.dropEvent(drop(table))
    qtbot.waitUntil(lambda: page.survey is not None, timeout=30_000)
    assert page.title == "houses.csv"


def test_a_drop_return_and_one_more_key_begin_a_run(
    window: MainWindow, table: Path, qtbot: QtBot, record: Callable[..., ExecutionFolder]
) -> None:
    for _ in range(default_slots()):
        record("running")  # no slot is free: what is submitted waits, and nothing trains
    window.dropEvent(drop(table))
    page = window.documents.page
    assert isinstance(page, DataPage)
    window.activateWindow()
    qtbot.waitUntil(page.create_button.hasFocus, timeout=30_000)
    qtbot.keyClick(page.create_button, Qt.Key.Key_Return)
    editor = window.documents.page
    assert isinstance(editor, EditorPage)
    assert editor.title == "houses.json"
    assert editor.problems == []
    assert editor.is_modified  # it is nowhere else: it is asked about before it goes
    assert window.session is not None
    with qtbot.waitSignal(window.session.submitted) as submitted:
        editor.run_action.trigger()
    assert read_document(submitted.args[0].document)["dataset"]["parameters"]["path"] == str(table)
    editor.document.stack.setClean()  # nobody is there to answer


def test_the_welcome_leads_to_data(window: MainWindow) -> None:
    window.show_welcome()
    page = window.documents.page
    assert isinstance(page, WelcomePage)
    page.data_requested.emit()
    assert window.documents.page is not None
    assert window.documents.page.title == "New config from data"


def drop(path: Path) -> QDropEvent:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(QPoint(5, 5)), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    event.kept = data  # type: ignore[attr-defined]  # Qt does not keep it alive
    return event
