"""Icons: sharp at every scale, whole, and in the colours of the theme."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon, QImage, QPixmap

from app.ui.icons import icon, state_icon
from app.ui.theme import theme


def ink(pixmap: QPixmap) -> tuple[int, int, int, int]:
    """Return the box (left, top, right, bottom) of what is drawn, in device pixels."""
    image = pixmap.toImage().convertToFormat(QImage.Format.Format_ARGB32)
    drawn = [(x, y) for y in range(image.height()) for x in range(image.width()) if image.pixelColor(x, y).alpha() > 40]
    xs, ys = [x for x, _ in drawn], [y for _, y in drawn]
    return min(xs), min(ys), max(xs) + 1, max(ys) + 1


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("name", ["layers", "copy", "trash-2"])
def test_a_picture_has_all_pixels_of_the_screen(qapp: object, name: str, ratio: float) -> None:
    pixmap = icon(name).pixmap(QSize(16, 16), ratio)
    assert pixmap.size() == QSize(16, 16) * ratio
    assert pixmap.devicePixelRatio() == ratio
    box, plain = ink(pixmap), ink(icon(name).pixmap(QSize(16, 16), 1.0))
    assert box == pytest.approx([edge * ratio for edge in plain], abs=1 + ratio)


def test_a_wide_box_leaves_its_room_at_the_right(qapp: object) -> None:
    left, _, right, _ = ink(icon("copy").pixmap(QSize(22, 16), 2.0))
    assert left < 6
    assert right <= 32


def test_a_change_of_theme_changes_the_colour(qapp: object) -> None:
    def shown(sign: QIcon) -> QImage:
        return sign.pixmap(QSize(16, 16), 1.0).toImage()

    before = theme().preference
    try:
        theme().prefer("light")
        light = [shown(icon("layers")), shown(state_icon("finished"))]
        theme().prefer("dark")
        dark = [shown(icon("layers")), shown(state_icon("finished"))]
    finally:
        theme().prefer(before)
    assert light[0] != dark[0]
    assert light[1] != dark[1]
