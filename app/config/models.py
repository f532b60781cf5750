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
    Discriminator,
    Field,
    JsonValue,
    Tag,
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
NamedEntry = Annotated[ComponentEntry, BeforeValidator(_entry, json_schema_input_type=str | ComponentEntry)]

#: What tells, in the place of an error, which of several forms was meant: no key of a config begins like this.
FORM_MARK = "="


def _form(value: Any) -> str:
    """Return which of two forms a value is meant to have: one for all, or an object with one for each name."""
    return "=each" if isinstance(value, Mapping) and "type" not in value else "=one"


#: A sample's shape, without the batch.
Shape = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
#: One shape, or one for each input by its name.
Shapes = Annotated[
    Annotated[Shape, Tag("=one")] | Annotated[dict[str, Shape], Tag("=each")],
    Discriminator(_form),
]
#: One loss for all outputs, or an object of output to loss.
Losses = Annotated[
    Annotated[NamedEntry, Tag("=one")] | Annotated[dict[str, NamedEntry], Tag("=each")],
    Discriminator(_form),
]
#: Metrics of all outputs, or an object of output to its metrics.
Metrics = Annotated[
    Annotated[list[NamedEntry], Tag("=one")] | Annotated[dict[str, list[NamedEntry]], Tag("=each")],
    Discriminator(_form),
]

#: A weight for each class by its number or name, or a rule for them.
ClassWeight = Annotated[
    Annotated[Literal["balanced"], Tag("=one")] | Annotated[dict[str, Annotated[float, Field(ge=0)]], Tag("=each")],
    Discriminator(_form),
]

#: Tags are name to text; a list of names is tags without text.
Tags = Annotated[dict[str, str], BeforeValidator(_tags, json_schema_input_type=list[str] | dict[str, str])]


class ExperimentConfig(ConfigModel):
    """What the run belongs to."""

    name: str | None = Field(default=None, title="Name", description="Experiment; without one, the dataset's name.")
    tags: Tags = Field(default={}, title="Tags", description="A list of tags, or an object of tag to text.")
    description: str | None = Field(default=None, title="Description", description="Free text.")


class CompilationConfig(ConfigModel):
    """How the network is trained and measured."""

    optimizer: NamedEntry = Field(title="Optimizer", description="Id of an optimizer, or an object with its type.")
    loss: Losses = Field(
        title="Loss", description="Id of a loss, an object with its type, or an object of output to loss."
    )
    loss_weights: dict[str, float] = Field(
        default={}, title="Loss weights", description="Weight of the loss of each output; 1 where there is none."
    )
    metrics: Metrics = Field(
        default=[], title="Metrics", description="Metrics of every epoch, for all outputs or by output."
    )
    class_names: list[str] = Field(
        default=[], title="Class names", description="What the classes are called, in the order of their numbers."
    )


class ModelConfig(ConfigModel):
    """What is trained."""

    input_shape: Shapes | None = Field(
        default=None,
        title="Input shape",
        description="Shape of one sample, without the batch dimension, or an object of input to shape.",
    )
    name: str | None = Field(
        default=None, title="Name", description="A model by its id: a Keras application or a scikit-learn estimator."
    )
    network: list[ComponentEntry] | None = Field(
        default=None,
        min_length=1,
        title="Network",
        description="The layers, from input to output; each takes what the one before gives, or the inputs it names.",
    )
    outputs: list[str] = Field(
        default=[], title="Outputs", description="The layers whose values are the model's; else the last one."
    )
    hyperparameters: dict[str, JsonValue] = Field(
        default={}, title="Hyperparameters", description="Parameters of the model with that id."
    )
    weights: str | None = Field(
        default=None,
        title="Weights",
        description="File of weights to begin with: the model.h5 or a checkpoint of an earlier run of the same layers.",
    )
    compilation: CompilationConfig | None = Field(
        default=None, title="Compilation", description="Optimizer, loss and metrics; a network needs them."
    )
    description: str | None = Field(default=None, title="Description", description="Free text.")


class DatasetConfig(ConfigModel):
    """What it is trained on."""

    name: str = Field(title="Name", description="Id of a dataset, or csv, arrays, hdf5, images, texts for own files.")
    parameters: dict[str, JsonValue] = Field(
        default={}, title="Parameters", description="Settings of the dataset, such as the path of its file."
    )
    one_hot: bool = Field(
        default=False, title="One-hot", description="Whether a class becomes a row of zeros with a one at its number."
    )
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
    """Parts of the rows: up to 1 a fraction, above it a count. What is beyond their sum is not used."""

    fit: float = Field(gt=0, title="Fit", description="Rows to train on: a fraction up to 1, or how many.")
    val: float = Field(
        default=0.0, ge=0, title="Validation", description="Rows to measure every epoch on: a fraction, or how many."
    )
    test: float = Field(
        default=0.0, ge=0, title="Test", description="Rows to measure once on, at the end: a fraction, or how many."
    )


class CrossValidationConfig(ConfigModel):
    """How a scikit-learn estimator is measured on parts of the training rows, each left out of a fit in turn."""

    cv: int = Field(default=5, ge=2, title="Parts", description="Parts; each is left out of one fit and measured.")
    n_jobs: int | None = Field(
        default=None, title="Jobs", description="Fits at once; null is one, -1 as many as there are cores."
    )


class FitConfig(ConfigModel):
    """How long and in what portions."""

    samples: SamplesConfig = Field(title="Samples", description="How the rows are split.")
    shuffle: bool = Field(default=True, title="Shuffle", description="Whether rows are shuffled before the split.")
    validation_split: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Validation split",
        description="Fraction of the training rows, the last ones, to validate on instead of samples.val.",
    )
    batch_size: int = Field(default=32, ge=1, title="Batch size", description="Samples per optimizer step.")
    epochs: int = Field(default=10, ge=1, title="Epochs", description="Passes over the training rows.")
    initial_epoch: int = Field(
        default=0, ge=0, title="Initial epoch", description="Epochs that count as done already; it goes on after them."
    )
    steps_per_epoch: int | None = Field(
        default=None, ge=1, title="Steps per epoch", description="Batches that make an epoch; null is all there are."
    )
    class_weight: ClassWeight | None = Field(
        default=None,
        title="Class weight",
        description='Weight of each class in the loss by its number or name, or "balanced".',
    )
    cross_validation: CrossValidationConfig | None = Field(
        default=None,
        title="Cross-validation",
        description="Measure a scikit-learn estimator on parts of the training rows, as cv_<metric>.",
    )
    chunk_size: int | None = Field(
        default=None,
        ge=1,
        title="Chunk size",
        description="Rows that are read at a time; null is 32 MB of data above 256 MB, and all of smaller data.",
    )
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
    system_every: float | None = Field(
        default=None,
        gt=0,
        title="System every",
        description="Seconds between two looks at processor, memory and GPU; null for none.",
    )


class SessionOptions(ConfigModel):
    """What the run may use of the machine."""

    allow_memory_growth: bool = Field(
        default=False, title="Memory growth", description="Take GPU memory as needed instead of all of it."
    )
    num_cores: int | None = Field(
        default=None, ge=1, title="Cores", description="CPU cores to compute with; null is all."
    )
    deterministic: bool = Field(
        default=False,
        title="Deterministic",
        description="Whether only ops are used that give the same values each time.",
    )


class SessionConfig(ConfigModel):
    """Where it is trained."""

    python: str | None = Field(
        default=None,
        title="Python",
        description="Interpreter to train with: its path, or a folder of a venv or conda environment; null is ours.",
    )
    backend: Literal["tensorflow", "jax", "torch"] | None = Field(
        default=None, title="Backend", description="What Keras computes with; null is TensorFlow."
    )
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
