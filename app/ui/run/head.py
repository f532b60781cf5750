"""The head of a run's page, whoever made the run: its state, its name, what was when, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QPushButton, QSizePolicy, QToolButton, QVBoxLayout

from app.ui.controls import ElidedLabel, Sign, StateBadge, button, icon_button
from app.ui.icons import icon
from app.ui.theme import ui_font
from app.ui.tokens import RUN_NAME

TRACKERS = {"tensorboard": "TensorBoard", "mlflow": "MLflow"}
_TRACKER_ICONS = {"tensorboard": "chart-line", "mlflow": "refresh-cw"}
#: The name of a run is shown up to here before buttons give way; margins, gaps and the experiment need this (px).
_MOST_NAME, _OTHER_WIDTH = 240, 150


class Head(QFrame):
    """State, name, experiment, buttons; those for which there is no room are in the menu of the last one.

    Args:
        name: what the run is called.
        experiment: what it belongs to.
        state: its state.
    """

    def __init__(self, name: str, experiment: str, state: str) -> None:
        super().__init__()
        self.setProperty("kind", "content")
        self._badge = StateBadge(state)
        self._badge.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._name = ElidedLabel("", "run")
        self._name.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.show_name(name)
        self._experiment = ElidedLabel(experiment, "secondary")
        self._buttons: list[QPushButton] = []
        self._shrinking: list[QPushButton] = []
        self._more = icon_button("ellipsis", self.tr("More"))
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self._more)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._more.setMenu(self._menu)
        self._facts = QHBoxLayout()
        self._facts.setSpacing(16)
        self._shown_facts: list[tuple[str, str, str]] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 10, 16, 8)
        self._column.setSpacing(6)

    def lay_out(self, buttons: Sequence[QPushButton], shrinking: Sequence[QPushButton]) -> None:
        """Place everything.

        Args:
            buttons: from left to right.
            shrinking: those of them that give way, the first first.
        """
        self._buttons, self._shrinking = list(buttons), list(shrinking)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._badge)
        row.addSpacing(4)
        row.addWidget(self._name)
        row.addWidget(icon_button("copy", self.tr("Copy the run's id"), self.copy_id))
        row.addWidget(self._experiment)
        row.addStretch(1)
        for shown in buttons:
            row.addWidget(shown)
        row.addWidget(self._more)
        self._column.addLayout(row)
        self._column.addLayout(self._facts)

    # What a run has

    def wanted(self) -> list[QPushButton]:
        """Return the buttons that this run has now, in their order."""
        raise NotImplementedError

    def copies(self) -> list[tuple[str, Callable[[], None]]]:
        """Return what can be copied, by the text of its entry in the menu."""
        raise NotImplementedError

    def copy_id(self) -> None:
        """Put what finds the run again into the clipboard."""
        raise NotImplementedError

    # What is shown

    def show_name(self, name: str) -> None:
        """Show what the run is called."""
        self._name.setText(name)
        written = QFontMetrics(ui_font(RUN_NAME, 600)).horizontalAdvance(name)
        self._name_width = min(written + 2, _MOST_NAME)
        self._name.setMinimumWidth(self._name_width)

    def show_facts(self, facts: Sequence[tuple[str, str, str]]) -> None:
        """Name what was when, under the name, which then needs no experiment beside it.

        Args:
            facts: icon, text and tooltip of each.
        """
        if self._shown_facts == list(facts):
            return
        self._shown_facts = list(facts)
        self._experiment.setVisible(not facts)
        while (item := self._facts.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for sign, text, tip in facts:
            self._facts.addWidget(_Fact(sign, text, tip))
        if facts:
            self._facts.addStretch(1)

    def arrange(self) -> None:
        """Show as many buttons as there is room for; the others are in the menu."""
        wanted = self.wanted()
        room = self.width() - self._name_width - self._badge.sizeHint().width() - _OTHER_WIDTH
        needed = sum(shown.sizeHint().width() + 8 for shown in wanted)
        for shown in self._shrinking:
            if needed <= room:
                break
            if shown in wanted:
                wanted.remove(shown)
                needed -= shown.sizeHint().width() + 8
        for shown in self._buttons:
            shown.setVisible(shown in wanted)

    def minimumSizeHint(self) -> QSize:
        """Return less than all buttons need: what does not fit is in the menu."""
        return QSize(360, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move buttons into the menu and out of it."""
        super().resizeEvent(event)
        self.arrange()

    def _fill_menu(self) -> None:
        self._menu.clear()
        for shown in self.wanted():
            if not shown.isVisibleTo(self):
                self._menu.addAction(shown.icon(), shown.text(), shown.click)
        if self._menu.actions():
            self._menu.addSeparator()
        for text, clicked in self.copies():
            self._menu.addAction(icon("copy"), text, clicked)

    def menu_actions(self) -> list[QAction]:
        """Return what the button "More" offers now."""
        self._fill_menu()
        return self._menu.actions()


class _Fact(QFrame):
    """An icon and a few words."""

    def __init__(self, icon_name: str, text: str, tip: str) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(Sign(icon(icon_name, "text3")))
        row.addWidget(ElidedLabel(text, "secondary"))
        self.setToolTip(tip)


def tracker_button(kind: str, clicked: Callable[[], object]) -> QPushButton:
    """Return the button that opens a run in a tracker's own page."""
    return button(f"Open in {TRACKERS[kind]}", clicked, icon_name=_TRACKER_ICONS[kind])
