"""From data to a first run: what is made for a user's own data trains, and to something better than guessing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.config.first_config import first_config
from app.config.guessing import guess
from app.engine.ending import StopSwitch
from app.engine.outcome import Outcome
from app.engine.surveying import survey_data
from app.engine.trainer import Trainer
from tests.engine.conftest import Record, config_of


def train(record: Record, path: Path, epochs: int) -> dict[str, list[Any]]:
    """Train what is made for some data, for some epochs at most; return the metrics."""
    survey = survey_data(path)
    document = first_config(survey, guess(survey)).document
    document["training"] |= {"epochs": epochs, "callbacks": []}
    config = config_of(document)
    trainer = Trainer(config, record.folder, record.folder.path.parent / "cache", record.recorder, StopSwitch())
    assert trainer.run() == Outcome("finished")
    return record.metrics


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_prices_are_learned_from_numbers_categories_dates_and_gaps(
    record: Record, tmp_path: Path, rng: np.random.Generator
) -> None:
    lines = ["id;city;area;sold;price"]
    prices = []
    for n in range(400):
        city, area = rng.choice(["Bonn", "Rome"]), rng.normal(100, 30)
        prices.append(50_000 + 2500 * area + 90_000 * (city == "Rome"))
        shown = "" if n % 50 == 3 else f"{area:.1f}".replace(".", ",")
        lines.append(f"{n};{city};{shown};2020-0{n % 9 + 1}-11;{prices[-1]:.0f}")
    path = tmp_path / "houses.csv"
    path.write_text("\n".join(lines))
    metrics = train(record, path, epochs=12)
    assert metrics["test_mean_absolute_error"][0] < 0.6 * np.abs(np.array(prices) - np.median(prices)).mean()


def test_classes_are_learned_whatever_they_are_called(record: Record, tmp_path: Path, rng: np.random.Generator) -> None:
    centres = {"5": (0, 0), "7": (6, 0), "9": (0, 6)}
    lines = [
        ",".join([*(f"{value:.3f}" for value in rng.normal(centres[name])), name])
        for name in rng.choice(list(centres), 240)
    ]
    path = tmp_path / "points.csv"
    path.write_text("x,y,class\n" + "\n".join(lines))
    assert train(record, path, epochs=10)["test_accuracy"][0] > 0.8


def test_images_are_learned_from_a_folder(record: Record, tmp_path: Path, rng: np.random.Generator) -> None:
    for name, low in (("dark", 0), ("light", 120)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for n in range(30):
            pixels = rng.integers(low, low + 130, (12 + n % 3, 12, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{n}.png")
    assert train(record, tmp_path / "images", epochs=6)["val_accuracy"][-1] > 0.8


def test_texts_of_a_column_are_learned_by_their_words(record: Record, tmp_path: Path, rng: np.random.Generator) -> None:
    said = {"good": "lovely warm bright", "bad": "awful cold dark"}
    usual = "story film people town music actor scene".split()
    lines = []
    for name in rng.choice(list(said), 160):
        words = [*rng.choice(usual, 8), *rng.choice(said[name].split(), 2)]
        lines.append(f'"{" ".join(rng.permutation(words))}",{name}')
    path = tmp_path / "reviews.csv"
    path.write_text("review,opinion\n" + "\n".join(lines))
    assert train(record, path, epochs=12)["test_accuracy"][0] > 0.8
