"""The runs of a workspace as a command needs them: all of them, as they are now, whether or not they can be indexed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from app.cli.output import complain
from app.records.layout import Workspace
from app.records.library import Library

#: Nothing is told of what takes less than that (seconds).
_SHOWN_AFTER = 0.5


@contextmanager
def opened(workspace: Workspace) -> Iterator[tuple[Library, dict[str, tuple[str, ...]]]]:
    """Yield a library that is up to date, and by the name of a source what could not be looked at in it.

    Where the index cannot be written, that is said once, and everything is read into memory. A folder that is no
    workspace yet does not become one because somebody looks what is in it.

    Raises:
        OSError: there is not even memory for it.
    """
    is_workspace = workspace.private.is_dir() or workspace.trainings.is_dir()
    library = Library(workspace, memory=not is_workspace)
    try:
        if is_workspace and not library.index.is_kept:
            complain(f"{workspace.private}: the index cannot be written here, so what is new is read into memory")
        try:
            problems = bring_up_to_date(library)
        except OSError as error:
            complain(f"{error}; all runs are read into memory")
            library.close()
            library = Library(workspace, memory=True)
            problems = bring_up_to_date(library)
        yield library, problems
    finally:
        library.close()


def bring_up_to_date(library: Library) -> dict[str, tuple[str, ...]]:
    """Read what has changed, telling how far that is on a terminal; return what could not be looked at, by source.

    Raises:
        OSError: the index cannot be written.
    """
    problems: dict[str, tuple[str, ...]] = {}
    before = total = 0
    with tqdm(total=0, desc="reading", unit=" runs", disable=None, delay=_SHOWN_AFTER, leave=False) as bar:
        for progress in library.update():
            if progress.source not in problems:
                problems[progress.source] = progress.problems
                before, total = total, total + progress.total
                bar.total = total
            bar.update(before + progress.done - bar.n)
    return problems
