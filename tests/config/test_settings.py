from __future__ import annotations

from pathlib import Path

import pytest

from app.config.settings import Settings, load_settings, save_settings, settings_file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRACKSIDE_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def test_settings_that_were_saved_are_loaded_again(folder: Path) -> None:
    save_settings(Settings(slots=3))
    assert load_settings() == (Settings(slots=3), [])
    assert [path.name for path in folder.iterdir()] == ["settings.json"]


@pytest.mark.usefixtures("folder")
def test_without_a_file_all_is_default() -> None:
    assert load_settings() == (Settings(), [])


@pytest.mark.parametrize(("cores", "slots"), [(None, 1), (1, 1), (4, 1), (7, 1), (8, 2), (64, 16)])
def test_by_default_a_run_has_four_cores_to_itself(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, slots: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert Settings().slots == slots


@pytest.mark.parametrize(
    ("content", "path"), [("{", ""), ("[]", ""), ('{"slots": 0}', "slots"), ('{"slots": 2, "slot": 1}', "slot")]
)
def test_a_broken_file_is_a_problem_and_no_crash(folder: Path, content: str, path: str) -> None:
    folder.mkdir()
    settings_file().write_text(content, encoding="utf-8")
    settings, problems = load_settings()
    assert [problem.path for problem in problems] == [path]
    assert settings.slots == (2 if "2" in content else Settings().slots)


def test_settings_that_cannot_be_saved_leave_the_old_ones(folder: Path) -> None:
    save_settings(Settings(slots=3))
    settings_file().unlink()
    settings_file().mkdir()
    with pytest.raises(OSError, match="settings"):
        save_settings(Settings(slots=4))
    assert [path.name for path in folder.iterdir()] == ["settings.json"]
