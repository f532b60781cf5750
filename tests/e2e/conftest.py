"""A screen of its own, the real program on it, and hands: xdotool clicks and types as a person would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Screen:
    """A virtual screen, and someone who sits before it.

    Xvfb has no window manager, so the program is told its size and place by its own restored geometry.
    """

    def __init__(self, folder: Path, size: str = "1440x900") -> None:
        read, write = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as told:
            self.display = f":{told.readline().strip()}"
        self.folder = folder
        self.urls = folder / "opened.txt"
        programs = folder / "bin"
        programs.mkdir()
        browser = programs / "xdg-open"
        # Stands for the browser: it notes what it was asked to open.
        browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> "{self.urls}"\n', encoding="utf-8")
        browser.chmod(0o755)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"},
            "DISPLAY": self.display,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "BROWSER": str(browser),
            "XDG_CURRENT_DESKTOP": "",
            "HOME": str(folder / "home"),
            "TRACKSIDE_CONFIG_DIR": str(folder / "config"),
        }
        (folder / "home").mkdir()

    def do(self, *arguments: str) -> None:
        """Let xdotool do something."""
        subprocess.run(["xdotool", *arguments], env=self.environment, check=True, timeout=20)

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        for key in keys:
            self.do("key", "--clearmodifiers", key)

    def type(self, text: str) -> None:
        """Type a text."""
        self.do("type", "--delay", "15", text)

    def click(self, x: int, y: int, *, times: int = 1) -> None:
        """Click there."""
        self.do("mousemove", str(x), str(y))
        self.do("click", "--repeat", str(times), "--delay", "60", "1")

    def close(self) -> None:
        """Switch the screen off."""
        self._server.terminate()
        self._server.wait()


class Program:
    """The real program on that screen."""

    def __init__(self, screen: Screen, *arguments: str, cwd: Path) -> None:
        self.screen = screen
        self.errors = (cwd / "stderr.txt").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "e2e" / "guided.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=screen.environment,
            cwd=cwd,
            text=True,
        )

    def ask(self, **request: Any) -> Any:
        """Ask the guide."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the program has ended: {self.said()}")
        return json.loads(line)

    def said(self) -> str:
        """What it wrote on standard error."""
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    def wait_for(self, name: str, *, timeout: float = 30.0, **more: Any) -> dict[str, Any]:
        """Wait until something of that name is on the screen, can be used and has come to rest; return where."""
        last: dict[str, Any] = {}

        def settled() -> dict[str, Any] | None:
            nonlocal last
            before, last = last, self.ask(find=name, **more) or {}
            is_same = (last.get("x"), last.get("y")) == (before.get("x"), before.get("y"))
            return last if last.get("enabled") and is_same else None

        found: dict[str, Any] = self.until(settled, name, timeout)
        return found

    def click(self, name: str, *, times: int = 1, timeout: float = 30.0, **more: Any) -> None:
        """Click on something by its name."""
        found = self.wait_for(name, timeout=timeout, **more)
        self.screen.click(found["x"], found["y"], times=times)

    def focus(self) -> None:
        """Give the main window the keyboard, as a window manager would once a dialog is closed."""
        self.screen.do("windowfocus", "--sync", str(self.ask(main=True)))

    def until(self, condition: Callable[[], Any], what: str, timeout: float = 30.0) -> Any:
        """Wait for something that must come true."""
        deadline = time.monotonic() + timeout
        while not (found := condition()):
            if time.monotonic() > deadline:
                shot = self.screen.folder / "failed.png"
                self.ask(shot=str(shot))
                raise AssertionError(f"{what} did not come within {timeout:.0f} s (see {shot}): {self.said()}")
            time.sleep(0.1)
        return found

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()
        self._release()

    def wait(self, timeout: float = 30.0) -> int:
        """Wait for its end; return its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()  # or the guide would go on listening
        status = self.process.wait(timeout)
        self._release()
        return status

    def _release(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream is not None:
                stream.close()


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """A screen of 1440 x 900."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing:
        pytest.fail(f"{' and '.join(missing)} missing: 'make test' installs what tests need")
    found = Screen(tmp_path)
    yield found
    found.close()


@pytest.fixture
def start(screen: Screen, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Return a function that starts the program in an empty folder."""
    programs: list[Program] = []
    cwd = tmp_path / "cwd"
    cwd.mkdir()

    def start(*arguments: str) -> Program:
        programs.append(Program(screen, *arguments, cwd=cwd))
        return programs[-1]

    yield start
    for program in programs:
        if program.process.poll() is None:
            program.kill()
