from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.log import (
    LogEntry,
    LogFile,
    append_entry,
    format_entry,
    logger,
    parse_entries,
    read_last_words,
    read_tail,
)

SEED_LOG = """\
2019-04-08 06:16:31,749 - gymnosd - INFO - Trainer - Running experiment: 06-16-31__08-04-2019 ...
2019-04-08 06:16:31,811 - gymnosd - DEBUG - Trainer - Loading data took 0.78s
2019-04-08 06:16:32,001 - my-own tool - ERROR - Main - it failed - badly
Traceback (most recent call last):
  File "train.py", line 3
ValueError: no
"""


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "execution.log"


@pytest.fixture
def handler(log_path: Path) -> Iterator[LogFile]:
    handler = LogFile(log_path)
    ours, other = logging.getLogger("trackside"), logging.getLogger("absl")
    for source in (ours, other):
        source.addHandler(handler)
        source.setLevel(logging.DEBUG)
    yield handler
    for source in (ours, other):
        source.removeHandler(handler)
        source.setLevel(logging.NOTSET)
    handler.close()


def say(handler: LogFile, message: object, *arguments: object) -> None:
    """Log to one handler only: pytest's own does not forgive what ours must."""
    handler.handle(logging.LogRecord("trackside.Main", logging.INFO, __file__, 1, message, arguments, None))


def test_an_entry_has_the_documented_form(handler: LogFile, log_path: Path) -> None:
    logger("Trainer").info("Fitting model with %d samples ...", 303)
    pattern = (
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - trackside - INFO - Trainer - Fitting model with 303 samples \.\.\.\n"
    )
    assert re.fullmatch(pattern, log_path.read_text())


def test_the_time_of_an_entry_is_local_and_has_milliseconds() -> None:
    when = time.mktime((2019, 4, 8, 6, 16, 31, 0, 0, -1)) + 0.75
    assert format_entry(when, "INFO", "Main", "x") == "2019-04-08 06:16:31,750 - trackside - INFO - Main - x\n"


def test_what_libraries_say_is_there_at_debug(handler: LogFile, log_path: Path) -> None:
    logging.getLogger("absl").error("chatter")
    (entry,) = parse_entries(log_path.read_text().splitlines())
    assert (entry.level, entry.component, entry.message) == ("DEBUG", "absl", "chatter")


def test_a_traceback_and_more_lines_belong_to_their_entry(handler: LogFile, log_path: Path) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logger("Main").exception("It failed:\nbadly")
    logger("Main").info("after")
    failed, after = parse_entries(log_path.read_text().splitlines())
    assert failed.message.startswith("It failed:\nbadly\nTraceback (most recent call last):\n")
    assert failed.message.endswith("ValueError: first\nsecond")
    assert after.message == "after"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_message_comes_back(message: str) -> None:
    text = format_entry(0.0, "INFO", "Main", message)
    (entry,) = parse_entries(text.removesuffix("\n").split("\n"))
    assert entry.message.split() == message.split()


def test_logs_of_other_programs_are_read() -> None:
    entries = list(parse_entries(SEED_LOG.splitlines()))
    assert [(entry.program, entry.level, entry.component) for entry in entries] == [
        ("gymnosd", "INFO", "Trainer"),
        ("gymnosd", "DEBUG", "Trainer"),
        ("my-own tool", "ERROR", "Main"),
    ]
    assert entries[2].message.startswith("it failed - badly\nTraceback")
    assert entries[2].message.endswith("ValueError: no")


def test_lines_before_the_first_entry_are_an_entry_of_their_own() -> None:
    first, second = parse_entries(["warming up", "still", *SEED_LOG.splitlines()[:1]])
    assert first == LogEntry("", "", "INFO", "", "warming up\nstill")
    assert second.component == "Trainer"
    assert list(parse_entries([])) == []


@pytest.mark.parametrize("arguments", [("%d samples", "many"), (object(), "x"), ("%s",)])
def test_a_wrong_format_string_ends_nothing(handler: LogFile, log_path: Path, arguments: tuple[object, ...]) -> None:
    say(handler, *arguments)
    assert " - trackside - INFO - Main - " in log_path.read_text()


def test_a_message_that_cannot_be_shown_ends_nothing(handler: LogFile, log_path: Path) -> None:
    class Silent:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    say(handler, Silent())
    assert "(a Silent without a text)" in log_path.read_text()


def test_a_message_that_logs_while_it_is_made_is_written_too(handler: LogFile, log_path: Path) -> None:
    class Talking:
        def __str__(self) -> str:
            say(handler, "on the way")
            return "outer"

    say(handler, "%s", Talking())
    assert [entry.message for entry in parse_entries(log_path.read_text().splitlines())] == ["on the way", "outer"]


def test_entries_wait_while_the_disk_is_full(handler: LogFile, log_path: Path) -> None:
    logger("Main").info("before")
    to_log = os.dup(handler._descriptor)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, handler._descriptor)
    logger("Main").info("first")
    logger("Main").info("second")
    assert not handler.retry()
    os.dup2(to_log, handler._descriptor)
    assert handler.retry()
    logger("Main").info("after")
    os.close(to_log)
    os.close(full)
    messages = [entry.message for entry in parse_entries(log_path.read_text().splitlines())]
    assert messages == ["before", "first", "second", "after"]


def test_a_log_that_is_closed_takes_nothing_more(log_path: Path) -> None:
    handler = LogFile(log_path)
    handler.close()
    handler.close()
    handler.emit(logging.makeLogRecord({"name": "trackside.Main", "msg": "late", "levelname": "INFO"}))
    assert log_path.read_text() == ""


def test_the_output_of_a_process_goes_to_its_log(log_path: Path) -> None:
    program = (
        "import os, sys, pathlib, logging\n"
        "from app.records.log import LogFile, logger\n"
        "handler = LogFile(pathlib.Path(sys.argv[1]))\n"
        "handler.take_output()\n"
        "logging.getLogger().addHandler(handler)\n"
        "logger('Main').warning('an entry')\n"
        "os.write(2, b'native output\\n')\n"
        "handler.sync()\n"
    )
    subprocess.run([sys.executable, "-c", program, log_path], check=True, cwd=Path(__file__).parents[2])
    (entry,) = parse_entries(log_path.read_text().splitlines())
    assert entry.message == "an entry\nnative output"


def test_a_forked_process_can_log_while_its_parent_does(log_path: Path) -> None:
    program = (
        "import logging, os, pathlib, sys, threading, warnings\n"
        "from app.records.log import LogFile, logger\n"
        "warnings.simplefilter('ignore')\n"
        "handler = LogFile(pathlib.Path(sys.argv[1]))\n"
        "logging.getLogger().addHandler(handler)\n"
        "held, forked = threading.Event(), threading.Event()\n"
        "def hold():\n"
        "    handler.acquire(); held.set(); forked.wait(); handler.release()\n"
        "threading.Thread(target=hold).start()\n"
        "held.wait()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    logger('Child').warning('from the child'); os._exit(0)\n"
        "forked.set()\n"
        "os.waitpid(child, 0)\n"
    )
    subprocess.run([sys.executable, "-c", program, log_path], check=True, cwd=Path(__file__).parents[2], timeout=60)
    assert "from the child" in log_path.read_text()


def test_an_entry_is_appended_by_whoever_has_no_handler(log_path: Path) -> None:
    append_entry(log_path, "ERROR", "Keeper", "the worker is gone")
    append_entry(log_path, "INFO", "Keeper", "done")
    assert [entry.component for entry in parse_entries(log_path.read_text().splitlines())] == ["Keeper", "Keeper"]
    full = log_path.with_name("full.log")
    full.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"full\.log'"):
        append_entry(full, "ERROR", "Keeper", "x")


def test_the_last_lines_are_read_without_the_rest(log_path: Path) -> None:
    assert read_tail(log_path, 5) == []
    log_path.write_bytes(b"x" * 1000 + b"\nfirst\nsecond\xff\n")
    assert read_tail(log_path, 2, most_bytes=100) == ["first", "second\N{REPLACEMENT CHARACTER}"]


def test_last_words_are_what_was_printed_after_the_last_entry(log_path: Path) -> None:
    assert read_last_words(log_path, 5) == []
    log_path.write_text("printed before\n")
    append_entry(log_path, "INFO", "Trainer", "Saved checkpoint")
    assert read_last_words(log_path, 5) == []
    with open(log_path, "a") as file:
        file.write("Fatal Python error: Aborted\n\nCurrent thread:\n  File train.py\n")
    assert read_last_words(log_path, 5) == ["Fatal Python error: Aborted", "Current thread:", "  File train.py"]
    assert read_last_words(log_path, 1) == ["  File train.py"]
    append_entry(log_path, "DEBUG", "Trackers", "mlflow started")
    assert read_last_words(log_path, 5) == []
    assert read_last_words(log_path, 2, others=("Keeper", "Trackers")) == ["  File train.py"]
