import subprocess
import sys

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter, QWheelEvent
from PySide6.QtWidgets import QTableView

from app.ui.charts.buffer import SeriesBuffer
from app.ui.charts.canvas import Canvas
from app.ui.charts.chart import Chart
from app.ui.charts.sparkline import paint_sparkline
from app.ui.theme import theme
from tests.ui.charts.points import points


@pytest.fixture
def chart(qtbot) -> Chart:
    found = Chart("loss")
    qtbot.addWidget(found)
    found.resize(500, 300)
    found.set_curve("loss", np.arange(1, 26), 100 / np.arange(1, 26), colour_index=0, kind="points")
    found.set_curve("val_loss", np.arange(1, 26), 120 / np.arange(1, 26), colour_index=1)
    found.show()
    qtbot.waitExposed(found)
    return found


def canvas(chart: Chart) -> Canvas:
    return chart.findChild(Canvas)


def wheel(on: Canvas, modifiers=Qt.KeyboardModifier.NoModifier):
    at = QPointF(on.rect().center())
    on.wheelEvent(
        QWheelEvent(
            at, at, QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, modifiers, Qt.ScrollPhase.NoScrollPhase, False
        )
    )


def legend(chart: Chart) -> str:
    return chart._header.legend.toolTip()


def drawn(chart: Chart) -> QImage:
    return canvas(chart).grab().toImage()


def test_the_legend_shows_the_last_value_of_every_curve_and_values_that_are_no_curve(chart, qtbot):
    chart.set_note("test", 9.726)
    qtbot.waitUntil(lambda: legend(chart).splitlines() == ["loss", "loss 4.00", "val_loss 4.80", "test 9.73"])


def test_a_curve_is_drawn_in_its_colour(chart):
    image = drawn(chart)
    colours = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert theme().tokens.series[0].lower() in colours


def test_the_same_buffer_again_brings_only_what_was_appended(chart):
    buffer = SeriesBuffer()
    buffer.append(points([1, 2], [5.0, 4.0]))
    curve = chart.curve("loss")
    curve.set_data(buffer)
    pyramid = curve.pyramid
    buffer.append(points([3], [3.0]))
    curve.set_data(buffer)
    assert curve.pyramid is pyramid
    assert (pyramid.y.tolist(), curve.last) == ([5.0, 4.0, 3.0], 3.0)


def test_the_wheel_zooms_x_and_with_shift_y_and_a_double_click_shows_all(chart, qtbot):
    wheel(canvas(chart))
    (x, y) = canvas(chart).view
    assert x is not None
    assert y is None
    assert not chart.follow
    wheel(canvas(chart), Qt.KeyboardModifier.ShiftModifier)
    assert canvas(chart).view[1] is not None
    qtbot.mouseDClick(canvas(chart), Qt.MouseButton.LeftButton)
    assert chart.follow


def test_a_dragged_box_is_what_is_shown_and_stays_so_when_points_come(chart, qtbot):
    area = canvas(chart).laid_out().area
    begin = area.topLeft().toPoint() + QPoint(100, 20)
    qtbot.mousePress(canvas(chart), Qt.MouseButton.LeftButton, pos=begin)
    qtbot.mouseMove(canvas(chart), begin + QPoint(100, 100))
    qtbot.mouseRelease(canvas(chart), Qt.MouseButton.LeftButton, pos=begin + QPoint(100, 100))
    low, high = canvas(chart).view[0]
    assert 1 < low < high < 25
    chart.curve("loss").append([26.0], [1.0])
    assert canvas(chart).view[0] == (low, high)
    assert not chart.follow
    qtbot.waitUntil(chart._header.follow.isVisible)
    qtbot.mouseClick(chart._header.follow, Qt.MouseButton.LeftButton)
    assert chart.follow


def test_the_keys_move_the_cursor_zoom_and_copy_what_it_reads(chart, qtbot):
    plot = canvas(chart)
    plot.setFocus()
    told = []
    chart.cursor_moved.connect(told.append)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert told == [1, 2]
    qtbot.keyClick(plot, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "step 2\nval_loss\t60.00\nloss\t50.00"
    qtbot.keyClick(plot, Qt.Key.Key_Plus)
    assert not chart.follow
    qtbot.keyClick(plot, Qt.Key.Key_Home)
    assert chart.follow


def test_the_mouse_shows_values_sorted_and_leaving_takes_the_cursor_away(chart, qtbot):
    area = canvas(chart).laid_out().area
    qtbot.mouseMove(canvas(chart), area.center().toPoint())
    assert chart.readout.startswith("step 13\nval_loss\t9.23\nloss\t7.69")
    canvas(chart).leaveEvent(None)
    assert chart.readout == ""


def test_a_logarithmic_axis_says_how_many_values_it_hides(chart, qtbot):
    chart.curve("loss").set_data(([1, 2, 3, 4], [0.0, -1.0, 5.0, 0.0]))
    chart.log = True
    assert chart._header.legend._note == "3 values hidden"
    drawn(chart)
    chart.log = False
    assert chart._header.legend._note == ""


def test_values_that_are_not_finite_are_counted_and_do_not_break_the_scale(chart, qtbot):
    chart.remove_curve("val_loss")
    chart.curve("loss").set_data(([1, 2, 3], [1.0, np.nan, np.inf]))
    drawn(chart)
    scale = canvas(chart).laid_out().y
    assert np.isfinite([scale.low, scale.high]).all()
    qtbot.waitUntil(lambda: chart._header.legend._note == "2 values not finite")
    qtbot.mouseMove(canvas(chart), QPoint(round(canvas(chart).laid_out().x.pixel(2)), 50))
    assert chart.readout.endswith("loss\tNaN")


@pytest.mark.parametrize(
    "values", [[], [5.0], [np.nan] * 3, [np.inf], [0.0, 0.0], [1e308, -1e308], [1e-320, 1e300], [-5.0, -6.0]]
)
@pytest.mark.parametrize("log", [False, True])
def test_whatever_the_values_are_the_chart_is_drawn(chart, values, log):
    chart.remove_curve("val_loss")
    chart.log = log
    chart.set_progress(2.0)
    chart.add_event(1, "lr 5e-4")
    chart.curve("loss").set_data((np.arange(len(values)), values))
    assert not drawn(chart).isNull()


def test_points_are_copied_and_exported_as_csv(chart, qtbot, tmp_path):
    chart.curve("loss").set_data(([1, 2], [0.1, np.nan]))
    chart.curve("val_loss").set_data(([2], [0.25]))
    expected = "step,loss,val_loss\n1,0.1,\n2,nan,0.25\n"
    QGuiApplication.clipboard().clear()
    chart._copy_csv()
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() == expected)
    chart.export_csv(str(tmp_path / "loss.csv"))
    qtbot.waitUntil(lambda: (tmp_path / "loss.csv").exists() and (tmp_path / "loss.csv").read_text() == expected)
    with qtbot.waitSignal(chart.failed) as told:
        chart.export_csv(str(tmp_path))
    assert str(tmp_path) in told.args[0]


def test_the_menu_offers_the_points_as_a_table(chart, qtbot):
    menu = chart.menu()
    assert [action.text() for action in menu.actions() if action.text()] == [
        "Log axis", "Copy image", "Copy CSV", "Export CSV…", "Show as table", "Reset zoom",
    ]  # fmt: skip
    next(action for action in menu.actions() if action.text() == "Show as table").trigger()
    qtbot.waitUntil(lambda: chart.findChild(QTableView) is not None)
    model = chart.findChild(QTableView).model()
    assert [model.headerData(column, Qt.Orientation.Horizontal) for column in range(3)] == ["step", "loss", "val_loss"]
    assert [model.index(1, column).data() for column in range(3)] == ["2", "50.0000", "60.0000"]


def test_the_chart_asks_to_be_expanded_by_its_button_and_by_a_double_click_on_its_header(chart, qtbot):
    with qtbot.waitSignal(chart.expanded):
        qtbot.mouseClick(chart._header.expand, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(chart.expanded):
        qtbot.mouseDClick(chart._header.legend, Qt.MouseButton.LeftButton)


def test_a_sparkline_is_drawn_for_any_values(qapp):
    image = QImage(60, 20, QImage.Format.Format_ARGB32)
    for values in ([], [np.nan], [1.0], [1.0, 1.0], [np.inf, 2.0, 1.0], np.random.default_rng(1).random(10_000)):
        image.fill(0)
        painter = QPainter(image)
        paint_sparkline(painter, QRectF(0, 0, 60, 20), values, QColor("#0167DA"))
        painter.end()
        is_drawn = any(image.pixel(x, y) for x in range(60) for y in range(20))
        assert is_drawn == bool(np.isfinite(values).any())


def test_charts_need_no_library_but_qt_and_numpy():
    code = (
        "import sys, app.ui.charts.metric_charts as _; print({'pyqtgraph', 'scipy', 'matplotlib'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
