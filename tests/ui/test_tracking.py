"""The trackers' pages as the window opens them: a real server, a browser that only notes where it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest
import qasync
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app.jobs.servers import command_line
from app.records.layout import ExecutionFolder
from app.ui.session import Session
from app.ui.tracking import TrackingPages
from tests.mirroring import mirror_run
from tests.running import serving_processes, wait_until

Said = list[tuple[str, ...]]


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[qasync.QEventLoop]:
    """The event loop of the program, which runs while a test waits for something in it."""
    with qasync.QEventLoop(qapp, already_running=False) as loop:
        yield loop
        if left := asyncio.all_tasks(loop):
            loop.run_until_complete(asyncio.wait(left))


@pytest.fixture
def visited() -> list[str]:
    return []


@pytest.fixture
def pages(loop: qasync.QEventLoop, session: Session, visited: list[str]) -> Iterator[TrackingPages]:
    def browse(address: str) -> bool:
        visited.append(address)
        return True

    pages = TrackingPages(session, browse=browse)
    yield pages
    pages.close()
    assert not serving_processes()


@pytest.fixture
def said(pages: TrackingPages, session: Session) -> Said:
    """Everything that is told of the pages, in its order."""
    said: Said = []
    pages.progress.connect(lambda *words: said.append(("progress", *words)))
    pages.opened.connect(lambda *words: said.append(("opened", *words)))
    pages.failed.connect(lambda *words: said.append(("failed", *words)))
    pages.changed.connect(lambda: said.append(("changed", *pages.addresses().values())))
    session.notice.connect(lambda *words: said.append(("notice", *words)))
    return said


def run_until(loop: qasync.QEventLoop, said: Said, *begin: Callable[[], object], until: tuple[str, ...]) -> None:
    """Do something in the running loop, and let it run until something is said."""

    async def wait() -> None:
        for act in begin:
            act()
        async with asyncio.timeout(120):
            while not any(words[: len(until)] == until for words in said):
                await asyncio.sleep(0.01)

    loop.run_until_complete(wait())


def test_a_run_is_opened_in_the_browser_and_its_server_ends_with_the_pages(
    loop: qasync.QEventLoop,
    pages: TrackingPages,
    record: Callable[..., ExecutionFolder],
    visited: list[str],
    said: Said,
) -> None:
    run = record()
    mirror_run(run, {"type": "tensorboard"})

    run_until(loop, said, lambda: pages.open(run.path, "tensorboard"), until=("progress", "tensorboard", ""))

    (address,) = visited
    parts = urlsplit(address)
    base = f"{parts.scheme}://{parts.netloc}"
    with build_opener(ProxyHandler({})).open(f"{base}/data/runs", timeout=30) as answer:
        assert json.load(answer) == [run.execution_id]
    assert pages.addresses() == {"tensorboard": base}
    assert said == [
        ("progress", "tensorboard", "Starting TensorBoard"),
        ("changed", base),
        ("progress", "tensorboard", "Waiting until TensorBoard shows this run"),
        ("changed", base),
        ("opened", "tensorboard", address),
        ("progress", "tensorboard", ""),
    ]
    pages.close()
    assert pages.addresses() == {}
    assert said[-1] == ("changed",)


def test_a_run_that_was_not_mirrored_is_said_to_be_so(
    loop: qasync.QEventLoop,
    pages: TrackingPages,
    record: Callable[..., ExecutionFolder],
    visited: list[str],
    said: Said,
) -> None:
    run = record()

    run_until(loop, said, lambda: pages.open(run.path, "mlflow"), until=("progress", "mlflow", ""))

    assert ("failed", "mlflow", "This run was not mirrored to MLflow", "") in said
    assert visited == []


def test_a_page_that_is_no_longer_wanted_is_not_opened(
    loop: qasync.QEventLoop,
    pages: TrackingPages,
    record: Callable[..., ExecutionFolder],
    visited: list[str],
    said: Said,
) -> None:
    run = record()
    mirror_run(run, {"type": "tensorboard"})
    starting = ("progress", "tensorboard", "Starting TensorBoard")

    run_until(loop, said, lambda: pages.open(run.path, "tensorboard"), until=starting)
    run_until(loop, said, lambda: pages.cancel("tensorboard"), until=("progress", "tensorboard", ""))

    assert said == [starting, ("progress", "tensorboard", "")]
    assert visited == []
    assert not serving_processes()


def test_pages_that_are_closed_while_a_server_starts_leave_nothing(
    loop: qasync.QEventLoop, pages: TrackingPages, record: Callable[..., ExecutionFolder], said: Said
) -> None:
    run = record()
    mirror_run(run, {"type": "tensorboard"})
    starting = ("progress", "tensorboard", "Starting TensorBoard")

    run_until(loop, said, lambda: pages.prestart("mlflow"), lambda: pages.open(run.path, "tensorboard"), until=starting)
    wait_until(serving_processes, "the servers are there")
    pages.close()

    assert not serving_processes()


def test_where_no_browser_can_be_started_the_address_is_said(
    loop: qasync.QEventLoop, session: Session, record: Callable[..., ExecutionFolder]
) -> None:
    run = record()
    mirror_run(run, {"type": "tensorboard"})
    pages = TrackingPages(session, browse=lambda _address: False)
    said: Said = []
    pages.failed.connect(lambda *words: said.append(words))

    run_until(loop, said, lambda: pages.open(run.path, "tensorboard"), until=("tensorboard",))

    ((_, message, _),) = said
    assert message.startswith(f"No browser could be started here. The page is at {pages.addresses()['tensorboard']}/?")
    pages.close()


def test_the_command_is_copied(
    loop: qasync.QEventLoop, pages: TrackingPages, record: Callable[..., ExecutionFolder], said: Said
) -> None:
    run = record()
    mirror_run(run, {"type": "tensorboard"})

    run_until(loop, said, lambda: pages.copy_command(run.path, "tensorboard"), until=("notice", "info"))

    assert QGuiApplication.clipboard().text() == command_line("tensorboard", run)
