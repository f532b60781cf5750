"""What a section holds, in a few words."""

from __future__ import annotations

from typing import Any

import pytest

from app.ui.editor.summaries import model_line, note, summary

NETWORK = [{"type": "dense", "units": 4}, {"type": "dense", "units": 1}]
COMPILATION = {"optimizer": "adam", "loss": {"type": "mse"}}


@pytest.mark.parametrize(
    ("model", "said", "beside", "line"),
    [
        (
            {"network": NETWORK, "compilation": COMPILATION},
            "2 layers · adam · mse",
            "2 layers",
            "Sequential · adam · mse",
        ),
        ({"name": "ridge"}, "ridge", "", "ridge"),
        ({"name": "ridge", "network": []}, "ridge", "0 layers", "ridge"),
        (
            {"name": "ridge", "network": NETWORK, "compilation": COMPILATION},
            "ridge",
            "the network of 2 layers is not used",
            "ridge",
        ),
        ({"name": 3}, "", "", ""),
        ("no", "", "", ""),
    ],
)
def test_a_model_is_told_by_what_is_trained(model: Any, said: str, beside: str, line: str) -> None:
    document = {"model": model}
    assert (summary("model", document), note("model", document), model_line(document)) == (said, beside, line)


def test_what_is_missing_or_wrong_is_left_out() -> None:
    document = {
        "experiment": {"name": "Houses", "tags": {"stage": "x"}},
        "dataset": {"name": "boston_housing", "transformers": [{"type": "standard_scaler"}, 3]},
        "training": {},
        "tracking": {"trackers": None},
    }
    assert summary("experiment", document) == "Houses · stage"
    assert summary("dataset", document) == "boston_housing · 506 \N{MULTIPLICATION SIGN} 13 · standard_scaler"
    assert summary("training", document) == "10 epochs · batches of 32"
    assert summary("tracking", document) == ""
    assert note("dataset", document) == ""
