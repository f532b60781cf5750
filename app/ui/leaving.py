"""What is asked before documents are left: what becomes of unsaved changes, and of runs that go on."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from app.ui.dialogs import ask_about_runs
from app.ui.documents import Documents
from app.ui.pages import Page
from app.ui.preferences import Memory

Then = Callable[[], object]


class Leaving:
    """Asks one thing after another; whoever wants to leave comes by again after each answer, until nothing is asked.

    Args:
        documents: the open documents.
        memory: remembers what needs to be said only once.
        parent: the window.
    """

    def __init__(self, documents: Documents, memory: Memory, parent: QWidget) -> None:
        self._documents, self._memory, self._parent = documents, memory, parent
        # Pages whose changes the person has given up, while it is asked about further ones.
        self._given_up: set[Page] = set()

    def forget(self) -> None:
        """Forget the answers: what was asked for has been done."""
        self._given_up = set()

    def asks_about_unsaved(self, then: Then) -> bool:
        """Ask what becomes of the next document with unsaved changes, and call ``then`` once that is known.

        Return False when nothing unsaved stands against leaving.
        """
        given_up, self._given_up = self._given_up, set()
        pages = self._documents.pages()
        unsaved = next((page for page in pages if page.is_modified and page not in given_up), None)
        if unsaved is None:
            self._given_up = given_up
            return False

        def answered() -> None:
            self._given_up = {*given_up, unsaved}
            then()

        self._documents.bring(unsaved)
        unsaved.ask_to_close(answered)
        return True

    def asks_about_runs(self, active: int, then: Then, stop_all: Callable[[Then], object]) -> bool:
        """Say once that runs go on, and call ``then`` where that is well; return False when there is nothing to say.

        Args:
            active: how many runs go on.
            then: leaves.
            stop_all: stops them, and calls what it is given when that has been asked for.
        """
        given_up, self._given_up = self._given_up, set()
        if not active or self._memory.get("said_runs_go_on", False):
            return False

        def leave() -> None:
            self._memory.set(said_runs_go_on=True)
            self._given_up = given_up
            then()

        ask_about_runs(self._parent, active, leave, lambda: stop_all(leave))
        return True
