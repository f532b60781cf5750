import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QCheckBox, QScrollArea, QSlider, QToolButton

from app.messages import BATCH_PREFIX
from app.records.watch import RunWatch
from app.ui.charts import metric_panel
from app.ui.charts.canvas import Canvas
from app.ui.charts.metric_charts import MetricCharts
from tests.ui.charts.points import points

BATCH = BATCH_PREFIX + "loss"
EPOCHS = np.arange(1, 6)


def epoch_ends(*steps):
    return [{"kind": "epoch_end", "time": 0.0, "epoch": epoch, "step": step} for epoch, step in enumerate(steps, 1)]


@pytest.fixture
def page(qtbot) -> MetricCharts:
    found = MetricCharts()
    qtbot.addWidget(found)
    found.resize(1000, 600)
    found.show()
    qtbot.waitExposed(found)
    return found


def settled(page: MetricCharts, qtbot) -> None:
    """Wait until everything in sight is shown."""
    qtbot.waitUntil(lambda: not page._timer.isActive())


def curves(page: MetricCharts, number: int = 0) -> dict[str, list[float]]:
    chart = page.charts()[number]
    return {name: chart.curve(name).pyramid.x.tolist() for name in chart.curve_names()}


def segment(page: MetricCharts, text: str) -> QToolButton:
    return next(button for button in page.findChildren(QToolButton) if button.text() == text)


def test_train_and_val_of_a_metric_share_a_chart_and_test_is_a_value_in_its_legend(page, qtbot):
    page.add_points([
        ("accuracy", points(EPOCHS, EPOCHS / 10)), ("val_accuracy", points(EPOCHS, EPOCHS / 10)),
        ("loss", points(EPOCHS, 9 - EPOCHS)), ("val_loss", points(EPOCHS, 9 - EPOCHS)),
        ("test_loss", points([1], [9.726])),
    ])  # fmt: skip
    settled(page, qtbot)
    assert page.metrics() == ["loss", "accuracy"]
    assert [list(curves(page, number)) for number in (0, 1)] == [["loss", "val_loss"], ["accuracy", "val_accuracy"]]
    qtbot.waitUntil(lambda: page.charts()[0]._header.legend.toolTip().endswith("test 9.73"))


def test_what_a_real_run_has_recorded_is_shown(page, qtbot, record):
    update = RunWatch(record(batches=4)).look()
    page.add_points(update.points)
    page.add_events(update.events)
    settled(page, qtbot)
    assert page.metrics() == ["loss"]
    assert curves(page) == {"loss batch": list(range(1, 13)), "loss": [4, 8, 12], "val_loss": [4, 8, 12]}


def test_batches_are_faint_behind_the_epochs_which_stand_at_their_steps(page, qtbot):
    page.add_points([(BATCH, points(np.arange(1, 51), np.ones(50))), ("loss", points(EPOCHS, EPOCHS))])
    page.add_events(epoch_ends(10, 20, 30, 40, 50))
    settled(page, qtbot)
    assert curves(page)["loss"] == [10, 20, 30, 40, 50]
    assert page.charts()[0].curve("loss batch").kind == "faint"
    qtbot.mouseClick(segment(page, "Epoch"), Qt.MouseButton.LeftButton)
    settled(page, qtbot)
    assert curves(page)["loss"] == [1, 2, 3, 4, 5]
    assert curves(page)["loss batch"][:2] == pytest.approx([0.1, 0.2])


def test_epochs_wait_until_it_is_known_at_which_step_they_ended(page, qtbot):
    page.add_points([(BATCH, points([1, 2], [1.0, 1.0])), ("loss", points([1], [1.0]))])
    settled(page, qtbot)
    assert curves(page)["loss"] == []
    page.add_events(epoch_ends(2))
    settled(page, qtbot)
    assert curves(page)["loss"] == [2]


def test_steps_and_batch_curves_are_offered_only_where_there_are_batches(page, qtbot):
    page.add_points([("loss", points(EPOCHS, EPOCHS))])
    assert not segment(page, "Step").isVisible()
    page.add_points([(BATCH, points([1], [1.0]))])
    assert segment(page, "Step").isVisible()
    check = next(each for each in page.findChildren(QCheckBox) if each.text() == "Batch curves")
    check.click()
    settled(page, qtbot)
    assert "loss batch" not in curves(page)


def test_runs_without_times_have_no_time_axis(page, qtbot):
    page.add_points([("loss", points(EPOCHS, EPOCHS, start=np.nan))])
    settled(page, qtbot)
    assert not segment(page, "Relative").isVisible()
    assert curves(page)["loss"] == [1, 2, 3, 4, 5]


def test_smoothing_puts_the_raw_curve_behind_and_keeps_up_as_points_come(page, qtbot):
    values = np.random.default_rng(1).random(40)
    page.add_points([("loss", points(np.arange(1, 3), values[:2]))])
    page.findChild(QSlider).setValue(60)
    settled(page, qtbot)
    for first in range(2, 40, 7):
        page.add_points([("loss", points(np.arange(first + 1, min(first + 8, 41)), values[first : first + 7]))])
        settled(page, qtbot)
    chart = page.charts()[0]
    assert chart.curve("loss").kind == "faint"
    np.testing.assert_allclose(chart.curve("loss smoothed").pyramid.y, metric_panel.MovingAverage(0.6).extend(values))


def test_a_long_series_is_made_ready_in_a_thread_and_followed_from_there(page, qtbot):
    count = metric_panel._LONG + 10
    page.add_points([(BATCH, points(np.arange(count), np.ones(count)))])
    page.add_points([(BATCH, points([count], [2.0]))])
    qtbot.waitUntil(lambda: bool(page.charts()) and len(page.charts()[0].curve("loss batch").pyramid) == count + 1)
    page.add_points([(BATCH, points([count + 1], [3.0]))])
    qtbot.waitUntil(lambda: page.charts()[0].curve("loss batch").last == 3.0)


def test_charts_are_made_only_when_they_come_in_sight(page, qtbot):
    page.add_points([(f"metric_{number}", points(EPOCHS, EPOCHS)) for number in range(100)])
    settled(page, qtbot)
    assert 0 < len(page.charts()) <= 8
    bar = page.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(bar.maximum())
    settled(page, qtbot)
    assert page.charts()[-1].title == "metric_99"
    assert len(page.charts()) <= 16


def test_a_hidden_page_does_no_work_and_catches_up_when_it_is_shown(page, qtbot):
    page.add_points([("loss", points([1], [1.0]))])
    settled(page, qtbot)
    page.hide()
    page.add_points([("loss", points([2], [2.0]))])
    assert not page._timer.isActive()
    assert curves(page)["loss"] == [1]
    page.show()
    qtbot.waitUntil(lambda: curves(page)["loss"] == [1, 2])


def test_the_cursor_is_one_for_all_charts(page, qtbot):
    page.add_points([("loss", points(EPOCHS, EPOCHS)), ("accuracy", points(EPOCHS, EPOCHS))])
    settled(page, qtbot)
    first, second = page.findChildren(Canvas)
    qtbot.mouseMove(first, first.laid_out().area.center().toPoint())
    assert second._cursor == first._cursor
    assert not second._readout.isVisible()


def test_learning_rates_and_checkpoints_are_marked_but_not_the_first_rate(page, qtbot):
    page.add_points([("loss", points(EPOCHS, EPOCHS))])
    page.add_events([
        {"kind": "learning_rate", "time": 0.0, "value": 1e-3, "epoch": 1, "step": 0},
        {"kind": "learning_rate", "time": 0.0, "value": 5e-4, "epoch": 3, "step": 20},
        {"kind": "checkpoint", "time": 0.0, "path": "a.h5", "epoch": 2},
        *epoch_ends(10, 20, 30, 40, 50),
    ])  # fmt: skip
    settled(page, qtbot)
    events = page.findChild(Canvas).events
    assert [(event.x, event.text) for event in events] == [(2.0, "lr 5e-4"), (2.0, "checkpoint")]


def test_a_chart_expands_to_the_page_and_escape_brings_all_back(page, qtbot):
    page.add_points([("loss", points(EPOCHS, EPOCHS)), ("accuracy", points(EPOCHS, EPOCHS))])
    settled(page, qtbot)
    loss, accuracy = page.charts()
    loss.expanded.emit()
    assert not accuracy.isVisible()
    assert loss.width() > 900
    qtbot.keyClick(page, Qt.Key.Key_Escape)
    assert accuracy.isVisible()


def test_two_columns_become_one_where_there_is_little_room(page, qtbot):
    page.add_points([("loss", points(EPOCHS, EPOCHS)), ("accuracy", points(EPOCHS, EPOCHS))])
    settled(page, qtbot)
    loss, accuracy = page.charts()
    assert loss.pos().y() == accuracy.pos().y()
    page.resize(500, 600)
    qtbot.waitUntil(lambda: loss.pos().x() == accuracy.pos().x())


def test_what_was_chosen_is_restored_and_nonsense_is_passed_over(page, qtbot):
    page.restore_view({"smoothing": 0.35, "log": True, "batches": False, "x_axis": "relative"})
    page.add_points([("loss", points(EPOCHS, EPOCHS))])
    settled(page, qtbot)
    assert page.view_state() == {"smoothing": 0.35, "log": True, "batches": False, "x_axis": "relative"}
    assert page.charts()[0].log
    assert curves(page)["loss"] == [0, 1, 2, 3, 4]
    page.restore_view({"smoothing": "much", "x_axis": "moon"})
    assert page.view_state()["x_axis"] == "relative"


def test_a_page_without_points_says_why(page, qtbot):
    page.set_running(True)
    assert "first batch" in page._nothing._text.text()
    page.set_running(False)
    assert "no metric" in page._nothing._text.text()
    assert page.childAt(QPoint(500, 300)) is not None


def test_of_a_run_that_counts_steps_all_stands_at_its_steps(qtbot):
    page = MetricCharts(counts="step")
    qtbot.addWidget(page)
    page.resize(1000, 600)
    page.show()
    page.add_points([("val/loss", points([10, 20], [2, 1])), ("acc", points([10, 20], [0, 1]))])
    settled(page, qtbot)
    assert page.metrics() == ["acc", "val/loss"]
    assert curves(page) == {"acc": [10, 20]}
    assert segment(page, "Step").isVisibleTo(page)
    assert segment(page, "Step").isChecked()
    assert not segment(page, "Epoch").isVisibleTo(page)
    segment(page, "Relative").click()
    settled(page, qtbot)
    assert curves(page)["acc"][0] == 0


def test_test_values_at_many_epochs_are_a_curve_and_not_a_note(page, qtbot):
    page.add_points([("acc", points(EPOCHS, EPOCHS / 10)), ("test_acc", points([1], [0.5]))])
    settled(page, qtbot)
    qtbot.waitUntil(lambda: page.charts()[0]._header.legend.toolTip().endswith("test 0.5000"))
    page.add_points([("test_acc", points([2], [0.75]))])
    settled(page, qtbot)
    assert curves(page) == {"acc": EPOCHS.tolist(), "test_acc": [1, 2]}
    qtbot.waitUntil(lambda: "test 0.5" not in page.charts()[0]._header.legend.toolTip())


def test_charts_begin_anew_and_keep_what_was_chosen(page, qtbot):
    page.add_points([("loss", points(EPOCHS, EPOCHS)), ("acc", points(EPOCHS, EPOCHS))])
    page.restore_view({"log": True, "x_axis": "relative"})
    settled(page, qtbot)
    page.clear()
    assert page.metrics() == []
    page.add_points([("other", points([1, 2], [3, 4]))])
    settled(page, qtbot)
    assert [chart.title for chart in page.charts()] == ["other"]
    assert page.charts()[0].log
    assert page.view_state()["x_axis"] == "relative"
    assert curves(page)["other"][0] == 0
