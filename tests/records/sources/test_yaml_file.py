from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.files import MissingFileError, RecordError
from app.records.sources.yaml_file import read_yaml


def test_objects_of_python_are_the_plain_values_that_they_are_written_as(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "size: !!python/tuple [3, 4]\nkind: !!python/name:os.system ''\n"
        f"made: !!python/object/new:os.system [touch {tmp_path}/evil]\nnet: !net {{units: 8}}\n"
    )
    assert read_yaml(path) == {"size": [3, 4], "kind": "", "made": [f"touch {tmp_path}/evil"], "net": {"units": 8}}
    assert not (tmp_path / "evil").exists()


def test_a_link_is_not_followed_and_a_missing_file_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a: 1\n")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "secret")
    with pytest.raises(RecordError, match="link"):
        read_yaml(tmp_path / "link.yaml")
    with pytest.raises(MissingFileError):
        read_yaml(tmp_path / "none.yaml")


types = st.sampled_from("bool int float null binary timestamp set omap pairs merge value python/tuple x".split())
values = st.text("[]{}a1:.-?&*, '\"|>%@", max_size=12)


@given(st.lists(st.tuples(types, values), max_size=4) | st.text(max_size=60) | st.binary(max_size=60))
def test_whatever_is_in_a_file_it_is_an_object_or_an_error_that_names_it(
    tmp_path_factory: pytest.TempPathFactory, content: list[tuple[str, str]] | str | bytes
) -> None:
    if isinstance(content, list):
        content = "".join(f"k{number}: !!{kind} {value}\n" for number, (kind, value) in enumerate(content))
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    with suppress(RecordError):
        assert isinstance(read_yaml(path), dict)
