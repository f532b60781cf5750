"""The menu entry, and the way to the window from a terminal."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from app import cli
from app.cli.desktop import quoted

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the menu entry is for Linux")


def trackside(*arguments: str | Path, cwd: Path, **environment: str | None) -> subprocess.CompletedProcess[str]:
    changed = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *map(str, arguments)],
        cwd=cwd,
        env={name: text for name, text in changed.items() if text is not None},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def unquoted(value: str) -> list[str]:
    """Read a value of Exec as the Desktop Entry Specification says: first the string, then its arguments."""
    text = re.sub(r"\\(.)", lambda found: {"s": " ", "n": "\n", "t": "\t"}.get(found[1], found[1]), value)
    arguments = []
    for in_quotes, bare in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', text):
        assert not re.search(r"[\s\"'\\><~|&;$*?#()`]", bare), "reserved characters must be in quotes"
        arguments.append((re.sub(r"\\(.)", r"\1", in_quotes) or bare).replace("%%", "%"))
    return arguments


@pytest.mark.parametrize(
    "argument",
    ["plain", "two words", 'a "quote"', "back\\slash", "$HOME `date`", "100%", "it's (odd) & <so> on;#~*?", "é"],
)
def test_a_command_survives_the_quoting_of_the_entry(argument: str) -> None:
    assert unquoted(quoted(["/usr/bin/python", argument, "open"])) == ["/usr/bin/python", argument, "open"]


def test_installing_leaves_an_entry_that_starts_this_program_and_removing_takes_it_away(tmp_path: Path) -> None:
    data = tmp_path / "a home"
    installed = trackside("desktop", "install", cwd=tmp_path, XDG_DATA_HOME=str(data))

    assert (installed.returncode, installed.stderr) == (0, "")
    entry, icon = (Path(line.removeprefix("installed ")) for line in installed.stdout.splitlines())
    assert icon.read_bytes() == (ROOT / "resources" / "icons" / "trackside.svg").read_bytes()
    lines = entry.read_text().splitlines()
    assert lines[0] == "[Desktop Entry]"
    keys = dict(line.split("=", 1) for line in lines[1:])
    assert (keys["Type"], keys["Name"], keys["Icon"]) == ("Application", "Trackside", icon.stem)
    command = unquoted(keys["Exec"])
    assert command[-1] == "open"
    version = subprocess.run([*command[:-1], "--version"], cwd="/", capture_output=True, text=True, check=True)
    assert version.stdout.startswith("trackside ")

    assert trackside("desktop", "install", cwd=tmp_path, XDG_DATA_HOME=str(data)).returncode == 0, "again"
    removed = trackside("desktop", "remove", cwd=tmp_path, XDG_DATA_HOME=str(data))
    assert removed.returncode == 0
    assert removed.stdout.splitlines() == [f"removed {entry}", f"removed {icon}"]
    assert not [path for path in data.rglob("*") if path.is_file()]
    assert trackside("desktop", "remove", cwd=tmp_path, XDG_DATA_HOME=str(data)).stdout == ""


def test_the_menu_is_told_where_the_desktop_has_a_program_for_that(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "update-desktop-database"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" > {shlex.quote(str(tmp_path / "told"))}\n')
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])

    trackside("desktop", "install", cwd=tmp_path, XDG_DATA_HOME=str(tmp_path / "data"), PATH=path)

    assert (tmp_path / "told").read_text() == f"--quiet {tmp_path / 'data' / 'applications'}\n"


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    done = trackside("desktop", "install", cwd=tmp_path, XDG_DATA_HOME=str(tmp_path / "data"))

    assert done.returncode == 1
    assert str(tmp_path / "data") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("open",), ("--workspace", "here")], ids=" ".join)
def test_without_a_screen_that_is_said_and_what_can_be_done_instead(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = trackside(*arguments, cwd=tmp_path, DISPLAY=None, WAYLAND_DISPLAY=None, QT_QPA_PLATFORM=None)

    assert done.returncode == 2
    assert "no screen" in done.stderr
    assert "make train" in done.stderr
    assert "trackside train" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "workspace"),
    [
        ([], None),
        (["open"], None),
        (["open", "--workspace", "w"], Path("w")),
        (["--workspace", "w"], Path("w")),
        (["--workspace", "w", "open"], Path("w")),
        (["--workspace", "v", "open", "--workspace", "w"], Path("w")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_window_is_opened_on_the_workspace_that_is_named(
    arguments: list[str], workspace: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    opened: list[Path | None] = []

    def open_window(where: Path | None) -> int:
        opened.append(where)
        return 7

    assert cli.main(arguments, open_window) == 7
    assert opened == [workspace]


def test_a_window_whose_libraries_are_missing_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")

    def open_window(_where: Path | None) -> int:
        raise ImportError("libEGL.so.1: cannot open shared object file")

    assert cli.main(["open"], open_window) == 1
    assert "libEGL.so.1" in capsys.readouterr().err


def test_a_menu_entry_is_refused_elsewhere_than_on_linux(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.cli.desktop import desktop

    monkeypatch.setattr(sys, "platform", "darwin")
    assert desktop(argparse.Namespace(action="install")) == 2
    assert "Linux only" in capsys.readouterr().err
