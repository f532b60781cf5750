"""The index of a workspace as the window has it: read in the background, kept up to date by a process beside it."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.records.layout import Workspace
from app.ui.background import Cancelled, Work, run_in_background

# The readers of all sources take long to import: the window's thread does not.
if TYPE_CHECKING:
    import queue

    from app.records.index import Index
    from app.records.library import Library, SourcePlace

Result = TypeVar("Result")

#: The process begins once the window is there (ms).
_START_AFTER = 100
#: What other programs write to the index is noticed after this time (ms).
_CHECK_EVERY = 1000
#: How often the process is started again after it died by itself.
_MOST_RESTARTS = 1
#: The words of ``app.records.upkeep``, which is not imported for them.
_LOOK, _SEARCH, _END = "look", "search", "end"
#: The states after which nothing happens to a run of ours; a crash may still have to be written down.
_SETTLED = "run.source = execution and run.state in (finished, stopped, failed)"


class Indexing(QObject):
    """Starts the process, hears what it does, and reads the index. Where nothing can be kept, it indexes by itself.

    ``changed`` is emitted when the index has, by this or another program; ``told`` when what is known of the sources
    or of how far the look at them is has changed; ``failed`` with a sentence when the index is not kept up to date.

    Attributes:
        places: the sources that there are.
        problems: what the search for them could not use, a sentence each.
        source_problems: what the look at a source could not read, a sentence each, by its name.
        progress: the source that is looked at, runs that are read and that are to be read; None between looks.
        is_complete: whether every source was looked at once.
    """

    changed = Signal()
    told = Signal()
    failed = Signal(str)
    _heard = Signal(object)

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.places: tuple[SourcePlace, ...] = ()
        self.problems: tuple[str, ...] = ()
        self.source_problems: dict[str, tuple[str, ...]] = {}
        self.progress: tuple[str, int, int] | None = None
        self.is_complete = False
        self._workspace = workspace
        self._index: Index | None = None
        self._version: object = None
        #: Held while the index is used; the other one while something is said or the end is near.
        self._using, self._telling = threading.Lock(), threading.Lock()
        self._is_closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted: queue.SimpleQueue[str] | None = None
        self._starts = 0
        self._heard.connect(self._on_heard, Qt.ConnectionType.QueuedConnection)
        self._checks = 0
        self._timer = QTimer(self, interval=_CHECK_EVERY)
        self._timer.timeout.connect(self._check_version)

    def start(self) -> None:
        """Have the index kept up to date from now on."""
        QTimer.singleShot(_START_AFTER, self, self._start)
        self._timer.start()

    def close(self) -> None:
        """Let the process end, and close the index once nobody reads it any more."""
        self._timer.stop()
        with self._telling:
            self._is_closed = True
        self._drop_process()
        if self._wanted is not None:
            self._wanted.put(_END)  # whose thread closes it
        else:
            run_in_background(self, lambda _work: self._close_index())

    def look(self) -> None:
        """Have all sources looked at now."""
        self._ask(_LOOK)

    def search(self) -> None:
        """Have sources searched for now, and looked at."""
        self._ask(_SEARCH)

    def read(
        self,
        owner: QObject,
        function: Callable[[Index], Result],
        done: Callable[[Result], None],
        *,
        failed: Callable[[Exception], None] | None = None,
    ) -> Work[Result]:
        """Call a function with the index from a thread, and ``done`` with its result on the window's.

        Args:
            owner: whose work it is; once it is deleted nothing is delivered any more.
            function: nothing else uses the index meanwhile.
            done: called with the result, unless the workspace was closed.
            failed: called with the exception; without it the exception is reported.
        """

        def work(_work: Work[Result]) -> Result:
            with self._using:
                return function(self._opened())

        def give_up(error: Exception) -> None:
            if isinstance(error, Cancelled):
                return
            if failed is None:
                raise error
            failed(error)

        return run_in_background(owner, work, done, failed=give_up)

    def settled_runs(self) -> Collection[str]:
        """Return the folders of our runs that the index has the end of, relative to the workspace; from any thread."""
        try:
            with self._using:
                index = self._opened()
                (paths,) = index.table(index.query(_SETTLED), ["run.path"]).values()
                return frozenset(text for text in paths if isinstance(text, str))
        except (OSError, Cancelled):
            return frozenset()

    # The index

    def _opened(self) -> Index:
        """Return the index; whoever calls holds ``_using``. Raises Cancelled once the workspace is closed."""
        if self._is_closed:
            raise Cancelled
        if self._index is None:
            from app.records.index import Index

            self._index = Index(self._workspace)
        return self._index

    def _close_index(self) -> None:
        with self._using:
            if self._index is not None:
                self._index.close()
                self._index = None

    def _check_version(self) -> None:
        """Find out whether the index has changed; what is asked while that goes on is asked once more after it."""
        self._checks += 1
        if self._checks == 1:
            self.read(self, lambda index: index.version, self._on_version, failed=self._on_version)

    def _on_version(self, version: object) -> None:
        is_outdated, self._checks = self._checks > 1, 0
        # An index that cannot be read is told by who reads more of it than that.
        if version != self._version and not isinstance(version, Exception):
            self._version = version
            self.changed.emit()
        if is_outdated:
            self._check_version()

    # Who keeps it

    def _start(self) -> None:
        if self._is_closed:
            return
        self._starts += 1

        def work(_work: Work[None]) -> None:
            from app.jobs.indexing import indexing_command
            from app.jobs.launch import start_process

            arguments = indexing_command(self._workspace)
            process = start_process(arguments, cwd=self._workspace.root, output=subprocess.PIPE)
            threading.Thread(target=self._listen, args=(process,), name="indexing", daemon=True).start()
            with self._telling:
                if not self._is_closed:
                    self._process = process
                    return
            _let_go(process)

        def failed(error: Exception) -> None:
            self._index_here(f"the program that does it could not be started: {error}")

        run_in_background(self, work, failed=failed)

    def _ask(self, what: str) -> None:
        if self._wanted is not None:
            self._wanted.put(what)
        elif self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):  # its end is heard of elsewhere
                self._process.stdin.write(what.encode() + b"\n")
                self._process.stdin.flush()
        elif self.is_complete and not self._is_closed:
            self._starts = 0
            self._start()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Hear a process to its end, from a thread."""
        from app.jobs.indexing import from_line

        assert process.stdout is not None
        said: list[str] = []
        with process.stdout as output:
            for line in output:
                text = line.decode("utf-8", "replace")
                try:
                    news = from_line(text)
                except ValueError:
                    said.append(text.strip())
                    continue
                self._tell(news)
                if isinstance(news, str):
                    process.wait()
                    return
        process.wait()
        self._tell(_Ended(next((line for line in reversed(said) if line), f"exit status {process.returncode}")))

    def _tell(self, what: object) -> None:
        with self._telling:
            if not self._is_closed:
                self._heard.emit(what)

    def _on_heard(self, news: Any) -> None:
        from app.records.index import Progress
        from app.records.upkeep import Complete, Sources

        if self._is_closed:
            return
        match news:
            case Sources(places, problems):
                self.places, self.problems = places, problems
            case Progress(source, done, total, problems):
                self.progress = (source, done, total) if done < total else None
                if done == 0 or problems:
                    self.source_problems[source] = problems
            case Complete():
                self.is_complete, self.progress = True, None
            case _Ended(why):
                self._on_end(why)
            case why:
                self._index_here(why)
        self.told.emit()
        self._check_version()

    def _on_end(self, why: str) -> None:
        self._drop_process()
        self.progress = None
        if self._starts <= _MOST_RESTARTS:
            self._start()
            return
        self.is_complete = True  # as far as it goes
        self.failed.emit(f"Runs that are new or have changed are not found any more: {why}. F5 tries it again.")

    def _index_here(self, why: str) -> None:
        """Do in a thread what the process cannot do, and keep nothing of it."""
        import queue

        from app.records.library import Library

        self._drop_process()
        wanted = self._wanted = queue.SimpleQueue()

        def work() -> None:
            from app.records.upkeep import keep_up

            library = Library(self._workspace)
            if library.index.is_kept:  # it can be opened and yet not be written
                library.close()
                library = Library(self._workspace, memory=True)
            with library:
                self._use(library)
                for news in keep_up(library, wanted):
                    self._tell(news)
                self._close_index()

        threading.Thread(target=work, name="indexing", daemon=True).start()
        self.failed.emit(f"Runs are read anew at each start, because {why}.")

    def _drop_process(self) -> None:
        with self._telling:
            process, self._process = self._process, None
        if process is not None:
            _let_go(process)

    def _use(self, library: Library) -> None:
        with self._using:
            if self._index is not None:
                self._index.close()
            self._index = library.index


class _Ended:
    """The process is gone without having said why."""

    __match_args__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Tell a process that nobody listens any more; it ends when it has written what it has in hand."""
    from app.jobs.launch import reap_later

    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    reap_later(process)
