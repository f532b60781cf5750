"""The example that ships with Trackside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.resources import resource
from app.ui.background import Work, run_in_background
from app.ui.session import Session

if TYPE_CHECKING:
    from app.config.loading import LoadedConfig

EXAMPLE = resource("experiments", "boston_housing.json")


def run_example(session: Session) -> None:
    """Train the example in a workspace."""

    def work(_work: Work[LoadedConfig]) -> LoadedConfig:
        from app.config.loading import load

        return load(EXAMPLE)

    def failed(error: Exception) -> None:
        session.notice.emit("error", f"The example could not be read: {error}")

    run_in_background(session, work, session.submit, failed=failed)


def show_example_config(session: Session) -> None:
    """Open the example's config in the editor, as a document that is no file yet."""

    def work(_work: Work[Mapping[str, Any]]) -> Mapping[str, Any]:
        from app.config.documents import read_document

        return read_document(EXAMPLE)

    run_in_background(session, work, lambda document: session.draft_requested.emit(dict(document), EXAMPLE.name))
