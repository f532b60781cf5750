from __future__ import annotations

import subprocess
import sys

import pytest

from app.config.params import leaves, params


@pytest.mark.parametrize("part", [None, 1, "text", [], {}])
def test_a_config_of_another_form_has_the_params_that_it_has(part: object) -> None:
    assert params({"experiment": part, "tracking": part, "training": {"epochs": 3}}) == {"training.epochs": 3}


def test_leaves_are_named_by_the_path_that_leads_to_them() -> None:
    value = {"type": "a", "net": [{"type": "dense", "units": 8}, None, "x"], "on": False, "none": None, "empty": {}}
    assert leaves(value) == {"type": "a", "net.0": "dense", "net.0.units": 8, "net.2": "x", "on": False}
    assert leaves([1, [2]]) == {"0": 1, "1.0": 2}
    assert leaves(3) == {}


def test_params_of_the_config_go_before_those_of_the_tracking() -> None:
    config = {"tracking": {"params": {"training": {"epochs": 9}, "device": "cpu"}}, "training": {"epochs": 3}}
    assert params(config) == {"training.epochs": 3, "device": "cpu"}


def test_nothing_heavy_is_needed() -> None:
    code = "import sys, app.config.params; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
