from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.records.files import RecordError
from app.records.sources.base import RunRecord
from app.records.sources.mlflow_files import MLflowFiles
from app.records.sources.mlflow_meta import parse_meta
from app.records.sources.mlflow_metric import parse_points, parse_summary
from app.records.summary import summary_of

RUN = "0123456789abcdef0123456789abcdef"
META = f"""artifact_uri: file:///somewhere/else/0/{RUN}/artifacts
end_time: 1700000002500
entry_point_name: ''
experiment_id: 0
lifecycle_stage: active
name: ''
run_uuid: {RUN}
start_time: 1700000001000
status: 3
tags: []
user_id: someone
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run as MLflow 0.x wrote it."""
    folder = tmp_path / "mlruns" / "0" / RUN
    for kind in ("metrics", "params", "tags", "artifacts"):
        (folder / kind).mkdir(parents=True)
    (folder / "meta.yaml").write_text(META)
    (folder.parent / "meta.yaml").write_text("artifact_location: /somewhere/0\nexperiment_id: 0\nname: Default\n")
    (folder / "metrics" / "loss").write_text("1550000000 0.5\n1550000001 0.25\n")
    (folder / "params" / "lr").write_text("0.1")
    (folder / "tags" / "mlflow.runName").write_text("a name")
    return folder


def read(run: Path) -> RunRecord:
    source = MLflowFiles(run.parents[1])
    (key,) = source.scan({}).changed
    return source.read(key)


def test_a_run_of_the_first_versions_has_no_steps_and_times_in_seconds(run: Path) -> None:
    record = read(run)
    assert (record.id, record.name, record.experiment, record.state) == (RUN, "a name", "Default", "finished")
    assert (record.started, record.ended) == (1_700_000_001.0, 1_700_000_002.5)
    points = MLflowFiles(run.parents[1]).series(f"0/{RUN}", "loss")
    assert points.tolist() == [(0, 1_550_000_000.0, 0.5), (0, 1_550_000_001.0, 0.25)]


def test_a_status_may_be_a_word(run: Path) -> None:
    (run / "meta.yaml").write_text(META.replace("status: 3", "status: KILLED"))
    assert read(run).state == "stopped"


def test_folders_that_git_dropped_are_not_missed(run: Path) -> None:
    for kind in ("metrics", "params", "tags", "artifacts"):
        shutil.rmtree(run / kind)
    record = read(run)
    assert (record.metrics, record.params, record.tags, record.artifacts) == ({}, {}, {}, None)
    assert record.problems == ()
    assert record.name == RUN
    source = MLflowFiles(run.parents[1])
    known = source.scan({}).changed
    (run / "metrics").mkdir()
    (run / "metrics" / "late").write_text("1 2 3\n")
    (key,) = source.scan(known).changed
    assert set(source.read(key).metrics) == {"late"}


@pytest.mark.parametrize("broken", [None, b"", b"\0\xff\xfe", b"[1, 2", b"- a\n- b\n"])
def test_a_run_without_a_readable_meta_yaml_still_shows_its_numbers(run: Path, broken: bytes | None) -> None:
    if broken is None:
        (run / "meta.yaml").unlink()
    else:
        (run / "meta.yaml").write_bytes(broken)
    record = read(run)
    assert (record.id, record.name, record.state) == (RUN, "a name", "")
    assert record.metrics["loss"].count == 2
    (problem,) = record.problems
    assert str(run / "meta.yaml") in problem


def test_an_experiment_without_meta_yaml_is_called_by_its_folder(run: Path) -> None:
    (run.parent / "meta.yaml").unlink()
    record = read(run)
    assert record.experiment == "0"
    (problem,) = record.problems
    assert str(run.parent / "meta.yaml") in problem


def test_what_is_no_run_is_none(run: Path) -> None:
    root = run.parents[1]
    for folder in (
        "models/m/version-1",
        "0/models/m-1/metrics",
        "0/datasets/d",
        "0/traces/t",
        "0/.ipynb_checkpoints",
        "x",
    ):
        (root / folder).mkdir(parents=True)
        (root / folder / "meta.yaml").write_text("name: no run\n")
    (root / "0" / ".ipynb_checkpoints" / "meta.yaml").rename(root / "0" / ".ipynb_checkpoints" / "meta-copy.yaml")
    (root / "0" / "artifacts of another" / "artifacts").mkdir(parents=True)
    scan = MLflowFiles(root).scan({})
    assert set(scan.changed) == {f"0/{RUN}"}
    assert scan.problems == ()


def test_a_copied_run_says_that_it_names_another(run: Path) -> None:
    shutil.copytree(run, run.with_name("copy"))
    source = MLflowFiles(run.parents[1])
    assert source.read(f"0/{RUN}").problems == ()
    assert source.read("0/copy").id == "copy"
    assert RUN in source.read("0/copy").problems[0]


def test_no_link_leads_out_of_the_store(run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "meta.yaml").write_text("name: secret\nrun_id: secret\n")
    (secret / "file").write_text("1 2 3\n")
    (run / "params" / "stolen").symlink_to(secret / "file")
    (run / "metrics" / "stolen").symlink_to(secret / "file")
    (run / "tags" / "loop").symlink_to(run / "tags")
    (run.parent / "linked").symlink_to(secret)
    (run.parents[1] / "experiment").symlink_to(secret)
    shutil.rmtree(run / "artifacts")
    (run / "artifacts").symlink_to(secret)
    source = MLflowFiles(run.parents[1])
    scan = source.scan({})
    assert set(scan.changed) == {f"0/{RUN}"}
    assert len(scan.problems) == 1
    record = source.read(f"0/{RUN}")
    assert (set(record.params), set(record.metrics), record.artifacts) == ({"lr"}, {"loss"}, None)
    assert len(record.problems) == 3
    with pytest.raises(KeyError):
        source.series(f"0/{RUN}", "stolen")
    (run / "meta.yaml").unlink()
    (run / "meta.yaml").symlink_to(secret / "meta.yaml")
    assert read(run).name == "a name"


def test_an_artifact_uri_is_followed_within_the_store_alone(run: Path, tmp_path: Path) -> None:
    elsewhere = run.parents[1] / "elsewhere"
    outside = tmp_path / "outside"
    for folder in (elsewhere, outside):
        folder.mkdir()
    for uri in (
        f"artifact_uri: {outside}",
        "artifact_uri: s3://bucket/x",
        "artifact_uri: ../../..",
        "artifact_uri: 'file:",
    ):
        (run / "meta.yaml").write_text(META.replace("artifact_uri:", "was:") + uri + "\n")
        assert read(run).artifacts == run / "artifacts"
    (run / "meta.yaml").write_text(META.replace("artifact_uri:", "was:") + f"artifact_uri: {elsewhere.as_uri()}\n")
    assert read(run).artifacts == elsewhere


def test_a_named_pipe_is_not_waited_for(run: Path) -> None:
    os.mkfifo(run / "params" / "pipe")
    os.mkfifo(run / "metrics" / "pipe")
    record = read(run)
    assert (set(record.params), set(record.metrics)) == ({"lr"}, {"loss"})
    assert len(record.problems) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_may_not_be_read_is_named_and_not_gone(run: Path) -> None:
    source = MLflowFiles(run.parents[1])
    known = source.scan({}).changed
    run.parent.chmod(0)
    try:
        scan = source.scan(known)
    finally:
        run.parent.chmod(0o755)
    assert scan.gone == frozenset()
    assert str(run.parent) in scan.problems[0]


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take names of text alone")
def test_a_name_that_is_no_text_is_told(run: Path) -> None:
    (run / "params" / os.fsdecode(b"\xff\xfe")).write_text("1")
    (run.parent / os.fsdecode(b"\xff")).mkdir()
    record = read(run)
    assert set(record.params) == {"lr"}
    assert len(record.problems) == 1


def test_a_huge_text_is_cut_and_many_problems_are_counted(run: Path) -> None:
    (run / "tags" / "huge").write_bytes(b"x" * (3 << 20))
    for number in range(100):
        (run / "metrics" / f"broken {number}").write_text("no point\n")
    record = read(run)
    assert len(record.tags["huge"]) == 1 << 20
    assert len(record.problems) == 21
    assert record.problems[-1].startswith("There are 81 more")


def test_a_store_that_is_gone_has_no_runs(run: Path) -> None:
    source = MLflowFiles(run.parents[1])
    known = source.scan({}).changed
    shutil.rmtree(run.parents[1])
    scan = source.scan(known)
    assert (scan.changed, scan.gone) == ({}, {f"0/{RUN}"})
    with pytest.raises(KeyError):
        source.read(f"0/{RUN}")


def test_a_stamp_tells_another_process_as_much(run: Path) -> None:
    known = dict(MLflowFiles(run.parents[1]).scan({}).changed)
    with open(run / "metrics" / "loss", "a") as file:
        file.write("1550000002 0.125\n")
    source = MLflowFiles(run.parents[1])
    changed = source.scan(known).changed
    assert set(changed) == {f"0/{RUN}"}
    assert source.read(f"0/{RUN}").metrics["loss"].count == 3
    assert source.scan(changed).changed == {}
    assert set(source.scan({f"0/{RUN}": b"no stamp"}).changed) == {f"0/{RUN}"}


keys = st.sampled_from(["artifact_uri", "name", "run_name", "status", "user_id"])
# YAML 1.1 counts the other three as line breaks; PyYAML does not read back what it writes for them.
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"))
words = st.lists(st.text("ab'\"\\:# \n", max_size=12), max_size=30).map(" ".join)


@given(st.dictionaries(keys, text | words | st.integers() | st.none() | st.just([])))
def test_meta_yaml_reads_as_yaml_does(values: dict[str, object]) -> None:
    dumped = yaml.safe_dump(values, default_flow_style=False, allow_unicode=True)
    expected = yaml.safe_load(dumped) or {}
    assert parse_meta(dumped) == {key: str(value) for key, value in expected.items() if value not in (None, [])}


@given(st.binary() | st.text("ab:'\"\\\n -#[]{}&*!|>~\tx0").map(str.encode))
def test_any_meta_yaml_is_read_to_its_end(data: bytes) -> None:
    parse_meta(data.decode("utf-8", "replace"))


floats = st.floats() | st.sampled_from([0.1 + 0.2, 1e308, -5e-324])
lines = st.tuples(st.integers(0, 2**41), floats, st.integers(-(2**63), 2**63 - 1))


@given(st.lists(lines, max_size=40), st.integers(0, 400))
def test_points_are_what_python_makes_of_the_text_whatever_is_cut_off(
    rows: list[tuple[int, float, int]], end: int
) -> None:
    data = "".join(f"{time} {value!r} {step}\n" for time, value, step in rows).encode()[:end]
    whole = data.count(b"\n")
    points, bad = parse_points(data)
    assert [(step, repr(value)) for step, _, value in points.tolist()] == [(s, repr(v)) for _, v, s in rows[:whole]]
    assert bad == (0 if data.endswith(b"\n") or not data else 1)
    assert repr(parse_summary(data)[0]) == repr(summary_of(points["value"], points["step"]))


@given(st.binary() | st.text("0123456789 .e-+\nnaif_\t").map(str.encode))
def test_any_metric_file_is_read_to_its_end(data: bytes) -> None:
    points, bad = parse_points(data)
    assert len(points) + bad <= data.count(b"\n") + 1


def test_a_long_metric_reads_the_same_in_columns_as_line_by_line() -> None:
    rows = [(1_700_000_000_000 + i, (i * 7919 % 1000) / 7 if i % 50 else float("nan"), i * 3) for i in range(300_000)]
    data = "".join(f"{time} {value!r} {step}\n" for time, value, step in rows).encode()
    points, bad = parse_points(data)
    assert bad == 0
    assert repr(points.tolist()) == repr([(step, time / 1000, value) for time, value, step in rows])
    odd = (
        data.replace(b"1700000000005 ", b"half a line\n1700000000005  ", 1)
        + b"1700000000005 1.5 7 data set digest\n17000"
    )
    again, bad = parse_points(odd)
    assert bad == 2
    assert repr(again.tolist()) == repr([*points.tolist(), (7, 1_700_000_000.005, 1.5)])


@given(st.integers(0, 600), st.binary(max_size=3))
def test_a_run_whose_meta_yaml_is_damaged_anywhere_is_read(at: int, damage: bytes) -> None:
    data = META.encode()
    parse_meta((data[:at] + damage).decode("utf-8", "replace"))
    parse_meta((data[:at] + damage + data[at + len(damage) :]).decode("utf-8", "replace"))


def test_a_metric_that_cannot_be_opened_is_an_error_of_its_own(run: Path) -> None:
    source = MLflowFiles(run.parents[1])
    (run / "metrics" / "loss").unlink()
    with pytest.raises(KeyError):
        source.series(f"0/{RUN}", "loss")
    if os.geteuid():
        (run / "metrics" / "loss").touch(0)
        with pytest.raises(RecordError):
            source.series(f"0/{RUN}", "loss")
