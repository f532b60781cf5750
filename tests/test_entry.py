"""Trackside starts its own code, whatever lies in the folder that it is started in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import app
from app import start
from app.resources import resource

ROOT = Path(app.__file__).parent.parent
CONSOLE_SCRIPT = Path(sys.executable).with_name("trackside.exe" if os.name == "nt" else "trackside")

ENTRIES = {
    "main.py": [sys.executable, str(ROOT / "main.py")],
    "console script": [str(CONSOLE_SCRIPT)],
    "start.py": start.command("app.cli"),
}


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    """A user's folder in which every name of ours is taken by something that must not be imported."""
    for name in ("app/__init__.py", "app/cli/__init__.py", "resources/__init__.py", "main.py", "messages.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise SystemExit(f'the file of the user was imported: {__file__}')\n", encoding="utf-8")
    return tmp_path


def run(command: list[str], folder: Path, pythonpath: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if pythonpath is not None:
        environment["PYTHONPATH"] = pythonpath
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("pythonpath", [None, "."], ids=["no PYTHONPATH", "PYTHONPATH=."])
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_users_own_app_folder_is_never_imported(entry: str, pythonpath: str | None, hostile_folder: Path) -> None:
    done = run([*ENTRIES[entry], "--version"], hostile_folder, pythonpath)

    assert (done.stdout, done.stderr, done.returncode) == (f"trackside {app.__version__}\n", "", 0)


def test_an_app_that_was_imported_before_us_is_replaced_by_ours(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("__version__ = 'theirs'\n", encoding="utf-8")
    (tmp_path / "app" / "messages.py").write_text("", encoding="utf-8")
    program = textwrap.dedent("""\
        import app.messages, contextlib, trackside_entry
        assert app.__version__ == "theirs"
        with contextlib.suppress(SystemExit):
            trackside_entry.main(["--version"])
        import app.messages
        print(app.messages.__file__)
        """)

    done = run([sys.executable, "-c", program], tmp_path, os.pathsep.join([str(tmp_path), str(ROOT)]))

    assert done.stdout.splitlines() == [f"trackside {app.__version__}", str(ROOT / "app" / "messages.py")], done.stderr


def test_a_python_without_our_libraries_is_told_which_one_to_use(tmp_path: Path) -> None:
    done = run([sys.executable, "-S", str(ROOT / "main.py"), "runs"], tmp_path, None)
    assert (done.stdout, done.returncode) == ("", 2)
    assert len(done.stderr.splitlines()) == 1
    assert ".venv" in done.stderr


@pytest.fixture
def installed_elsewhere(tmp_path: Path) -> Path:
    """Another place that holds ``app``, with a module that tells what it was started with."""
    package = tmp_path / "elsewhere" / "app"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "app" / "start.py", package)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "messages.py").write_text("", encoding="utf-8")
    (package / "told.py").write_text(
        textwrap.dedent("""\
            import app, importlib.util, json
            def main(argv):
                print(json.dumps([argv, app.__path__, importlib.util.find_spec("messages") is None]))
                return 7
            """),
        encoding="utf-8",
    )
    return package


def test_a_module_is_started_with_its_arguments_and_its_exit_status(installed_elsewhere: Path, tmp_path: Path) -> None:
    done = run([sys.executable, str(installed_elsewhere / "start.py"), "app.told", "a b", "--c"], tmp_path, None)

    expected = f'[["a b", "--c"], ["{installed_elsewhere}"], true]\n'
    assert (done.stdout, done.stderr, done.returncode) == (expected, "", 7)


def test_modules_of_ours_are_not_importable_without_their_package(installed_elsewhere: Path) -> None:
    done = run([sys.executable, "start.py", "app.told"], installed_elsewhere, None)

    assert done.stdout.endswith("true]\n"), done.stderr


@pytest.mark.parametrize("module", ["json.tool", "apple.pie", ""])
def test_only_modules_of_ours_are_started(module: str, tmp_path: Path) -> None:
    done = run(start.command(module), tmp_path, None)

    assert done.returncode == 2
    assert done.stderr.startswith("usage: start.py app.")


def test_shipped_files_are_found_from_any_folder(hostile_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hostile_folder)

    assert resource("experiments", "boston_housing.json").is_file()
    assert ROOT in resource("experiments").parents
