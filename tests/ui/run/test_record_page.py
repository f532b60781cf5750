"""The page of another program's run, which is followed while that program goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.records.layout import Workspace
from app.records.sources.base import RunAddress
from app.ui.run.record_page import FILES, LOG, METRICS, OVERVIEW, PARAMS, RecordPage
from app.ui.session import Session
from tests.records.sources.event_logs import Writer, age

ROOT = Path(__file__).parents[3]
RUN = "0123456789abcdef0123456789abcdef"
Opener = Callable[..., RecordPage]
TENSORBOARD = RunAddress("tensorboard:logs", "run")
MLFLOW = RunAddress("mlflow-files:mlruns", f"0/{RUN}")
#: Another program with PyTorch's SummaryWriter in it, which is this class.
LOGGER = """
import sys
sys.modules["tensorflow"] = None  # PyTorch's does not need it either
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
writer = EventFileWriter(sys.argv[1])
for line in sys.stdin:
    value = Summary.Value(tag="train/loss", simple_value=float(line))
    writer.add_event(Event(wall_time=1.7e9 + int(line), step=10 * int(line), summary=Summary(value=[value])))
    writer.flush()
"""


@pytest.fixture
def open_record(qtbot: QtBot, session: Session) -> Iterator[Opener]:
    pages = []

    def opener(address: RunAddress, *, points: int = 1) -> RecordPage:
        page = RecordPage(session, address)
        pages.append(page)
        qtbot.addWidget(page)
        page.resize(1208, 830)
        page.show()
        qtbot.waitUntil(lambda: page.model.record is not None and page.model.points >= points)
        return page

    yield opener
    for page in pages:
        page.leave()


@pytest.fixture
def logdir(workspace: Workspace) -> Iterator[Writer]:
    writer = Writer(workspace.root / "logs" / "run")
    yield writer
    writer.close()


@pytest.fixture
def store(workspace: Workspace) -> Path:
    """The folder of a run in a file store of MLflow."""
    run = workspace.root / "mlruns" / "0" / RUN
    for kind in ("metrics/train", "params", "tags", "artifacts/plots"):
        (run / kind).mkdir(parents=True)
    (run / "meta.yaml").write_text(
        f"experiment_id: '0'\nlifecycle_stage: active\nrun_id: {RUN}\nrun_name: resnet\n"
        "start_time: 1700000001000\nend_time: 1700000011000\nstatus: 3\n"
    )
    (run.parent / "meta.yaml").write_text("experiment_id: '0'\nname: imagenette\n")
    (run / "metrics" / "train" / "loss").write_text("1700000001000 0.5 100\n1700000002000 0.25 200\n")
    for number in range(14):
        (run / "params" / f"param_{number:02}").write_text(str(number))
    (run / "tags" / "stage").write_text("baseline")
    (run / "tags" / "mlflow.user").write_text("mira")
    return run


def texts(page: RecordPage) -> list[str]:
    return [found.text() for found in page.findChildren(QLabel) if found.isVisibleTo(page)]


def buttons(page: RecordPage) -> list[str]:
    return [found.text() for found in page.header.findChildren(QPushButton) if found.isVisibleTo(page)]


def tabs(page: RecordPage) -> list[str]:
    return [page.tabs.tabText(tab) for tab in range(page.tabs.count()) if page.tabs.isTabVisible(tab)]


def test_a_point_that_another_program_logs_appears_while_the_page_is_open(
    qtbot: QtBot, workspace: Workspace, open_record: Opener
) -> None:
    folder = workspace.root / "logs" / "run"
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", LOGGER, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None

        def log(number: int) -> None:
            assert process.stdin is not None
            process.stdin.write(f"{number}\n")
            process.stdin.flush()

        log(1)
        qtbot.waitUntil(lambda: any(path.stat().st_size > 60 for path in folder.iterdir()), timeout=30_000)
        page = open_record(TENSORBOARD)
        assert page.model.state == "running"
        log(2)
        qtbot.waitUntil(lambda: page.model.metrics["train/loss"].last == 2.0)
        qtbot.waitUntil(lambda: page.status[0] == "Running, step 20")
        curve = page.charts.charts()[0].curve("train/loss")
        qtbot.waitUntil(lambda: curve.pyramid.x.tolist() == [10.0, 20.0])
        process.stdin.close()


def test_a_run_of_mlflow_shows_numbers_curves_params_and_files(qtbot: QtBot, store: Path, open_record: Opener) -> None:
    (store / "artifacts" / "plots" / "notes.txt").write_text("two\nlines")
    page = open_record(MLFLOW)
    assert (page.title, page.model.state) == ("resnet", "finished")
    assert page.status == ("Finished, step 200", "Metrics: 2 points", f"mlruns/0/{RUN}")
    qtbot.waitUntil(lambda: tabs(page) == ["Overview", "Metrics 1", "Params 16", "Files 1"])
    assert buttons(page) == ["Open in MLflow", "Open folder"]
    assert {"MLflow", "imagenette", "10.0 s", "step 200", "baseline", "mira", "param_00"} <= set(texts(page))
    assert page.charts.isVisibleTo(page)
    rows = page.summary.metrics.rows
    titles = [rows.headerData(column, Qt.Orientation.Horizontal) for column in range(4)]
    assert titles == ["Metric", "Last", "Best", "Step"]
    assert rows.as_text().splitlines()[1] == "train/loss\t0.25\t0.25\t200\t0.5\t0.375"
    assert [action.text() for action in page.header.menu_actions() if action.text()] == [
        "Copy path",
        "Copy id",
        "Copy MLflow command",
    ]


def test_the_trackers_page_and_command_are_asked_for_by_the_runs_address(
    qtbot: QtBot, session: Session, store: Path, open_record: Opener
) -> None:
    page = open_record(MLFLOW)
    button = next(found for found in page.header.findChildren(QPushButton) if found.text() == "Open in MLflow")
    with qtbot.waitSignal(session.tracker_requested) as asked:
        button.click()
    assert asked.args == [MLFLOW, "mlflow"]
    copy = next(action for action in page.header.menu_actions() if action.text() == "Copy MLflow command")
    with qtbot.waitSignal(session.tracker_command_requested) as asked:
        copy.trigger()
    assert asked.args == [MLFLOW, "mlflow"]


def test_steps_are_steps(qtbot: QtBot, logdir: Writer, open_record: Opener) -> None:
    logdir.log("loss", 3.0, 2.0)
    page = open_record(TENSORBOARD, points=2)
    qtbot.waitUntil(lambda: bool(page.charts.charts()))
    assert page.charts._axis.kind == "step"
    assert [name for name, button in page.charts._toolbar._axis_buttons.items() if button.isVisibleTo(page)] == [
        "step",
        "relative",
    ]


def test_params_and_tags_can_be_searched_and_copied(qtbot: QtBot, store: Path, open_record: Opener) -> None:
    page = open_record(MLFLOW)
    page.tabs.setCurrentIndex(PARAMS)
    assert page.values.rows.rowCount() == 16
    page.values.query.setText("BASE")
    qtbot.waitUntil(lambda: [entry.name for entry in page.values.rows.entries] == ["stage"])
    page.values.copy()
    assert QGuiApplication.clipboard().text() == "stage\tbaseline"
    (store / "tags" / "stage").write_text("baseline 2")
    qtbot.waitUntil(lambda: [entry.text for entry in page.values.rows.entries] == ["baseline 2"])


def png() -> bytes:
    image = QImage(4, 3, QImage.Format.Format_RGB32)
    image.fill(0xFF3366)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return data.data()


def test_images_in_event_files_and_among_artifacts_are_looked_at_in_place(
    qtbot: QtBot, workspace: Workspace, logdir: Writer, store: Path, open_record: Opener
) -> None:
    logdir.log("loss", 1.0)
    logdir.log_image("samples", png(), step=7)
    (store / "artifacts" / "plots" / "picture.png").write_bytes(png())
    (store / "artifacts" / "notes.txt").write_text("two\nlines")
    for address, name in ((TENSORBOARD, "samples"), (MLFLOW, "plots/picture.png")):
        page = open_record(address)
        qtbot.waitUntil(lambda page=page: page.tabs.isTabVisible(FILES))
        page.tabs.setCurrentIndex(FILES)
        names = [medium.name for medium in page.media.rows.media]
        page.media.table.selectRow(names.index(name))
        qtbot.waitUntil(
            lambda page=page: (page.media.picture.image.width(), page.media.picture.image.height()) == (4, 3)
        )
    page.media.table.selectRow(names.index("notes.txt"))
    qtbot.waitUntil(lambda: page.media.text.toPlainText() == "two\nlines")


def test_a_file_is_opened_by_the_desktop_and_a_program_only_shown_where_it_lies(
    qtbot: QtBot, store: Path, open_record: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    for name in ("notes.txt", "setup.desktop"):
        (store / "artifacts" / name).write_text("")
    page = open_record(MLFLOW)
    qtbot.waitUntil(lambda: page.media.rows.rowCount() == 2)
    for row in range(2):
        page.media.table.selectRow(row)
        page.media.open_chosen()
    assert [Path(url.toLocalFile()).name for url in opened] == ["notes.txt", "artifacts"]


def test_what_nothing_tells_is_unknown_and_no_alarm(
    qtbot: QtBot, workspace: Workspace, logdir: Writer, open_record: Opener
) -> None:
    logdir.log("loss", 1.0)
    age(workspace.root / "logs")
    page = open_record(TENSORBOARD)
    assert page.status[0] == "Unknown, step 0"
    assert page.banner_texts() == []
    assert tabs(page) == ["Overview", "Metrics 1"]


def test_what_cannot_be_read_is_said_and_the_rest_is_shown(qtbot: QtBot, store: Path, open_record: Opener) -> None:
    with open(store / "metrics" / "train" / "loss", "a", encoding="utf-8") as file:
        file.write("nonsense\n")
    page = open_record(MLFLOW, points=2)
    assert page.banner_texts() == [f"{store}/metrics/train/loss: 1 of its lines is no point."]


def test_a_run_that_was_deleted_in_mlflow_says_so(qtbot: QtBot, store: Path, open_record: Opener) -> None:
    meta = store / "meta.yaml"
    meta.write_text(meta.read_text().replace("active", "deleted"))
    page = open_record(MLFLOW)
    assert page.banner_texts() == ["This run was deleted in MLflow; its record is still there."]


def test_a_run_that_is_removed_stays_as_it_was_read_and_comes_back(
    qtbot: QtBot, store: Path, open_record: Opener
) -> None:
    page = open_record(MLFLOW, points=2)
    kept = store.with_name("kept")
    shutil.move(store, kept)
    qtbot.waitUntil(lambda: page.banner_texts() == ["This run is not there any more; what was read stays here."])
    assert page.model.points == 2
    assert buttons(page) == []
    shutil.move(kept, store)
    qtbot.waitUntil(lambda: page.banner_texts() == [])
    qtbot.waitUntil(lambda: page.model.points == 2)
    assert page.charts.metrics() == ["train/loss"]


@pytest.mark.parametrize(
    "address", [TENSORBOARD, MLFLOW, RunAddress("mlflow-database:gone.db", "x"), RunAddress("?", "x")]
)
def test_an_address_where_nothing_is_says_so(qtbot: QtBot, session: Session, address: RunAddress) -> None:
    page = RecordPage(session, address)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(lambda: page.banner_texts() == ["This run is not there any more."])
    assert page.title == address.key.rpartition("/")[2]
    page.leave()


def test_a_file_that_is_replaced_begins_anew(qtbot: QtBot, store: Path, open_record: Opener) -> None:
    page = open_record(MLFLOW, points=2)
    qtbot.waitUntil(lambda: bool(page.charts.charts()))
    (store / "metrics" / "train" / "loss").write_text("1700000001000 9.0 5\n")
    (store / "metrics" / "acc").write_text("1700000001000 1.0 5\n")
    qtbot.waitUntil(lambda: page.charts.metrics() == ["acc", "train/loss"])
    qtbot.waitUntil(lambda: [chart.title for chart in page.charts.charts()] == ["acc", "train/loss"])
    chart = page.charts.charts()[1]
    qtbot.waitUntil(lambda: chart.curve("train/loss").pyramid.y.tolist() == [9.0])
    assert page.model.points == 2


def test_a_thousand_metrics_make_no_thousand_charts(qtbot: QtBot, logdir: Writer, open_record: Opener) -> None:
    for number in range(1000):
        logdir.log(f"layer_{number:03}/norm", 0.5, float("nan"))
    page = open_record(TENSORBOARD, points=2000)
    qtbot.waitUntil(lambda: len(page.charts.metrics()) == 1000 and not page.charts._timer.isActive())
    assert 0 < len(page.charts.charts()) < 12
    assert page.summary.metrics.height() < page.height()
    page.tabs.setCurrentIndex(METRICS)
    bar = page.charts._scroll.verticalScrollBar()
    bar.setValue(bar.maximum())
    qtbot.waitUntil(lambda: any(chart.title == "layer_999/norm" for chart in page.charts.charts()))
    assert len(page.charts.charts()) < 24


def test_the_log_of_a_run_is_a_tab_of_its_own(qtbot: QtBot, workspace: Workspace, open_record: Opener) -> None:
    files = workspace.root / "wandb" / "offline-run-20260101_120000-abcd1234" / "files"
    files.mkdir(parents=True)
    (files / "wandb-summary.json").write_text('{"loss": 0.5}')
    (files / "output.log").write_text("epoch 1\nepoch 2\n")
    page = open_record(RunAddress("wandb:wandb", files.parent.name))
    assert page.tabs.isTabVisible(LOG)
    page.tabs.setCurrentIndex(LOG)
    assert page.log is not None
    log = page.log
    qtbot.waitUntil(lambda: log.model.rowCount() == 2)
    page.tabs.setCurrentIndex(OVERVIEW)
    assert page.charts.isVisibleTo(page)
