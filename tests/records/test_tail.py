from __future__ import annotations

import os

from app.messages import BATCH_PREFIX, POINT
from app.records.layout import ExecutionFolder
from app.records.series import NAMES_FILE, SeriesFolder
from app.records.tail import SeriesTail


def rows(*steps: int) -> bytes:
    return b"".join(POINT.pack(step, 1e9, step / 2) for step in steps)


def steps_of(tail: SeriesTail) -> dict[str, list[int]]:
    return {metric: [step for step, _, _ in points] for metric, points in tail.new_points()}


def test_new_points_come_once_and_in_order(execution: ExecutionFolder) -> None:
    tail = SeriesTail(execution, batches=False)
    assert steps_of(tail) == {}
    series = SeriesFolder(execution.series)
    series.declare(["loss"])
    series.append("loss", rows(1, 2))
    assert list(tail.new_points()) == [("loss", [(1, 1e9, 0.5), (2, 1e9, 1.0)])]
    assert steps_of(tail) == {}
    series.append("loss", rows(3))
    assert steps_of(tail) == {"loss": [3]}
    series.close()
    assert steps_of(tail) == {}


def test_a_metric_that_appears_later_is_followed_from_its_beginning(execution: ExecutionFolder) -> None:
    tail = SeriesTail(execution, batches=False)
    series = SeriesFolder(execution.series)
    series.declare(["loss"])
    series.append("loss", rows(1))
    assert steps_of(tail) == {"loss": [1]}
    series.declare(["val_loss"])
    assert steps_of(tail) == {}  # named, but not there yet
    series.append("val_loss", rows(1, 2))
    assert steps_of(tail) == {"val_loss": [1, 2]}
    series.close()


def test_a_row_that_is_half_written_waits_until_it_is_whole(execution: ExecutionFolder) -> None:
    series = SeriesFolder(execution.series)
    series.declare(["loss"])
    series.append("loss", rows(1))
    series.close()
    tail = SeriesTail(execution, batches=False)
    path = execution.series / "loss.npy"
    seen = []
    with open(path, "ab", buffering=0) as file:
        for byte in rows(2, 3):
            file.write(bytes([byte]))
            seen.append(steps_of(tail))
    assert [look for look in seen if look] == [{"loss": [1]}, {"loss": [2]}, {"loss": [3]}]
    assert seen[POINT.size - 1] == {"loss": [2]}


def test_a_series_is_followed_from_its_first_byte_on(execution: ExecutionFolder) -> None:
    series = SeriesFolder(execution.series)
    series.declare(["loss"])
    series.append("loss", rows(1))
    series.close()
    path = execution.series / "loss.npy"
    content = path.read_bytes()
    path.unlink()
    tail = SeriesTail(execution, batches=False)
    assert steps_of(tail) == {}
    for size in range(len(content)):
        path.write_bytes(content[:size])
        assert steps_of(tail) == {}
    path.write_bytes(content)
    assert steps_of(tail) == {"loss": [1]}


def test_batches_are_followed_only_when_asked_for(execution: ExecutionFolder) -> None:
    series = SeriesFolder(execution.series)
    names = ["loss", BATCH_PREFIX + "loss"]
    series.declare(names)
    for name in names:
        series.append(name, rows(1))
    series.close()
    assert set(steps_of(SeriesTail(execution, batches=False))) == {"loss"}
    assert set(steps_of(SeriesTail(execution, batches=True))) == set(names)


def test_a_file_that_is_no_series_and_broken_names_are_passed_over(execution: ExecutionFolder) -> None:
    series = SeriesFolder(execution.series)
    series.declare(["loss", "broken"])
    series.append("loss", rows(1))
    series.close()
    (execution.series / "broken.npy").write_bytes(b"not a series at all")
    tail = SeriesTail(execution, batches=False)
    assert steps_of(tail) == {"loss": [1]}
    (execution.series / NAMES_FILE).write_text("{")
    with open(execution.series / "loss.npy", "ab") as file:
        file.write(rows(2))
    assert steps_of(tail) == {"loss": [2]}
    os.unlink(execution.series / "loss.npy")
    assert steps_of(tail) == {}
