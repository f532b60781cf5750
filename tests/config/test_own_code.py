"""Code of the user's own: found, read without being run, loaded from where it belongs, begun from templates."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config import scaffolding
from app.config.catalog import load_catalog, work_in
from app.config.checking import check
from app.config.own_code import INTERPRETER, OwnCodeError, OwnUse, load, own_code_of
from app.config.resolve import with_absolute_paths
from app.config.trust import UntrustedError, distrust, is_trusted, require_trust, trust, trust_file

ROOT = Path(__file__).parents[2]
SCALE = '''
from __future__ import annotations
from pathlib import Path
from typing import Literal, Optional
raise RuntimeError("reading a component must not run it")
class Base:
    def __init__(self, by: float, how: Literal["up", "down"] = "up", *, table: Path = None,
                 size: tuple[int, int] = (1, 2), deep: "Optional[int]" = 3, odd: set[str] = frozenset(),
                 bare=True, number=1.5):
        """Make it.

        Args:
            by (float): What every value is multiplied by.
            how: Where to.
        """
    def transform(self, X): ...
class Scale(Base):
    """Scale it.
    All of it.

    And more.
    """
class _Hidden(Base): ...
class Learns:
    def fit(self, X): ...
    def transform(self, X): ...
class Rows:
    def load(self): ...
class Net:
    def build(self, input_shape): ...
class Mine(trackers.Tracker):
    def start(self, run_id, logdir): ...
class Wave(keras.layers.Layer):
    def __init__(self, units: int, **kwargs): ...
class Nothing:
    def walk(self): ...
'''


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return a function that writes a file of components; modules that a test imported are forgotten."""
    modules, paths = set(sys.modules), list(sys.path)
    folder = tmp_path / "components"
    folder.mkdir()

    def written(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    yield written
    work_in(tmp_path / "elsewhere")
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_components_are_read_from_the_text_of_their_files(write: Callable[..., Path], tmp_path: Path) -> None:
    write("scale.py", SCALE)
    write("test_scale.py", SCALE)
    write("_private.py", SCALE)
    write("broken.py", "class Broken(:\n")
    write("binary.py", "class A:\x00")
    work_in(tmp_path)
    catalog = load_catalog()
    own = {kind: [id for id in catalog.ids(kind) if ":" in id] for kind in catalog.kinds}
    assert {kind: ids for kind, ids in own.items() if ids} == {
        "preprocessor": ["scale:Base", "scale:Scale"],
        "transformer": ["scale:Learns"],
        "dataset": ["scale:Rows"],
        "model": ["scale:Net"],
        "tracker": ["scale:Mine"],
        "layer": ["scale:Wave"],
    }
    scale = catalog.require("preprocessor", "scale:Scale")
    assert scale.doc == "Scale it. All of it."
    assert {each.name: (each.type, each.default, each.required) for each in scale.parameters} == {
        "by": ("float", None, True),
        "how": ("str", "up", False),
        "table": ("path|null", None, False),
        "size": ("int[]", [1, 2], False),
        "deep": ("int|null", 3, False),
        "odd": ("any", None, False),
        "bare": ("bool", True, False),
        "number": ("float", 1.5, False),
    }
    assert scale.parameters[0].doc == "What every value is multiplied by."
    assert scale.parameters[1].choices == ("up", "down")


def test_a_component_that_was_changed_is_read_again_and_one_of_another_workspace_is_gone(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    file = write("rows.py", "class Rows:\n    def load(self): ...\n")
    work_in(tmp_path)
    catalog = load_catalog()
    work_in(tmp_path)
    assert load_catalog() is catalog
    file.write_text("class More:\n    def load(self): ...\n")
    work_in(tmp_path)
    assert load_catalog().get("dataset", "rows:More")
    assert not load_catalog().get("dataset", "rows:Rows")
    work_in(tmp_path / "elsewhere")
    assert not load_catalog().get("dataset", "rows:More")


def test_the_settings_of_own_components_are_checked_and_their_paths_belong_to_the_config(
    write: Callable[..., Path], tmp_path: Path, document: dict[str, Any]
) -> None:
    write("scale.py", SCALE)
    work_in(tmp_path)
    document["dataset"]["preprocessors"] = [{"type": "scale:Scale", "how": "sideways", "hwo": 1}]
    found = {problem.path: f"{problem.message} | {problem.valid}" for problem in check(document)}
    assert "scale:Scale needs it" in found["dataset.preprocessors.0.by"]
    assert "up, down" in found["dataset.preprocessors.0.how"]
    assert "did you mean 'how'" in found["dataset.preprocessors.0.hwo"]
    document["dataset"]["preprocessors"] = [{"type": "scale:Scale", "by": 2, "table": "a.csv"}]
    document["model"]["network"][0] = {"type": "scale:Wave", "units": 3, "whatever": 4}
    document["tracking"]["trackers"] = [{"type": "scale:Mine", "any": "thing"}, {"type": "elsewhere:Tracker", "x": 1}]
    assert check(document) == []
    absolute = with_absolute_paths(document, tmp_path)
    assert absolute["dataset"]["preprocessors"][0]["table"] == str(tmp_path / "a.csv")


def test_all_places_that_name_own_code_are_found(document: dict[str, Any]) -> None:
    document["model"]["name"] = "net:Net"
    document["dataset"]["name"] = "rows:Rows"
    document["model"]["network"][0]["kernel_initializer"] = {"type": "init:Init"}
    document["model"]["network"][1]["activation"] = "act:wave"
    document["model"]["compilation"]["optimizer"] = {"type": "sgd", "learning_rate": "rates:Falling"}
    document["training"]["callbacks"].append({"type": "calls:Own", "do": "calls:on_end"})
    document["training"]["callbacks"].append({"type": "learning_rate_scheduler", "schedule": "rates:by_epoch"})
    document["session"] = {"python": "venv"}
    document["tracking"]["trackers"].append({"type": "mine:Tracker"})
    document["tracking"]["params"]["note"] = "no:code"
    document["experiment"]["tags"] = ["neither:this"]
    uses = own_code_of(document)
    assert len(uses) == len(set(uses))
    assert {(use.path, use.kind, use.id) for use in uses} == {
        ("model.name", "model", "net:Net"),
        ("dataset.name", "dataset", "rows:Rows"),
        ("model.network.0.kernel_initializer.type", "initializer", "init:Init"),
        ("model.network.1.activation", "activation", "act:wave"),
        ("model.compilation.optimizer.learning_rate", "schedule", "rates:Falling"),
        ("training.callbacks.2.type", "callback", "calls:Own"),
        ("training.callbacks.2.do", "function", "calls:on_end"),
        ("training.callbacks.3.schedule", "schedule", "rates:by_epoch"),
        ("session.python", INTERPRETER, "venv"),
        ("tracking.trackers.2.type", "tracker", "mine:Tracker"),
    }


def test_a_class_is_loaded_from_components_or_from_what_is_installed(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    write("helper_of_scale.py", "factor = 3\n")
    write("scale_a.py", "from helper_of_scale import factor\nclass Scale:\n    by = factor\n")
    write("package_a/__init__.py", "")
    write("package_a/inner.py", "class Inner: ...\n")
    assert load("scale_a:Scale", tmp_path).by == 3
    assert load("package_a.inner:Inner", tmp_path).__name__ == "Inner"
    assert load("fractions:Fraction", tmp_path)(1, 2) * 2 == 1


@pytest.mark.parametrize(
    ("name", "text", "id", "says"),
    [
        ("a1.py", "x = 1\n\ny = z\n", "a1:X", "components/a1.py, line 3: NameError: name 'z'"),
        ("a2.py", "def f(:\n", "a2:X", "components/a2.py, line 1: SyntaxError"),
        ("a3.py", "class Scaler: ...\n", "a3:Scalar", "components/a3.py has no 'Scalar'; did you mean 'Scaler'?"),
        ("a4.py", "import no_such_module_here\n", "a4:X", "components/a4.py, line 1: ModuleNotFoundError"),
        ("a5.py", "import sys\nsys.exit(3)\n", "a5:X", "components/a5.py, line 2: SystemExit"),
        ("json.py", "class X: ...\n", "json:X", "the name of another module"),
        ("a6.py", "", "nowhere_at_all:X", "there is no components/nowhere_at_all.py"),
        ("a6.py", "", "nowhere.at_all:X", "there is no components/nowhere/at_all.py"),
    ],
)
def test_what_cannot_be_loaded_is_named_with_file_and_line(
    write: Callable[..., Path], tmp_path: Path, name: str, text: str, id: str, says: str
) -> None:
    write(name, text)
    with pytest.raises(OwnCodeError) as raised:
        load(id, tmp_path)
    assert says in str(raised.value)


def test_a_file_in_the_working_directory_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lying_around.py").write_text("class X: ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    with pytest.raises(OwnCodeError, match="no module lying_around is installed"):
        load("lying_around:X", tmp_path)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder, apart from any workspace."""
    folder = tmp_path / "user"
    monkeypatch.setenv("TRACKSIDE_CONFIG_DIR", str(folder))
    return folder


def test_a_workspace_is_trusted_by_its_real_path_until_it_is_not(own_folder: Path, tmp_path: Path) -> None:
    workspace, other, link = tmp_path / "workspace", tmp_path / "other", tmp_path / "link"
    workspace.mkdir()
    link.symlink_to(workspace)
    assert not is_trusted(workspace)
    trust(link)
    trust(workspace)
    assert is_trusted(workspace)
    assert is_trusted(link)
    assert not is_trusted(other)
    assert not is_trusted(workspace / "below")
    link.unlink()
    link.symlink_to(other)
    assert not is_trusted(link)
    distrust(workspace)
    assert not is_trusted(workspace)
    assert trust_file().is_relative_to(own_folder)


@pytest.mark.parametrize("content", ["", "[]", '{"workspaces": 3}', '{"workspaces": [3, null]}', "\x00"])
def test_a_list_that_cannot_be_read_trusts_nobody(own_folder: Path, tmp_path: Path, content: str) -> None:
    own_folder.mkdir()
    trust_file().write_text(content)
    assert not is_trusted(tmp_path)
    trust(tmp_path)
    assert is_trusted(tmp_path)


def test_own_code_in_a_workspace_that_is_not_trusted_is_refused_with_what_to_do(
    own_folder: Path, write: Callable[..., Path], tmp_path: Path, document: dict[str, Any]
) -> None:
    require_trust(document, tmp_path)
    write("scale.py", SCALE)
    document["dataset"]["preprocessors"] = [{"type": "scale:Scale", "by": 2}, {"type": "numpy:array"}]
    with pytest.raises(UntrustedError) as raised:
        require_trust(document, tmp_path)
    assert raised.value.uses == [
        OwnUse("dataset.preprocessors.0.type", "preprocessor", "scale:Scale"),
        OwnUse("dataset.preprocessors.1.type", "preprocessor", "numpy:array"),
    ]
    assert "components/scale.py" in str(raised.value)
    assert "an installed module" in str(raised.value)
    assert f"trackside trust {tmp_path}" in str(raised.value)
    trust(tmp_path)
    require_trust(document, tmp_path)


@pytest.mark.parametrize("name", ["MyScaler", "my scaler", "2d", "", "a__b", "class", "json", "app", "numpy", "test_x"])
def test_a_name_that_cannot_be_is_refused_with_the_reason(name: str) -> None:
    assert scaffolding.wrong_name(name)
    assert not scaffolding.wrong_name("my_scaler")
    assert "'my_scaler'" in scaffolding.wrong_name("MyScaler")


def test_new_components_do_not_replace_files_and_leave_none_behind(tmp_path: Path) -> None:
    components = tmp_path / "components"
    components.mkdir()
    (components / "test_mine.py").write_text("mine")
    with pytest.raises(FileExistsError):
        scaffolding.write_component("dataset", "mine", tmp_path)
    assert [path.name for path in components.iterdir()] == ["test_mine.py"]


def test_every_new_component_is_in_the_catalog_says_what_to_write_and_passes_its_test(tmp_path: Path) -> None:
    for kind in scaffolding.KINDS:
        for path in scaffolding.write_component(kind, f"my_{kind}", tmp_path):
            if not path.name.startswith("test_"):
                assert f"TODO(my_{kind})" in path.read_text()
    work_in(tmp_path)
    try:
        for kind in scaffolding.KINDS:
            found = load_catalog().require(kind, f"my_{kind}:{scaffolding.class_of(f'my_{kind}')}")
            assert found.parameters
            assert "TODO" not in found.doc
    finally:
        work_in(tmp_path / "elsewhere")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "components"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert f"{len(scaffolding.KINDS)} passed" in result.stdout
