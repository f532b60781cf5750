"""A program that is killed at any moment while it indexes leaves an index that the next start repairs by itself."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from app.jobs.indexing import indexing_command
from app.records.layout import Workspace
from app.records.library import Library
from app.start import command
from tests.bench.executions import fill
from tests.cli.conftest import write_execution, write_mlflow, write_table
from tests.records.sources.event_logs import age, log

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")

#: Moments to kill at, as parts of the time that it takes to the end: the first of a fixed row, 20 in ``make soak``.
_RANDOM = random.Random(20)
KILLS = int(os.environ.get("TRACKSIDE_TEST_KILLS", "4"))
MOMENTS = [round(_RANDOM.uniform(0.3, 1.0), 3) for _ in range(20)][:KILLS]
EXECUTIONS = 250


def listing(workspace: Path) -> list[str]:
    return command("app.cli", "runs", "--json", "--workspace", str(workspace))


def runs_of(library: Library) -> dict[tuple[str, str], str]:
    """Return every run of an up-to-date library as text, so that NaN is equal to itself, by its address."""
    list(library.update())
    ids = library.index.query()
    records = library.index.records(ids)
    return {
        library.index.whereabouts(run): json.dumps(asdict(record), default=str, sort_keys=True)
        for run, record in zip(ids.tolist(), records, strict=True)
    }


def expect_as_from_nothing(workspace: Path) -> None:
    """The next start has an index like one that is made from nothing, with no damage to repair."""
    with Library(Workspace.at(workspace)) as repaired, Library(Workspace.at(workspace), memory=True) as anew:
        assert repaired.index.is_kept
        assert runs_of(repaired) == runs_of(anew)
        for name in anew.places:
            assert repaired.index.known(name).keys() == anew.index.known(name).keys()
    assert not (workspace / ".trackside" / "index.db.damaged").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A workspace with runs of every kind, and the seconds that it takes to list them all for the first time."""
    workspace = tmp_path_factory.mktemp("whole")
    fill(workspace, EXECUTIONS)
    write_mlflow(workspace / "mlruns")
    for number in range(20):
        log(workspace / "logs" / f"run {number}", "loss", *(1 / (step + 1) for step in range(50)))
        write_table(workspace / "tables" / f"{number}.csv")
    age(workspace)
    began = time.monotonic()
    ran = subprocess.run(listing(workspace), capture_output=True, check=True)
    assert len(json.loads(ran.stdout)) == EXECUTIONS + 41
    return workspace, time.monotonic() - began


def kill(process: subprocess.Popen[bytes], seconds: float) -> None:
    with process:
        time.sleep(seconds)  # the moment is the point of this test
        process.send_signal(signal.SIGKILL)


def test_an_index_is_repaired_after_whatever_was_killed(whole: tuple[Path, float], tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(whole[0], workspace)
    programs = (indexing_command(Workspace.at(workspace)), listing(workspace))
    for number, moment in enumerate(MOMENTS):
        if number % 4 < 2:  # the first look at everything; else one at what has changed
            shutil.rmtree(workspace / ".trackside")
        write_execution(workspace, number)
        table = write_table(workspace / "tables" / f"{number}.csv")
        table.write_text(f"epoch,accuracy\n0,{number}\n")
        age(table)  # what was written to just now counts as running, for a minute
        shutil.rmtree(next((workspace / "trainings" / f"experiment_{number % 10}" / "executions").iterdir()))
        process = subprocess.Popen(programs[number % 2], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        kill(process, moment * whole[1])
        expect_as_from_nothing(workspace)


def test_killed_again_and_again_it_gets_to_its_end(whole: tuple[Path, float], tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(whole[0], workspace)
    shutil.rmtree(workspace / ".trackside")
    for moment in MOMENTS:
        kill(subprocess.Popen(listing(workspace), stdout=subprocess.DEVNULL), moment * whole[1])
    expect_as_from_nothing(workspace)
