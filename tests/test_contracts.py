"""What holds for every file of the repository."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def files(*patterns: str) -> list[Path]:
    """Return the files that git knows or would add, by glob patterns of git; never an empty list."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert found, f"git lists no file for {patterns}"
    return found


def test_no_file_names_a_package_index_or_a_place_on_this_machine() -> None:
    places = "|".join(re.escape(str(place)) for place in {ROOT, Path.home()} if len(place.parts) > 1)
    forbidden = re.compile(rf"pypi\.org|pythonhosted\.|index-url\s*=|(?<![\w.])(?:{places})/")

    offenders = {
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in files()
        if (found := forbidden.search(path.read_text(encoding="utf-8", errors="replace")))
    }

    assert offenders == set()


def test_constraints_are_names_versions_and_markers_only() -> None:
    line = re.compile(
        r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [a-z_]+ (==|!=|<) '[\w.]+'( (and|or) [a-z_]+ (==|!=|<) '[\w.]+')*)?"
    )

    lines = (ROOT / "packaging" / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert lines
    assert [text for text in lines if not line.fullmatch(text)] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in files("app/*.py") if ast.get_docstring(ast.parse(path.read_bytes())) is None]

    assert silent == []


def test_no_module_is_longer_than_450_lines() -> None:
    lengths = {path: len(path.read_bytes().splitlines()) for path in files("*.py")}

    assert {path: length for path, length in lengths.items() if length > 450} == {}


def test_the_packaging_folder_does_not_hide_the_packaging_library() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()
