"""Trainings of the user's own files: images, texts, tables and arrays, in memory and from the disk in portions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from app.engine.batches import Batches
from app.engine.data import cache
from app.engine.data.columns import Encoding
from app.engine.ending import StopSwitch, TrainingError
from app.engine.outcome import Outcome
from app.engine.preprocessing.saving import Pipeline, load_pipeline
from app.engine.samples import Samples, Stored
from app.engine.trainer import Trainer
from tests.engine.conftest import Record, config_of, document

CLASSIFY = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
TWO = [{"type": "dense", "units": 2, "activation": "softmax"}]
SOFTMAX = {"type": "dense", "activation": "softmax"}


def train(record: Record, **changes: Any) -> Pipeline:
    """Train, and return the pipeline that the run has left."""
    config = config_of(document(model__input_shape=None, dataset__transformers=[], **changes))
    cache = record.folder.path.parent / "cache"
    outcome = Trainer(config, record.folder, cache, record.recorder, StopSwitch()).run()
    assert outcome == Outcome("finished")
    return load_pipeline(config.dataset, record.folder.pipeline)


def predict(record: Record, pipeline: Pipeline, X: Any) -> Any:
    return keras.models.load_model(record.folder.model).predict(pipeline.transform(X), verbose=0)


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but what is tiny goes into memory."""
    monkeypatch.setattr(cache, "MEMORY_LIMIT", 100)
    monkeypatch.setattr(cache, "SMALL", 100)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """What chunk_size leaves in memory is tiny."""
    monkeypatch.setattr(cache, "SMALL", 100)


def test_a_folder_of_images_by_class_is_classified_after_its_images_were_made_small_and_grey(
    record: Record, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for number in range(40):
        name = "bright" if number % 2 else "dark"
        (tmp_path / "pictures" / name).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 100, (8, 8, 3)) + (number % 2) * 150
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "pictures" / name / f"{number}.png")
    pipeline = train(
        record,
        dataset={
            "name": "images",
            "parameters": {"path": str(tmp_path / "pictures")},
            "preprocessors": [
                {"type": "image_resize", "width": 4, "height": 4},
                {"type": "grayscale"},
                {"type": "divide", "factor": 255},
            ],
        },
        model__network=[{"type": "conv2d", "filters": 2, "kernel_size": 3}, {"type": "flatten"}, SOFTMAX],
        model__compilation={**CLASSIFY, "optimizer": {"type": "adam", "learning_rate": 0.1}},
        training={"samples": {"fit": 0.6, "val": 0.2, "test": 0.2}, "batch_size": 8, "epochs": 8},
    )
    assert record.metrics["test_accuracy"] == [1]
    assert pipeline.class_names == ("bright", "dark")
    night = np.full((1, 8, 8, 3), 20, np.uint8)
    assert pipeline.class_names[predict(record, pipeline, night).argmax()] == "dark"


def write_texts(folder: Path) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    words = {"ships": "sea captain sail storm the".split(), "kitchens": "oven butter flour cake the".split()}
    for name, known in words.items():
        (folder / name).mkdir(parents=True)
        for number in range(30):
            (folder / name / f"{number}.txt").write_text(" ".join(rng.choice(known, 8)).capitalize() + "!")
    return {"name": "texts", "parameters": {"path": str(folder)}}


@pytest.mark.parametrize("room", ["in memory", "on disk"])
def test_texts_by_class_are_classified_by_their_weighed_words(
    record: Record, tmp_path: Path, room: str, request: pytest.FixtureRequest
) -> None:
    if room == "on disk":
        request.getfixturevalue("no_memory")
    pipeline = train(
        record,
        dataset=write_texts(tmp_path / "texts")
        | {
            "preprocessors": [{"type": "alphanumeric"}],
            "transformers": [{"type": "tfidf", "remove_stop_words": True}],
        },
        model__network=[SOFTMAX],
        model__compilation={**CLASSIFY, "optimizer": {"type": "adam", "learning_rate": 0.3}},
        training={"samples": {"fit": 40, "val": 10, "test": 10}, "batch_size": 8, "epochs": 3},
    )
    assert record.metrics["test_accuracy"] == [1]
    text = np.array(["A captain, in a storm"], object)
    assert pipeline.class_names[predict(record, pipeline, text).argmax()] == "ships"


def test_words_by_their_numbers_go_into_an_embedding(record: Record, tmp_path: Path) -> None:
    train(
        record,
        dataset=write_texts(tmp_path / "texts")
        | {"transformers": [{"type": "text_vectorization", "max_tokens": 12, "output_sequence_length": 8}]},
        model__network=[
            {"type": "embedding", "input_dim": 12, "output_dim": 4},
            {"type": "global_average_pooling_1d"},
            SOFTMAX,
        ],
        model__compilation={**CLASSIFY, "optimizer": {"type": "adam", "learning_rate": 0.1}},
        training={"samples": {"fit": 0.5, "test": 0.5}, "batch_size": 8, "epochs": 4},
    )
    assert record.metrics["test_accuracy"] == [1]


def write_table(path: Path, rows: int = 200) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    lines = ["size,colour,kind"]
    for number in range(rows):
        size = rng.normal(100 * (number % 2), 20)
        lines.append(f"{size:.3f},{'red green'.split()[number % 2]},{'small large'.split()[number % 2]}")
    path.write_text("\n".join(lines) + "\n")
    return {"name": "csv", "parameters": {"path": str(path), "target": "kind"}}


def test_a_table_is_trained_on_in_chunks_with_one_hot_classes(record: Record, tmp_path: Path, tiny: None) -> None:
    table = write_table(tmp_path / "table.csv")
    pipeline = train(
        record,
        dataset=table | {"one_hot": True, "transformers": [{"type": "standard_scaler"}, {"type": "min_max_scaler"}]},
        model__network=[SOFTMAX],
        model__compilation={
            "optimizer": {"type": "adam", "learning_rate": 0.1},
            "loss": "categorical_crossentropy",
            "metrics": ["accuracy"],
        },
        training={
            "samples": {"fit": 0.6, "val": 0.2, "test": 0.2},
            "chunk_size": 50,
            "batch_size": 16,
            "epochs": 3,
            "class_weight": "balanced",
        },
    )
    assert record.metrics["test_accuracy"][0] > 0.9
    assert record.series(".batch/loss")["step"].tolist() == list(range(1, 25))  # 120 rows, 3 times
    assert pipeline.class_names == ("large", "small")
    assert pipeline.encoding is not None
    encoding = Encoding.from_json(pipeline.encoding)
    assert encoding.feature_names[0] == "size"
    assert encoding.columns["colour"].categories == ("green", "red")


@pytest.mark.parametrize("chunked", [True, False])
def test_an_epoch_on_disk_has_every_row_once(record: Record, tmp_path: Path, chunked: bool, tiny: None) -> None:
    """With a learning rate of 0 the loss of an epoch is the mean over all rows, each counted once."""
    y = np.arange(50, dtype=np.float32)
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["features"], file["labels"] = np.zeros((50, 10), np.float32), y
    train(
        record,
        dataset={"name": "hdf5", "parameters": {"path": str(tmp_path / "rows.h5"), "target": "labels"}},
        model__network=[{"type": "dense", "units": 1}],
        model__compilation={"optimizer": {"type": "sgd", "learning_rate": 0.0}, "loss": "mse", "metrics": []},
        training={
            "samples": {"fit": 30, "val": 20},
            "shuffle": False,
            "batch_size": 7,
            "epochs": 2,
            "chunk_size": 10 if chunked else None,
        },
    )
    assert record.metrics["loss"] == pytest.approx([np.mean(y[:30] ** 2)] * 2, rel=1e-5)
    assert record.metrics["val_loss"] == pytest.approx([np.mean(y[30:] ** 2)] * 2, rel=1e-5)


def test_batches_that_were_only_looked_at_are_the_first_of_the_epoch() -> None:
    numbers = np.arange(10)
    batches = Batches(Samples(numbers, numbers), 4, seed=0)
    looked_at = [batches[0], batches[1]]
    batches.on_epoch_begin()
    epoch = [batches[index][1] for index in range(3)]
    assert [batch.tolist() for batch in epoch[:2]] == [y.tolist() for _, y in looked_at]
    assert sorted(np.concatenate(epoch)) == numbers.tolist()
    assert sorted(np.concatenate([batches[index][1] for index in range(3)])) == numbers.tolist()


def test_a_file_that_turns_out_to_be_damaged_while_it_is_trained_on_is_named(
    record: Record, tmp_path: Path, no_memory: None
) -> None:
    path = tmp_path / "rows.h5"
    with h5py.File(path, "w") as file:
        table = file.create_dataset("X", data=np.ones((40, 10), np.float32), chunks=(10, 10), fletcher32=True)
        file["y"] = np.ones(40, np.float32)
        place = table.id.get_chunk_info(3).byte_offset
    with open(path, "r+b") as raw:
        raw.seek(place)
        raw.write(b"\xff" * 8)
    with pytest.raises(TrainingError, match=rf"^{path}: rows 30 to 39 cannot be read"):
        train(
            record,
            dataset={"name": "hdf5", "parameters": {"path": str(path)}},
            training={"samples": {"fit": 40}, "shuffle": False, "batch_size": 10, "epochs": 1, "chunk_size": 10},
        )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"training__batch_size": 121},
            r"^training\.batch_size: is 121, but there are only 120 samples to fit on; 120 or less would be right$",
        ),
        (
            {"training__samples": {"fit": 0.5, "val": 0.5}, "training__shuffle": False, "model__network": TWO},
            r"^model\.network\.0 \(dense\): gives a value for 2 classes, but the targets of hdf5 are .* 0 to 2",
        ),
        (
            {"model__input_shape": [5]},
            r"^model\.input_shape: \[5\] does not fit the samples of hdf5, which are of shape \[3\]$",
        ),
        (
            {"dataset__preprocessors": [{"type": "grayscale"}]},
            r"^dataset\.preprocessors\.0 \(grayscale\): cannot take features of shape \[3\] \(float32\): wants images",
        ),
    ],
)
def test_what_does_not_go_together_ends_before_the_first_batch(
    record: Record, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    """The last rows, which are validated on, have a class that those to fit on have not."""
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["X"], file["y"] = np.zeros((200, 3), np.float32), np.arange(200) // 90
    made = document(
        **{
            "dataset": {"name": "hdf5", "parameters": {"path": str(tmp_path / "rows.h5")}},
            "model__input_shape": None,
            "model__network": [SOFTMAX],
            "model__compilation": CLASSIFY,
            "training": {"samples": {"fit": 0.6, "val": 0.4}, "batch_size": 16, "epochs": 1},
        }
        | changes
    )
    with pytest.raises(TrainingError, match=says):
        Trainer(config_of(made), record.folder, tmp_path / "cache", record.recorder, StopSwitch()).run()
    assert record.elapsed["fit_model"] == 0


def test_texts_that_nothing_made_numbers_of_are_refused_with_what_would(record: Record, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"^dataset\.transformers: the features of texts are texts.*tfidf"):
        train(
            record,
            dataset=write_texts(tmp_path / "texts"),
            model__network=[{"type": "dense", "units": 1}],
            training={"samples": {"fit": 0.5}, "batch_size": 8},
        )


def test_fewer_rows_than_the_batch_size_that_nobody_chose_are_one_batch(record: Record, tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", X=np.ones((8, 10), np.float32), y=np.ones(8))
    few = {"name": "arrays", "parameters": {"path": str(tmp_path / "few.npz")}}
    train(record, dataset=few, training={"samples": {"fit": 1.0}, "epochs": 1})
    assert record.series(".batch/loss")["step"].tolist() == [1]


def test_chunks_stay_on_the_disk_however_small_the_dataset_is(tmp_path: Path, tiny: None) -> None:
    from app.engine.datasets import load_dataset

    parameters = write_table(tmp_path / "table.csv")["parameters"]
    for _ in range(2):  # from the file, then from the cache
        assert isinstance(load_dataset("csv", parameters, tmp_path / "cache", chunked=True).X, Stored)
    assert isinstance(load_dataset("csv", parameters, tmp_path / "cache").X, np.ndarray)
