from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.messages import BATCH_PREFIX, Fact, Message
from app.records.events import end_event, make_event, read_events
from app.records.files import RecordError
from app.records.layout import ExecutionFolder
from app.records.log import LogFile, parse_entries
from app.records.metrics import read_elapsed, read_metrics
from app.records.recorder import Recorder, RecordingError
from app.records.series import read_names, read_series, series_files

Wait = Callable[[Callable[[], object]], None]


@pytest.fixture
def log_file(execution: ExecutionFolder) -> Iterator[LogFile]:
    handler = LogFile(execution.log)
    ours = logging.getLogger("trackside")
    ours.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    yield handler
    ours.removeHandler(handler)
    ours.setLevel(logging.NOTSET)
    handler.close()


@pytest.fixture
def sent() -> list[Message]:
    return []


@pytest.fixture
def recorder(execution: ExecutionFolder, log_file: LogFile, sent: list[Message]) -> Iterator[Recorder]:
    recorder = Recorder(execution, log_file, sent.append)
    yield recorder
    if recorder._thread.is_alive():
        recorder.close("stopped", None, None)


def messages(folder: ExecutionFolder) -> list[str]:
    return [entry.message for entry in parse_entries(folder.log.read_text().splitlines())]


def kinds(folder: ExecutionFolder) -> list[str]:
    return [event["kind"] for event in read_events(folder.events)]


def points(folder: ExecutionFolder, name: str) -> list[tuple[int, float]]:
    found = read_series(series_files(folder.series)[name])
    return [(int(point["step"]), float(point["value"])) for point in found]


def test_closing_writes_everything(recorder: Recorder, execution: ExecutionFolder, sent: list[Message]) -> None:
    recorder.set_platform({"system": "Linux"})
    with recorder.stage("fit_model", epochs=2):
        for epoch in (1, 2):
            for batch in (1, 2):
                recorder.log(BATCH_PREFIX + "loss", 0.1 * batch, batch)
            recorder.log_epoch(epoch, {"loss": 1.0 / epoch, "val/loss": math.nan})
            recorder.event("epoch_end", epoch=epoch, step=2 * epoch)
    recorder.log_test(2, {"test_loss": 0.5})
    recorder.close("finished", None, "done")

    assert kinds(execution) == ["stage_begin", "epoch_end", "epoch_end", "stage_end", "end"]
    assert [message.event["kind"] for message in sent if isinstance(message, Fact)] == kinds(execution)
    end = end_event(execution.events)
    assert end is not None
    assert (end["state"], end["reason"], end["message"]) == ("finished", None, "done")
    assert points(execution, "loss") == [(1, 1.0), (2, 0.5)]
    assert points(execution, "test_loss") == [(2, 0.5)]
    assert points(execution, BATCH_PREFIX + "loss") == [(1, 0.1), (2, 0.2), (1, 0.1), (2, 0.2)]
    for path in series_files(execution.series).values():
        assert len(np.load(path)) == len(read_series(path))
    metrics = read_metrics(execution.metrics)
    assert (metrics["loss"], metrics["test_loss"]) == ([1.0, 0.5], [0.5])
    assert all(value is not None and math.isnan(value) for value in metrics["val/loss"])
    assert read_elapsed(execution.metrics)["fit_model"] > 0
    assert json.loads(execution.metrics.read_text())["platform"] == {"system": "Linux"}


def test_everything_is_readable_while_it_is_recorded(
    recorder: Recorder, execution: ExecutionFolder, wait_until: Wait
) -> None:
    recorder.event("attempt")
    recorder.log_epoch(1, {"loss": 2.0})
    wait_until(lambda: kinds(execution) == ["attempt"])
    wait_until(lambda: "loss" in series_files(execution.series) and points(execution, "loss") == [(1, 2.0)])
    recorder.log_epoch(2, {"loss": 1.0})
    wait_until(lambda: read_metrics(execution.metrics).get("loss") == [2.0, 1.0])
    wait_until(lambda: len(np.load(series_files(execution.series)["loss"])) == 2)


def test_facts_keep_their_order_across_threads(recorder: Recorder, execution: ExecutionFolder) -> None:
    def note() -> None:
        for number in range(500):
            recorder.note(make_event("note", who="keeper", number=number))

    thread = threading.Thread(target=note)
    thread.start()
    for number in range(500):
        recorder.event("note", who="worker", number=number)
        recorder.log("loss", number, number)
    thread.join()
    recorder.close("finished", None, None)
    events = read_events(execution.events)
    for who in ("keeper", "worker"):
        assert [event["number"] for event in events if event.get("who") == who] == list(range(500))
    assert events[-1]["kind"] == "end"
    assert [step for step, _ in points(execution, "loss")] == list(range(500))


def test_logging_touches_no_file_on_the_callers_thread(
    execution: ExecutionFolder, log_file: LogFile, recorder: Recorder
) -> None:
    touched: list[str] = []
    caller = threading.get_ident()

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and threading.get_ident() == caller and event.startswith(("open", "os.", "socket.")):
            touched.append(event)

    watching = True
    sys.addaudithook(watch)
    try:
        for step in range(100):
            recorder.log("loss", 1.0, step)
        recorder.log_epoch(1, {"loss": 1.0})
        recorder.event("epoch_end", epoch=1, step=1)
    finally:
        watching = False
    assert touched == []


def test_metrics_that_are_running_values_are_marked(recorder: Recorder, execution: ExecutionFolder) -> None:
    recorder.keep_running(frozenset(["auc"]))
    for name in ("auc", BATCH_PREFIX + "auc", BATCH_PREFIX + "loss"):
        recorder.log(name, 1.0, 1)
    recorder.close("finished", None, None)
    marks = {entry["name"]: entry.get("running", False) for entry in read_names(execution.series).values()}
    assert marks == {"auc": False, BATCH_PREFIX + "auc": True, BATCH_PREFIX + "loss": False}


def test_a_stage_that_fails_is_timed_too_and_one_that_comes_again_adds_up(
    recorder: Recorder, execution: ExecutionFolder
) -> None:
    with pytest.raises(ValueError, match="no data"), recorder.stage("load_data"):
        raise ValueError("no data")
    before = recorder.metrics.elapsed["load_data"]
    with recorder.stage("load_data"):
        pass
    assert recorder.metrics.elapsed["load_data"] > before > 0
    recorder.close("failed", "error", "no data")
    assert kinds(execution) == ["stage_begin", "stage_end", "stage_begin", "stage_end", "end"]


def test_what_is_no_point_or_event_is_left_out_with_a_word_and_hurts_nothing_else(
    recorder: Recorder, execution: ExecutionFolder, sent: list[Message]
) -> None:
    wrong: Any = "high"
    recorder.log("loss", wrong, 1)
    recorder.log("loss", wrong, 2)
    recorder.log("loss", 1.0, wrong)
    recorder.log("loss", 10**400, 3)
    recorder.log("loss", np.float32(0.5), 4)
    recorder.event("note", value=object())
    recorder.event("note", value=np.float32(0.5))
    recorder.close("finished", None, None)
    assert points(execution, "loss") == [(4, 0.5)]
    assert [event.get("value") for event in read_events(execution.events)] == [0.5, None]
    assert len(sent) == 2
    said = messages(execution)
    assert len([message for message in said if "No point of loss: value 'high' at step 1" in message]) == 1
    assert len([message for message in said if "No event of kind note" in message]) == 1


def test_trouble_with_one_file_is_said_once_and_is_over_when_the_disk_is_well_again(
    recorder: Recorder, execution: ExecutionFolder, sent: list[Message], wait_until: Wait
) -> None:
    execution.events.symlink_to("/dev/full")
    for epoch in (1, 2):
        recorder.log_epoch(epoch, {"loss": 1.0 / epoch})
        recorder.event("epoch_end", epoch=epoch, step=epoch)
        wait_until(lambda: any("Cannot write the record" in message for message in messages(execution)))
        wait_until(lambda: points(execution, "loss")[-1][0] == epoch)  # noqa: B023 - it is waited for at once
        wait_until(lambda: len(read_metrics(execution.metrics)["loss"]) == epoch)  # noqa: B023
    wait_until(lambda: [m.event["kind"] for m in sent if isinstance(m, Fact)] == ["epoch_end", "warning", "epoch_end"])
    execution.events.unlink()
    wait_until(lambda: "The record can be written again" in messages(execution))
    recorder.close("finished", None, None)
    assert kinds(execution) == ["epoch_end", "warning", "epoch_end", "end"]
    warnings = [message for message in messages(execution) if "Cannot write" in message]
    assert len(warnings) == 1
    assert f"{execution.events}: No space left on device" in warnings[0]


def test_a_series_folder_that_cannot_be_made_at_first_has_all_points_in_the_end(
    recorder: Recorder, execution: ExecutionFolder, wait_until: Wait
) -> None:
    execution.series.write_text("a file where the folder should be")
    recorder.log_epoch(1, {"loss": 1.0, "val_loss": 2.0})
    recorder.event("epoch_end", epoch=1, step=1)
    wait_until(lambda: any("Cannot write the record" in message for message in messages(execution)))
    wait_until(lambda: "epoch_end" in kinds(execution))
    wait_until(lambda: read_metrics(execution.metrics)["loss"] == [1.0])
    execution.series.unlink()
    recorder.log_epoch(2, {"loss": 0.5, "val_loss": 1.5})
    recorder.close("finished", None, None)
    assert points(execution, "loss") == [(1, 1.0), (2, 0.5)]
    assert points(execution, "val_loss") == [(1, 2.0), (2, 1.5)]


def test_one_series_that_cannot_be_written_keeps_no_other_from_it(
    recorder: Recorder, execution: ExecutionFolder, wait_until: Wait
) -> None:
    execution.series.mkdir()
    (execution.series / "first.npy").symlink_to("/dev/full")
    recorder.log_epoch(1, {"first": 1.0, "second": 2.0})
    wait_until(lambda: execution.series.joinpath("second.npy").exists() and points(execution, "second") == [(1, 2.0)])
    with pytest.raises(RecordingError, match=r"first\.npy: No space left on device"):
        recorder.close("finished", None, None)
    assert kinds(execution)[-1] == "end"


def test_metrics_json_is_written_once_it_can_be(
    recorder: Recorder, execution: ExecutionFolder, wait_until: Wait
) -> None:
    wait_until(execution.metrics.exists)
    execution.metrics.unlink()
    execution.metrics.mkdir()
    recorder.log_epoch(1, {"loss": 1.0})
    wait_until(lambda: any("metrics.json" in message for message in messages(execution)))
    execution.metrics.rmdir()
    wait_until(execution.metrics.exists)
    assert read_metrics(execution.metrics)["loss"] == [1.0]


def test_a_record_that_cannot_be_completed_is_an_error_that_says_why(
    recorder: Recorder, execution: ExecutionFolder
) -> None:
    execution.events.symlink_to("/dev/full")
    recorder.log_epoch(1, {"loss": 1.0})
    with pytest.raises(RecordingError, match=r"events\.jsonl: No space left on device"):
        recorder.close("finished", None, None)
    assert points(execution, "loss") == [(1, 1.0)]
    assert read_metrics(execution.metrics)["loss"] == [1.0]


def test_a_log_that_cannot_be_completed_is_an_error_too(
    recorder: Recorder, execution: ExecutionFolder, log_file: LogFile
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log_file._descriptor)
    os.close(full)
    logging.getLogger("trackside.Main").info("an entry")
    with pytest.raises(RecordingError, match=r"execution\.log: entries are waiting"):
        recorder.close("finished", None, None)


def test_a_writer_that_does_not_come_to_an_end_is_an_error_and_goes_on_writing(
    execution: ExecutionFolder, log_file: LogFile
) -> None:
    go_on = threading.Event()

    def send(message: Message) -> None:
        go_on.wait(30)

    recorder = Recorder(execution, log_file, send)
    recorder.event("note")
    with pytest.raises(RecordingError, match="the record was not written within 0 s"):
        recorder.close("finished", None, None, timeout=0.01)
    go_on.set()
    recorder._thread.join()
    assert kinds(execution) == ["note", "end"]


def test_a_recorder_that_fails_says_so_in_the_log_and_at_the_end(execution: ExecutionFolder, log_file: LogFile) -> None:
    def send(message: Message) -> None:
        raise RuntimeError("a mistake of ours")

    recorder = Recorder(execution, log_file, send)
    recorder.event("note")
    with pytest.raises(RecordingError, match="a mistake of ours"):
        recorder.close("finished", None, None)
    assert any("RuntimeError: a mistake of ours" in message for message in messages(execution))


def test_a_recorder_does_not_write_over_names_that_it_cannot_read(
    execution: ExecutionFolder, log_file: LogFile
) -> None:
    execution.series.mkdir()
    (execution.series / "names.json").write_text("{")
    with pytest.raises(RecordError, match=r"names\.json"):
        Recorder(execution, log_file)


def test_another_recorder_continues_the_record(
    execution: ExecutionFolder, log_file: LogFile, recorder: Recorder
) -> None:
    recorder.log_epoch(1, {"Loss": 1.0, "loss": 3.0})
    recorder.close("stopped", "user", None)
    again = Recorder(execution, log_file)
    again.event("attempt")
    again.log_epoch(2, {"loss": 2.0, "Loss": 0.5})
    again.close("finished", None, None)
    assert points(execution, "Loss") == [(1, 1.0), (2, 0.5)]
    assert points(execution, "loss") == [(1, 3.0), (2, 2.0)]
    assert kinds(execution) == ["end", "attempt", "end"]


def test_nothing_is_left_in_the_folder_but_the_record(recorder: Recorder, execution: ExecutionFolder) -> None:
    recorder.log_epoch(1, {"loss": 1.0})
    recorder.close("finished", None, None)
    left = {path.relative_to(execution.path).as_posix() for path in Path(execution.path).rglob("*") if path.is_file()}
    assert left == {"events.jsonl", "execution.log", "metrics.json", "series/loss.npy", "series/names.json"}
