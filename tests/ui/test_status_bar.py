"""The line below: what there is no room for goes, the least needed first."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.ui.controls import ElidedLabel
from app.ui.status_bar import StatusBar, _Machine

PATH = "trainings/boston_housing/executions/11-19-05__21-11-2026-2"


def test_addresses_and_state_stay_whole_where_there_is_little_room(qtbot: QtBot) -> None:
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.resize(1440, 26)
    bar.show()
    bar._show(_Machine(12.0, 3 << 30, 24 << 30, 73 << 30))
    bar.show_page(("Finished, 25 epochs", "best val_loss 13.500 at epoch 2", PATH), None)
    bar.show_addresses({"tensorboard": "127.0.0.1:36006", "mlflow": "127.0.0.1:45001"})
    measures = (bar._memory, bar._cpu, bar._disk)
    assert all(measure.isVisible() for measure in measures)
    bar.resize(860, 26)
    assert not bar._memory.isVisible()
    parts = [*bar._page, *bar._addresses, *(each for each in measures if each.isVisible())]

    def fit() -> bool:
        right = max(part.mapTo(bar, part.rect().topRight()).x() for part in parts)
        whole = (part for part in parts if not isinstance(part, ElidedLabel))
        return right <= bar.width() and all(part.width() >= part.sizeHint().width() for part in whole)

    qtbot.waitUntil(fit)
    bar.resize(1440, 26)
    assert all(measure.isVisible() for measure in measures)
