from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from app.records.environment import (
    describe_code,
    describe_platform,
    describe_python,
    hide_secrets,
    installed_packages,
)
from app.records.files import to_json


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "code"
    (folder / "deep" / ".envs").mkdir(parents=True)
    for name in ("train.py", ".env", ".env.local", "deep/.env", "deep/.envs/prod", "deep/.ENV.production", "ü.py"):
        (folder / name).write_text("before\n")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def test_the_commit_of_the_code_is_told(repository: Path) -> None:
    assert describe_code(repository / "deep") == {
        "commit": git(repository, "rev-parse", "HEAD"),
        "branch": "main",
        "dirty": False,
        "diff": "",
        "diff_cut": False,
    }
    git(repository, "checkout", "--quiet", "--detach")
    code = describe_code(repository)
    assert code is not None
    assert code["branch"] is None


def test_the_diff_leaves_out_env_files_at_any_depth(repository: Path) -> None:
    for path in repository.rglob("*"):
        if path.is_file() and ".git/" not in path.as_posix():
            path.write_text("after\n")
    code = describe_code(repository / "deep")
    assert code is not None
    assert code["dirty"]
    changed = [line for line in code["diff"].splitlines() if line.startswith("diff ")]
    assert changed == ["diff --git a/train.py b/train.py", "diff --git a/ü.py b/ü.py"]


def test_secrets_are_not_in_the_diff(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SERVICE_KEY", "value-of-the-environment")
    (repository / "train.py").write_text("api_key = 'abcdef123456'\nprint('value-of-the-environment')\n")
    code = describe_code(repository)
    assert code is not None
    assert "+api_key = '<secret>'\n+print('<secret>')\n" in code["diff"]


def test_a_diff_is_cut_at_one_megabyte_and_no_secret_with_it(repository: Path) -> None:
    (repository / "train.py").write_text("api_key = 'abcdef123456'\n" * 80_000)
    code = describe_code(repository)
    assert code is not None
    assert code["diff_cut"]
    assert len(code["diff"].encode()) <= 1_000_000
    assert "abcdef" not in code["diff"]
    (repository / "train.py").write_text("ü" * 700_000)
    code = describe_code(repository)
    assert code is not None
    assert code["diff_cut"]
    assert 999_990 < len(code["diff"].encode()) <= 1_000_000


def test_no_program_of_the_users_is_run_for_the_diff(repository: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/was_run\n")
    trap.chmod(0o755)
    (repository / ".gitattributes").write_text("*.py diff=trap\n")
    for setting in ("diff.external", "diff.trap.command", "diff.trap.textconv", "core.fsmonitor", "core.pager"):
        git(repository, "config", setting, str(trap))
    (repository / "train.py").write_text("after\n")
    code = describe_code(repository)
    assert code is not None
    assert "+after" in code["diff"]
    assert not (tmp_path / "was_run").exists()


def test_code_outside_git_or_before_its_first_commit_has_no_description(repository: Path, tmp_path: Path) -> None:
    assert describe_code(tmp_path) is None
    assert describe_code(tmp_path / "not there") is None
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "--quiet")
    assert describe_code(tmp_path / "new") is None


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("api_key=abcdef", "api_key=<secret>"),
        ("--set tracking.trackers.0.api_key=abcdef", "--set tracking.trackers.0.api_key=<secret>"),
        ("--api-key=abcdef --epochs=3", "--api-key=<secret> --epochs=3"),
        ('"COMET_API_KEY": "abcdef",', '"COMET_API_KEY": "<secret>",'),
        (r"{\"token\": \"abcdef\"}", r"{\"token\": \"<secret>\"}"),
        ("password: 'two words, and more'", "password: '<secret>'"),
        ('secret_key: str = "abcdef"', 'secret_key: str = "<secret>"'),
        ("aws_secret_access_key = abcdef\n", "aws_secret_access_key = <secret>\n"),
        ("https://me:abcdef@example.org/x", "https://me:<secret>@example.org/x"),
        ("api_key=<secret>", "api_key=<secret>"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, hidden: str) -> None:
    assert hide_secrets(text) == hidden
    assert hide_secrets(hidden) == hidden


@pytest.mark.parametrize(
    "text",
    ["tokenizer = Tokenizer(1000)", "max_tokens=4096", "sorted(runs, key=lambda run: run.id)", "monkey: banana",
     "https://example.org:8080/a@b", "password", "token:"],
)  # fmt: skip
def test_what_only_resembles_a_secret_is_kept(text: str) -> None:
    assert hide_secrets(text) == text


def test_secrets_that_are_known_are_hidden_wherever_they_stand() -> None:
    assert (
        hide_secrets("x longsecret1234 y longsecret z", ["longsecret", "longsecret1234"]) == "x <secret> y <secret> z"
    )
    assert hide_secrets("a short one", ["short"]) == "a short one"


def test_python_packages_and_platform_are_told() -> None:
    packages = installed_packages()
    assert packages["numpy"]
    assert list(packages) == sorted(packages, key=str.casefold)
    platform = json.loads(to_json(describe_platform({"numpy": packages["numpy"]}, ["a GPU"])))
    assert platform["gpu"] == [{"name": "a GPU"}]
    assert platform["memory"] > 2**20
    assert platform["cpu"]["threads"] >= platform["cpu"]["cores"] >= 1
    assert platform["libraries"] == {"numpy": packages["numpy"]}
    assert Path(describe_python()["executable"]).exists()
