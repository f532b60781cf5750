from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.records.series import POINT_DTYPE
from app.records.sources.base import RunRecord
from app.records.sources.event_file import EventFile
from app.records.sources.tensorboard import TensorBoardSource
from tests.records.sources.conftest import ROOT, EventLogdir
from tests.records.sources.event_logs import LARGE, Writer, age, large, log

REAL = ROOT.parent / "shared" / "data" / "real"


def read_all(source: TensorBoardSource) -> dict[str, RunRecord]:
    scan = source.scan({})
    assert scan.problems == ()
    return {run.key: run for run in source.read_many(sorted(scan.changed))}


def values(source: TensorBoardSource, key: str, metric: str) -> list[float]:
    return [float(value) for value in source.series(key, metric)["value"]]


def test_every_folder_with_event_files_is_a_run_that_is_called_by_its_path(event_logdir: EventLogdir) -> None:
    runs = read_all(TensorBoardSource(event_logdir.path))
    assert set(runs) == set(event_logdir.expected)
    for key, run in runs.items():
        assert (run.source, run.name, run.experiment) == ("tensorboard", key, event_logdir.path.name)
        assert run.path == event_logdir.path / key
        assert run.problems == ()
        found = {name: (metric.count, metric.last) for name, metric in run.metrics.items()}
        wanted = {name: (len(points), points[-1][2]) for name, points in event_logdir.expected[key]["scalars"].items()}
        assert json.dumps(found, sort_keys=True) == json.dumps(wanted, sort_keys=True)


def test_the_logdir_itself_can_be_a_run(tmp_path: Path) -> None:
    log(tmp_path, "loss", 1.0, 0.5)
    run = TensorBoardSource(tmp_path).read(".")
    assert (run.key, run.name, run.experiment, run.path) == (".", tmp_path.name, tmp_path.name, tmp_path)


def test_settings_and_the_end_are_those_of_the_hparams_plugin(event_logdir: EventLogdir) -> None:
    trial = read_all(TensorBoardSource(event_logdir.path))["pytorch/run/1700000000.5"]
    assert trial.params == {"lr": 0.01, "optimizer": "adam", "nesterov": True, "layers": 3.0}
    assert (trial.state, trial.started, trial.ended) == ("finished", 1.7e9, 4e9)
    assert set(trial.metrics) == {"hparam/accuracy"}


def test_settings_in_hparams_yaml_are_read_and_nothing_in_it_is_run(tmp_path: Path) -> None:
    version = tmp_path / "version_0"
    log(version, "loss", 1.0)
    (version / "checkpoints").mkdir()
    (version / "hparams.yaml").write_text(
        "lr: 0.001\nbatch_size: 32\nname: resnet\nfreeze: true\nnothing: null\nmodel:\n  width: 64\n"
        "betas: [0.9, 0.99]\nsize: !!python/tuple\n- 3\n- 4\n"
        f"evil: !!python/object/apply:os.system ['touch {tmp_path / 'evil'}']\n"
    )
    run = TensorBoardSource(tmp_path).read("version_0")
    assert run.params == {
        **{"lr": 0.001, "batch_size": 32, "name": "resnet", "freeze": True, "nothing": None, "model.width": 64},
        **{"betas": "[0.9, 0.99]", "size": "[3, 4]", "evil": f"[touch {tmp_path / 'evil'}]"},
    }
    assert not (tmp_path / "evil").exists()
    assert run.artifacts == version / "checkpoints"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "not valid YAML"),
        ("[" * 20_000, "not valid YAML"),
        ("x" * 300_000, "300,000 bytes are more than"),
        ("a0: &a0 {x: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40)), ""),
        ("a0: &a0 {x: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} {{x: *a{n}, y: *a{n}}}\n" for n in range(40)), "more than"),
        ("a: &a [*a]", ""),
        ("just text", "expected a YAML object"),
        ("# nothing", ""),
        ("a: !!bool maybe", "not valid YAML"),
    ],
)
def test_an_hparams_yaml_that_is_no_good_leaves_the_run_readable(tmp_path: Path, text: str, problem: str) -> None:
    log(tmp_path, "loss", 1.0)
    (tmp_path / "hparams.yaml").write_text(text)
    run = TensorBoardSource(tmp_path).read(".")
    assert run.metrics["loss"].count == 1
    assert all(problem in each and "hparams.yaml" in each for each in run.problems)
    assert bool(run.problems) == bool(problem)


def test_a_run_is_running_while_its_files_are_written_to_and_afterwards_nothing_tells(tmp_path: Path) -> None:
    log(tmp_path / "run", "loss", 1.0, 2.0)
    source = TensorBoardSource(tmp_path)
    known = source.scan({}).changed
    running = source.read("run")
    assert (running.state, running.ended) == ("running", None)
    assert source.scan(known).changed == {}
    age(tmp_path)
    assert set(source.scan(known).changed) == {"run"}
    over = source.read("run")
    assert (over.state, over.started, over.ended) == ("", 1.7e9, 1.7e9 + 1)


def test_an_end_that_is_told_before_the_training_is_no_end(event_logdir: EventLogdir, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(event_logdir.path / "pytorch/run/1700000000.5", folder)
    log(folder, "loss", 1.0, first=4_000_000_000, suffix=".later")
    source = TensorBoardSource(tmp_path)
    assert source.read("run").state == "running"
    age(folder)
    assert source.read("run").state == ""


def test_several_files_of_a_run_are_one_series_in_the_order_of_their_names(tmp_path: Path) -> None:
    log(tmp_path, "loss", 1.0, 2.0, 3.0, suffix=".a")
    log(tmp_path, "loss", 2.5, 3.5, first=1, suffix=".b")
    source = TensorBoardSource(tmp_path)
    assert source.series(".", "loss")["step"].tolist() == [0, 1, 2, 1, 2]
    assert values(source, ".", "loss") == [1.0, 2.0, 3.0, 2.5, 3.5]
    assert source.read(".").metrics["loss"].count == 5


def test_a_scan_tells_what_is_new_what_changed_and_what_is_gone(tmp_path: Path) -> None:
    source = TensorBoardSource(tmp_path)
    log(tmp_path / "a", "loss", 1.0)
    log(tmp_path / "b/c", "loss", 1.0)
    known = dict(source.scan({}).changed)
    assert set(known) == {"a", "b/c"}
    assert source.scan(known).changed == {}
    assert TensorBoardSource(tmp_path).scan(known).changed == {}
    log(tmp_path / "a", "loss", 2.0, suffix=".second")
    assert set(source.scan(known).changed) == {"a"}
    shutil.rmtree(tmp_path / "b")
    assert source.scan(known).gone == {"b/c"}
    with pytest.raises(KeyError):
        source.read("b/c")
    with pytest.raises(KeyError):
        source.series("a", "no such metric")
    assert [run.key for run in source.read_many(["b/c", "a", "nowhere"])] == ["a"]
    assert source.media("b/c") == []


def test_files_that_are_no_events_make_no_run(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("notes.txt", "events.out.tfevents.1.host.profile-empty", ".events.out.tfevents.1.host.Xy12"):
        (tmp_path / "a" / name).write_bytes(b"")
    assert TensorBoardSource(tmp_path).scan({}).changed == {}


def test_a_logdir_that_is_not_there_is_a_problem_and_its_runs_are_gone(tmp_path: Path) -> None:
    scan = TensorBoardSource(tmp_path / "none").scan({"a": b""})
    assert scan.gone == {"a"}
    assert len(scan.problems) == 1
    assert str(tmp_path / "none") in scan.problems[0]


def test_links_lead_nowhere(tmp_path: Path) -> None:
    outside = log(tmp_path / "outside", "secret", 1.0)
    root = tmp_path / "root"
    log(root / "a", "loss", 1.0)
    (root / "loop").symlink_to(root)
    (root / "away").symlink_to(tmp_path / "outside")
    (root / "a" / "events.out.tfevents.2.link").symlink_to(outside)
    source = TensorBoardSource(root)
    scan = source.scan({})
    assert set(scan.changed) == {"a"}
    assert scan.problems == (f"{root / 'a' / 'events.out.tfevents.2.link'}: not read, it is a link",)
    assert set(source.read("a").metrics) == {"loss"}
    for key in ("away", "../outside", str(tmp_path / "outside"), "a/../../outside"):
        with pytest.raises(KeyError):
            source.read(key)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything may be read")
def test_what_may_not_be_read_is_a_problem_and_not_gone(tmp_path: Path) -> None:
    log(tmp_path / "a", "loss", 1.0)
    source = TensorBoardSource(tmp_path)
    known = source.scan({}).changed
    (tmp_path / "a").chmod(0)
    scan = source.scan(known)
    (tmp_path / "a").chmod(0o755)
    assert scan.gone == frozenset()
    assert len(scan.problems) == 1


def test_damage_is_named_with_its_file_and_its_place(tmp_path: Path) -> None:
    path = log(tmp_path, "loss", *range(50))
    data = bytearray(path.read_bytes())
    for place in range(300, 1300, 100):
        data[place] ^= 1
    path.write_bytes(data[:-5])
    age(tmp_path)
    problems = TensorBoardSource(tmp_path).read(".").problems
    assert all(problem.startswith(f"{path}: ") for problem in problems)
    assert len(problems) == 7
    assert "5 more places" in problems[5]
    assert "no whole record" in problems[6]


def test_a_record_that_is_cut_is_a_problem_only_when_nothing_is_written_any_more(tmp_path: Path) -> None:
    path = log(tmp_path, "loss", 1.0, 2.0)
    path.write_bytes(path.read_bytes()[:-3])
    source = TensorBoardSource(tmp_path)
    assert source.read(".").problems == ()
    age(tmp_path)
    [problem] = source.read(".").problems
    assert "no whole record" in problem


def test_a_run_is_followed_through_files_that_grow_and_are_added(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run", ".a")
    writer.log("loss", 1.0, 2.0)
    tail = TensorBoardSource(tmp_path).follow("run")

    def told() -> dict[str, list[float]]:
        return {metric: points["value"].tolist() for metric, points in tail.look().points}

    assert told() == {"loss": [1.0, 2.0]}
    assert told() == {}
    writer.log("loss", 3.0)
    writer.log("acc", 0.5)
    assert told() == {"loss": [3.0], "acc": [0.5]}
    log(tmp_path / "run", "loss", 4.0, suffix=".b")
    writer.log("loss", 3.5)
    assert told() == {"loss": [3.5, 4.0]}
    writer.close()
    assert told() == {}


def test_a_follower_starts_over_when_a_file_is_replaced_or_gone(tmp_path: Path) -> None:
    first = log(tmp_path, "loss", 1.0, 2.0, suffix=".a")
    second = log(tmp_path, "loss", 3.0, suffix=".b")
    tail = TensorBoardSource(tmp_path).follow(".")
    assert not tail.look().starts_over
    first.unlink()
    changes = tail.look()
    assert changes.starts_over
    assert [points["value"].tolist() for _, points in changes.points] == [[3.0]]
    second.unlink()
    with pytest.raises(KeyError):
        tail.look()


#: Another program with PyTorch's SummaryWriter in it, which is this class.
LOGGER = """
import sys
sys.modules["tensorflow"] = None  # PyTorch's does not need it either
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
writer = EventFileWriter(sys.argv[1])
for line in sys.stdin:
    value = Summary.Value(tag="loss", simple_value=float(line))
    writer.add_event(Event(wall_time=1.7e9, step=int(line), summary=Summary(value=[value])))
    writer.flush()
    print("logged", flush=True)
"""


def test_a_point_that_another_program_logs_is_there_at_the_next_look(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOGGER, str(tmp_path / "run")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        source = TensorBoardSource(tmp_path)
        for number in range(5):
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "logged\n"
            assert values(source, "run", "loss") == list(range(number + 1))
            assert source.read("run").metrics["loss"].last == number
        process.stdin.close()


def test_many_runs_do_not_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        large(tmp_path / f"run{number}")
    monkeypatch.setattr("app.records.sources.tensorboard._MEMORY_BYTES", 2 * LARGE * POINT_DTYPE.itemsize)
    source = TensorBoardSource(tmp_path)
    assert len(list(source.read_many(sorted(source.scan({}).changed)))) == 5
    assert len(source._runs) <= 2
    assert len(source.series("run0", "loss")) == LARGE // 2


@pytest.mark.skipif(not REAL.is_dir(), reason="the records of others are not here")
def test_real_event_files_hold_what_tensorboard_finds_in_them() -> None:
    expected: dict[str, dict[str, Any]] = json.loads((REAL / "EXPECTED-tfevents.json").read_text())
    assert expected
    for name, tags in expected.items():
        file = EventFile(REAL / name)
        file.update()
        found = {tag: file.contents.points(tag) for tag in file.contents.series}
        assert {
            tag: {
                "count": len(points),
                "first": [points["step"][0].item(), points["value"][0].item()],
                "last": [points["step"][-1].item(), points["value"][-1].item()],
            }
            for tag, points in found.items()
        } == tags
        assert (file.rest, file.contents.damage_count) == (0, 0)


@pytest.mark.skipif(not REAL.is_dir(), reason="the records of others are not here")
def test_a_real_logdir_of_lightning_has_its_settings() -> None:
    run = TensorBoardSource(REAL / "tfevents" / "Abdul-AA-lightning-2024").read("version_0")
    assert run.params == {"hidden_units": 512, "num_layers": 2, "seq_length": 100, "lr": 0.001, "num_chars": 29}
    assert all(type(run.params[name]) is int for name in ("hidden_units", "num_layers"))
    assert (run.state, run.problems) == ("", ())
