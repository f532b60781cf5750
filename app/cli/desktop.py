"""``trackside desktop``: Trackside's entry in a Linux desktop's menu; and the way to the window."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import app
from app.cli.output import EXIT_FAILED, EXIT_WRONG, complain
from app.records.files import replace_file
from app.resources import resource

_ENTRY = """\
[Desktop Entry]
Type=Application
Version=1.5
Name=Trackside
GenericName=Experiment Manager
Comment=Train machine learning configs, keep every run and look at it
Exec={command}
Icon=trackside
Terminal=false
Categories=Development;Science;
Keywords=machine learning;training;experiments;tracking;Keras;MLflow;TensorBoard;
StartupWMClass=trackside
"""


def open_on_screen(arguments: argparse.Namespace, open_window: Callable[[Path | None], int] | None) -> int:
    """Open the window; where it cannot be, say why and what can be done instead."""
    if open_window is None:
        complain("the window is opened by main.py or by the command trackside")
        return EXIT_WRONG
    if sys.platform == "linux" and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))):
        complain(
            "there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set). To train without a window: "
            "make train, or trackside train CONFIG"
        )
        return EXIT_WRONG
    try:
        return open_window(arguments.workspace)
    except ImportError as error:
        complain(f"the window cannot be opened: {error}. trackside doctor says what is missing and how to get it")
        return EXIT_FAILED


def desktop(arguments: argparse.Namespace) -> int:
    """Install or remove menu entry and icon; print the files."""
    if sys.platform != "linux":
        complain("a menu entry can be made on Linux only; here a shortcut to the command trackside does the same")
        return EXIT_WRONG
    if arguments.action == "remove":
        for path in (_entry(), _icon()):
            if path.exists():
                path.unlink()
                print(f"removed {path}")
    else:
        _install(_entry(), _ENTRY.format(command=quoted([*_program(), "open"])).encode())
        _install(_icon(), resource("icons", "trackside.svg").read_bytes())
    _refresh_menu(_entry().parent)
    return 0


def quoted(command: Sequence[str]) -> str:
    """Return a command as the value of ``Exec``.

    The quoting is that of the Desktop Entry Specification: an argument in double quotes with a backslash before what
    a shell would read there, a percent sign twice; and every backslash twice, since the value is a string too.
    """
    return " ".join(map(_quoted, command))


def _quoted(argument: str) -> str:
    text = argument.replace("%", "%%")
    if not text or re.search(r"[^\w@%+=:,./-]", text, re.ASCII):
        text = '"' + re.sub(r'(["`$\\])', r"\\\1", text) + '"'
    return text.replace("\\", "\\\\")


def _program() -> list[str]:
    """Return the command that starts this Trackside: from its checkout, else by its console script."""
    checkout = Path(app.__file__).resolve().parent.parent / "main.py"
    if checkout.is_file():
        return [sys.executable, str(checkout)]
    return [str(Path(sysconfig.get_path("scripts")) / "trackside")]


def _data() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _entry() -> Path:
    return _data() / "applications" / "trackside.desktop"


def _icon() -> Path:
    return _data() / "icons" / "hicolor" / "scalable" / "apps" / "trackside.svg"


def _install(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)
    print(f"installed {path}")


def _refresh_menu(applications: Path) -> None:
    """Have the menu read anew where there is a program for that; most desktops look by themselves."""
    program = shutil.which("update-desktop-database")
    if program is not None and applications.is_dir():
        subprocess.run([program, "--quiet", str(applications)], check=False, stdin=subprocess.DEVNULL)
