"""A training config: one declaration per field, from which validation, forms, help and docs all come.

The models are strict: "25" is no int, true is no int and 25.0 is no int, but an int will do for a float. Keys that they
do not know are refused. What a component's parameters may be, and what must fit together, is checked in
:mod:`app.config.checking`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from app.config.validation import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_serializer,
    model_validator,
)


class ConfigModel(BaseModel):
    """What all parts of a config have in common."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ComponentEntry(ConfigModel):
    """A component as a config names it: ``{"type": "dense", "units": 64}`` has the options ``{"units": 64}``."""

    type: str = Field(title="Type", description="The id of a component.")
    options: dict[str, Any] = Field(default={}, title="Options", description="The parameters that are set.")

    @model_validator(mode="before")
    @classmethod
    def _split(cls, entry: Any) -> Any:
        if not isinstance(entry, Mapping):
            return entry
        options = {key: value for key, value in entry.items() if key != "type"}
        return {"options": options} | ({"type": entry["type"]} if "type" in entry else {})

    @model_serializer
    def as_dict(self) -> dict[str, Any]:
        """Return the entry as the config has it."""
        return {"type": self.type, **self.options}


def _entry(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def _tags(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(tag, str) for tag in value):
        return dict.fromkeys(value, "")
    return value


#: A component that may be given by its id alone.
NamedEntry = Annotated[ComponentEntry, BeforeValidator(_entry)]

#: Tags are name to text; a list of names is tags without text.
Tags = Annotated[dict[str, str], BeforeValidator(_tags)]

Fraction = Annotated[float, Field(ge=0, le=1)]


class ExperimentConfig(ConfigModel):
    """What the run belongs to."""

    name: str | None = Field(default=None, title="Name", description="Experiment; without one, the dataset's name.")
    tags: Tags = Field(default={}, title="Tags", description="A list of tags, or an object of tag to text.")
    description: str | None = Field(default=None, title="Description", description="Free text.")


class CompilationConfig(ConfigModel):
    """How the network is trained and measured."""

    optimizer: NamedEntry = Field(title="Optimizer", description="Id of an optimizer, or an object with its type.")
    loss: NamedEntry = Field(title="Loss", description="Id of a loss, or an object with its type.")
    metrics: list[NamedEntry] = Field(default=[], title="Metrics", description="Metrics of every epoch.")


class ModelConfig(ConfigModel):
    """What is trained."""

    input_shape: list[Annotated[int, Field(ge=1)]] | None = Field(
        default=None, min_length=1, title="Input shape", description="Shape of one sample, without the batch dimension."
    )
    name: str | None = Field(default=None, title="Name", description="Id of a built-in model.")
    network: list[ComponentEntry] | None = Field(
        default=None, min_length=1, title="Network", description="The layers, from input to output."
    )
    hyperparameters: dict[str, JsonValue] = Field(
        default={}, title="Hyperparameters", description="Parameters of the built-in model."
    )
    compilation: CompilationConfig | None = Field(
        default=None, title="Compilation", description="Optimizer, loss and metrics; a network needs them."
    )
    description: str | None = Field(default=None, title="Description", description="Free text.")


class DatasetConfig(ConfigModel):
    """What it is trained on."""

    name: str = Field(title="Name", description="Id of a dataset.")
    seed: int = Field(
        default=0, ge=0, lt=2**32, title="Seed", description="Seed of shuffling, of initial weights and of training."
    )
    preprocessors: list[ComponentEntry] = Field(
        default=[], title="Preprocessors", description="Applied to all rows, in this order; they learn nothing."
    )
    transformers: list[ComponentEntry] = Field(
        default=[], title="Transformers", description="Fitted on the training rows alone, then applied to all."
    )


class SamplesConfig(ConfigModel):
    """Fractions of the rows; what is beyond their sum is not used."""

    fit: float = Field(gt=0, le=1, title="Fit", description="Fraction of the rows to train on.")
    val: Fraction = Field(default=0.0, title="Validation", description="Fraction to measure every epoch on.")
    test: Fraction = Field(default=0.0, title="Test", description="Fraction to measure once on, at the end.")


class FitConfig(ConfigModel):
    """How long and in what portions."""

    samples: SamplesConfig = Field(title="Samples", description="How the rows are split.")
    shuffle: bool = Field(default=True, title="Shuffle", description="Whether rows are shuffled before the split.")
    batch_size: int = Field(default=32, ge=1, title="Batch size", description="Samples per optimizer step.")
    epochs: int = Field(default=10, ge=1, title="Epochs", description="Passes over the training rows.")
    callbacks: list[ComponentEntry] = Field(default=[], title="Callbacks", description="What happens between epochs.")


class TrackingConfig(ConfigModel):
    """What is told to trackers."""

    params: dict[str, JsonValue] = Field(default={}, title="Params", description="Further params of the run.")
    tags: Tags = Field(default={}, title="Tags", description="Tags of the run, beside those of the experiment.")
    trackers: list[ComponentEntry] = Field(default=[], title="Trackers", description="Where the run is mirrored to.")
    log_model_params: bool = Field(default=True, title="Log params", description="Whether trackers get the params.")
    log_model_metrics: bool = Field(default=True, title="Log metrics", description="Whether trackers get the metrics.")
    batch_every: int | None = Field(
        default=None, ge=1, title="Batch every", description="Send trackers every n-th batch too; null sends none."
    )


class SessionOptions(ConfigModel):
    """What the run may use of the machine."""

    allow_memory_growth: bool = Field(
        default=False, title="Memory growth", description="Take GPU memory as needed instead of all of it."
    )
    num_cores: int | None = Field(default=None, ge=1, title="Cores", description="CPU threads of one op; null is all.")


class SessionConfig(ConfigModel):
    """Where it is trained."""

    device: Literal["cpu", "gpu"] | None = Field(
        default=None, title="Device", description="Device to train on; null takes a GPU if there is one."
    )
    options: SessionOptions = Field(default=SessionOptions(), title="Options", description="Memory and cores.")


class TrainingConfig(ConfigModel):
    """A whole training config."""

    experiment: ExperimentConfig = Field(
        default=ExperimentConfig(), title="Experiment", description="What the run belongs to."
    )
    model: ModelConfig = Field(title="Model", description="What is trained.")
    dataset: DatasetConfig = Field(title="Dataset", description="What it is trained on.")
    training: FitConfig = Field(title="Training", description="How it is trained.")
    tracking: TrackingConfig = Field(default=TrackingConfig(), title="Tracking", description="What trackers are told.")
    session: SessionConfig = Field(default=SessionConfig(), title="Session", description="Where it is trained.")
    source: dict[str, JsonValue] | None = Field(
        default=None, title="Source", description="Where a resolved config came from; written by Trackside."
    )
