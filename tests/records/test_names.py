from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.records.names import PathNames, slug, stays_inside

ANY_TEXT = st.text(st.characters(), max_size=200)
#: Short ones of few letters meet each other; the long and the wild ones meet the rules.
FEW_LETTERS = st.text("aAbB./%: \xe9\u0301e\u017fsK\u212a", max_size=6)
FOLDERS = st.from_regex(r"[aA](/[bB]){0,3}", fullmatch=True)
NAMES = st.lists(st.one_of(ANY_TEXT, FEW_LETTERS, FOLDERS), unique=True, max_size=12)


def folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def test_an_experiments_name_becomes_a_folder_name() -> None:
    assert slug("Boston Housing") == "boston_housing"
    assert slug("  Straße №5: v1.2-β  ") == "strasse_no5_v1.2-β"
    assert slug("../../etc") == "etc"
    assert slug("???") == ""
    assert len(slug("x" * 200)) == 80


@pytest.mark.parametrize("name", ["CON", "nul", "COM1", "con.txt", "Lpt9.a.b"])
def test_an_experiment_called_like_a_device_gets_another_folder_name(name: str) -> None:
    assert slug(name).partition(".")[0].endswith("_")


@given(ANY_TEXT)
@example("𒀀" * 100)
def test_a_slug_is_a_name_on_every_file_system(name: str) -> None:
    found = slug(name)
    assert re.fullmatch(r"[\w.\-]*", found)
    assert len(found) <= 80
    assert len(found.encode()) <= 240
    assert found == found.strip(".")


@given(NAMES)
def test_names_that_differ_get_paths_that_differ_whatever_the_file_system_folds(names: list[str]) -> None:
    paths = PathNames()
    found = [paths.path(name) for name in names]
    assert len({folded(path) for path in found}) == len(names)
    assert len({path.upper() for path in found}) == len(names)


@given(NAMES)
def test_a_path_has_no_part_that_a_file_system_forbids(names: list[str]) -> None:
    paths = PathNames()
    for name in names:
        for part in paths.path(name).split("/"):
            assert part not in ("", ".", "..")
            assert not re.search(r'[:*?"<>|\\\x00-\x1f\x7f]', part)
            assert part[0] != "."
            assert part[-1] not in ". "
            assert len(part.encode()) <= 120
        assert stays_inside(paths.path(name))


@given(NAMES)
def test_no_folder_takes_the_place_of_a_file(names: list[str]) -> None:
    paths = PathNames()
    found = [paths.path(name) for name in names]
    files = {folded(path + suffix) for path in found for suffix in (".npy", ".jsonl")} | {"names.json"}
    folders = {folded(path.rpartition("/")[0]) for path in found if "/" in path}
    assert not files & folders


@given(NAMES)
def test_no_two_folders_are_one_where_case_does_not_count(names: list[str]) -> None:
    paths = PathNames()
    parents = {name.rpartition("/")[0]: paths.path(name).rpartition("/")[0] for name in names if "/" in name}
    assert len({folded(path) for path in parents.values()}) == len(parents)


@given(NAMES)
def test_the_same_names_in_the_same_order_get_the_same_paths(names: list[str]) -> None:
    first, second = PathNames(), PathNames()
    assert [first.path(name) for name in names] == [second.path(name) for name in names]
    assert [first.path(name) for name in names] == [second.path(name) for name in names]


@given(NAMES, NAMES)
def test_paths_that_are_on_disk_already_stay_taken(before: list[str], after: list[str]) -> None:
    first, second = PathNames(), PathNames()
    for name in before:
        second.take(name, first.path(name))
    for name in before + after:
        assert second.path(name) == first.path(name)


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (["loss", "val/loss"], ["loss", "val/loss"]),
        (["a.npy/b", "a"], ["a%2Enpy/b", "a"]),
        (["names.json/b"], ["names%2Ejson/b"]),
        (["../x", "/x", "x/"], ["%2E%2E/x", "%/x", "x/%"]),
        (["100%", "a:b", ".hidden", "dot."], ["100%25", "a%3Ab", "%2Ehidden", "dot%2E"]),
        (["con", "Aux.txt"], ["%63on", "%41ux.txt"]),
        (["loss", "Loss", "LOSS"], ["loss", "%4C%6F%73%73", "%4C%4F%53%53"]),
        (["Train/a", "train/b", "TRAIN/c"], ["Train/a", "%74%72%61%69%6E/b", "%54%52%41%49%4E/c"]),
    ],
)
def test_paths_are_the_documented_ones(names: list[str], paths: list[str]) -> None:
    given_paths = PathNames()
    assert [given_paths.path(name) for name in names] == paths


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x.npy", "a/../../x.npy", "C:\\x.npy", "a\\..\\x", "a\0.npy", "", "a//b"]
)
def test_a_path_that_leads_out_of_its_folder_is_not_one_of_ours(path: str) -> None:
    assert not stays_inside(path)
