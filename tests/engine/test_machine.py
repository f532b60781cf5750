"""What a run tells of the machine that it trains on."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.machine import watched_machine
from tests.engine.conftest import Record


def names_of(record: Record) -> set[str]:
    record.close()
    return {path.stem for path in (record.folder.series / "system").glob("*.npy")}


def test_processor_memory_and_disk_are_looked_at_and_once_more_at_the_end(record: Record) -> None:
    with watched_machine(record.recorder, 1000.0):
        pass
    assert {"cpu_utilization_percentage", "system_memory_usage_percentage", "disk_usage_percentage"} < names_of(record)
    memory = record.series("system/process_memory_megabytes")
    assert memory["step"].tolist() == [1]
    assert memory["value"][0] > 10


def test_nothing_is_looked_at_unless_that_is_asked_for(record: Record) -> None:
    with watched_machine(record.recorder, None):
        pass
    assert names_of(record) == set()


@pytest.mark.parametrize(
    ("does", "found"),
    [
        (
            "echo '35, 2000'; echo '[N/A], 10'",
            {"gpu_0_utilization_percentage": 35.0, "gpu_1_memory_usage_megabytes": 10.48576},
        ),
        ("exit 9", {}),
    ],
)
def test_gpus_are_what_nvidias_own_program_tells(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, found: dict[str, float]
) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    with watched_machine(record.recorder, 1000.0):
        pass
    told = {name for name in names_of(record) if name.startswith("gpu_")}
    assert told >= found.keys()
    assert "gpu_1_utilization_percentage" not in told
    for name, value in found.items():
        assert record.series(f"system/{name}")["value"].tolist() == [pytest.approx(value)]
    assert ("not looked at any more" in record.log) == (not found)
