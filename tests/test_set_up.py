"""The set-up program, run as a user runs it, in a checkout of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


def load(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(folder)
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment holds nothing but a Python."""
    shutil.copytree(ROOT / "packaging", tmp_path / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    venv.create(tmp_path / ".venv", symlinks=os.name != "nt")
    return tmp_path


@pytest.fixture
def bootstrap(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load(checkout / "packaging", "bootstrap", monkeypatch)


def test_a_completed_set_up_is_only_looked_at(bootstrap: ModuleType, checkout: Path) -> None:
    bootstrap.write_stamp("test")

    done = subprocess.run(
        [sys.executable, "packaging/bootstrap.py", "--for", "run"], cwd=checkout, capture_output=True, check=False
    )

    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def test_an_environment_that_is_to_run_is_not_enough_to_test(bootstrap: ModuleType) -> None:
    bootstrap.write_stamp("run")

    assert bootstrap.is_ready("run")
    assert not bootstrap.is_ready("test")


@pytest.mark.parametrize("name", ["pyproject.toml", "packaging/constraints.txt", ".venv/pyvenv.cfg"])
def test_a_change_of_what_is_wanted_is_installed(name: str, bootstrap: ModuleType, checkout: Path) -> None:
    bootstrap.write_stamp("test")
    with (checkout / name).open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")

    assert not bootstrap.is_ready("test")


def test_a_moved_checkout_is_set_up_anew(
    bootstrap: ModuleType, checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.write_stamp("test")
    moved = tmp_path_factory.mktemp("moved") / "checkout"
    shutil.copytree(checkout, moved, symlinks=True)

    there = load(moved / "packaging", "bootstrap", monkeypatch)

    assert not there.is_ready("test")
    assert not there.is_usable()


def test_an_environment_whose_python_is_gone_is_not_usable(bootstrap: ModuleType) -> None:
    bootstrap.write_stamp("test")
    bootstrap.PYTHON.unlink()

    assert not bootstrap.is_ready("test")
    assert not bootstrap.is_usable()


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_the_environment_of_another_checkout_that_a_link_leads_to_is_left_alone(
    bootstrap: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / ".venv"
    bootstrap.VENV.rename(elsewhere)
    bootstrap.VENV.symlink_to(elsewhere)

    bootstrap.make_environment(bootstrap.Interpreter(sys.executable, "{}.{}".format(*sys.version_info), True))

    assert (elsewhere / "pyvenv.cfg").exists()
    assert not bootstrap.VENV.is_symlink()
    assert bootstrap.PYTHON.exists()


def test_without_a_fitting_python_the_set_up_says_which_one_to_get(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "SUPPORTED", ("3.99",))

    with pytest.raises(bootstrap.SetupProblem, match=r"(?s)needs Python 3\.11, 3\.12 or 3\.13.*python3-venv"):
        bootstrap.find_python()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux is asked for system libraries")
@pytest.mark.parametrize(
    ("manager", "typed"), [("dnf", "dnf install -y libglvnd-egl"), ("pacman", "pacman -S --needed libglvnd")]
)
def test_missing_system_libraries_end_in_one_command_to_type(
    manager: str, typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = load(ROOT / "packaging", "system", monkeypatch)
    (tmp_path / manager).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(system.ctypes, "CDLL", refuse)

    needs = system.missing("run")
    with pytest.raises(system.SystemProblem, match=typed) as problem:
        system.provide([need for need in needs if need.what == "libEGL.so.1"])

    assert "libEGL.so.1" in str(problem.value)


def refuse(soname: str) -> None:
    raise OSError(f"{soname}: cannot open shared object file")
