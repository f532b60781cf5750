from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from app.config.checking import check
from app.config.problems import Problem

ProblemsOf = Callable[..., dict[str, str]]


def test_the_example_has_no_problem(document: dict[str, Any]) -> None:
    assert check(document) == []


def test_a_problem_is_one_readable_line() -> None:
    problem = Problem("training.epochs", "is 0", "1 or more")
    assert str(problem) == "training.epochs: is 0 (valid: 1 or more)"
    assert str(Problem("", "there is no such file")) == "there is no such file"


def test_an_empty_document_names_every_missing_section() -> None:
    assert [problem.path for problem in check({})] == ["model", "dataset", "training"]


def test_all_problems_come_at_once_and_in_the_order_of_the_document(problems_of: ProblemsOf) -> None:
    found = problems_of(
        training__epochs="25",
        training__samples__fit=0.9,
        model__network__0__units=0,
        model__compilation__loss="msee",
        experiment__nam="x",
        tracking__trackers__1__type="mlfow",
        dataset__name="boston",
    )
    assert list(found) == [
        "experiment.nam",
        "model.network.0.units",
        "model.compilation.loss",
        "dataset.name",
        "training.samples",
        "training.epochs",
        "tracking.trackers.1.type",
    ]


@pytest.mark.parametrize(
    ("path", "value", "valid"),
    [
        ("training__epochs", "25", "a whole number"),
        ("training__epochs", True, "a whole number"),
        ("training__epochs", 2.5, "a whole number"),
        ("training__epochs", 0, "1 or more"),
        ("training__shuffle", 1, "true or false"),
        ("training__callbacks", {}, "a list"),
        ("training__samples__fit", 0, "more than 0"),
        ("training__samples__val", -0.1, "0 or more"),
        ("training__samples__fit", 1.1, "a whole number of rows"),
        ("training__samples__fit", True, "a number"),
        ("dataset__seed", 2**32, "less than 4294967296"),
        ("dataset__name", None, "a text"),
        ("session__device", "tpu", '"cpu" or "gpu" or null'),
        ("tracking__params", [], "an object"),
        ("tracking__batch_every", 0, "1 or more"),
        ("experiment__tags", [1], "an object"),
        ("model__input_shape", [], "at least 1 item"),
        ("model__input_shape", 13, "a list"),
        ("model__network", [], "at least 1 item"),
        ("model__network__1", "dense", "an object with a type"),
        ("model__compilation__optimizer", 3, "an object with a type"),
        ("model", "dense", "an object"),
    ],
)
def test_a_value_of_the_wrong_kind_says_what_would_be_right(
    problems_of: ProblemsOf, path: str, value: Any, valid: str
) -> None:
    assert valid in problems_of(**{path: value})[path.replace("__", ".")]


@pytest.mark.parametrize(("shape", "index"), [([-13], 0), ([13, 0], 1), ([1.5], 0), (["13"], 0), ([True], 0)])
def test_a_dimension_is_a_positive_whole_number(problems_of: ProblemsOf, shape: list[Any], index: int) -> None:
    assert f"model.input_shape.{index}" in problems_of(model__input_shape=shape)


def test_an_int_is_fine_where_a_float_is_meant(problems_of: ProblemsOf) -> None:
    samples = {"fit": 1, "val": 0, "test": 0}
    assert problems_of(training__samples=samples, training__callbacks=[]) == {}


def test_an_unknown_key_is_named_with_the_closest_one(problems_of: ProblemsOf) -> None:
    assert "did you mean 'batch_size'?" in problems_of(training__batchsize=3)["training.batchsize"]


@pytest.mark.parametrize(
    ("path", "value", "place", "near"),
    [
        ("model__network__0__type", "dens", "model.network.0.type", "dense"),
        ("model__compilation__optimizer", "adm", "model.compilation.optimizer", "adam"),
        ("model__compilation__optimizer", {"type": "adm"}, "model.compilation.optimizer.type", "adam"),
        ("model__compilation__metrics__0", "meanabsoluteeror", "model.compilation.metrics.0", "mean_absolute_error"),
        ("training__callbacks__0__type", "early_stoping", "training.callbacks.0.type", "early_stopping"),
        ("tracking__trackers__0__type", "tensorbord", "tracking.trackers.0.type", "tensorboard"),
        ("dataset__transformers__0__type", "standardscale", "dataset.transformers.0.type", "standard_scaler"),
        ("dataset__name", "bostonhousing_", "dataset.name", None),
        ("dataset__name", "boston_house", "dataset.name", "boston_housing"),
        ("model__network__0__activation", "rely", "model.network.0.activation", "relu"),
    ],
)
def test_an_unknown_component_is_named_with_the_closest_one(
    problems_of: ProblemsOf, path: str, value: Any, place: str, near: str | None
) -> None:
    found = problems_of(**{path: value})
    assert list(found) == ([place] if near else [])
    assert near is None or f"did you mean '{near}'?" in found[place]


def test_a_component_of_another_kind_is_told_so(problems_of: ProblemsOf) -> None:
    found = problems_of(dataset__transformers=[{"type": "divide", "factor": 2}])
    assert "it is a kind of preprocessor" in found["dataset.transformers.0.type"]


def test_a_parameter_that_is_missing_unknown_or_of_the_wrong_type_is_named(problems_of: ProblemsOf) -> None:
    found = problems_of(
        model__network=[
            {"type": "dense", "unit": 3},
            {"type": "dense", "units": "3"},
            {"type": "dense", "units": True},
            {"type": "dense", "units": 2.0},
            {"type": "dropout", "rate": 2},
            {"type": "conv2d", "filters": 4, "kernel_size": [3, 3, 3]},
            {"type": "conv2d", "filters": 4, "kernel_size": [3, 0], "padding": "sam"},
            {"type": "batch_normalization", "epsilon": 1},
        ]
    )
    assert list(found) == [
        "model.network.0.unit",
        "model.network.0.units",
        "model.network.1.units",
        "model.network.2.units",
        "model.network.3.units",
        "model.network.4.rate",
        "model.network.5.kernel_size",
        "model.network.6.kernel_size",
        "model.network.6.padding",
    ]
    assert "did you mean 'units'?" in found["model.network.0.unit"]
    assert "a list of 2 whole numbers" in found["model.network.5.kernel_size"]
    assert "did you mean 'same'?" in found["model.network.6.padding"]


def test_components_within_components_are_checked_too(problems_of: ProblemsOf) -> None:
    found = problems_of(
        model__network=[
            {"type": "bidirectional", "layer": {"type": "lstm"}},
            {"type": "rnn", "cell": [{"type": "gru_cell", "units": 3}, {"type": "lstm_cell", "units": 0}]},
            {"type": "dense", "units": 1, "kernel_regularizer": {"type": "l2", "l3": 1}, "bias_initializer": {}},
        ],
        model__compilation__optimizer={"type": "sgd", "learning_rate": {"type": "exponential_decay", "decay_rate": 1}},
    )
    assert list(found) == [
        "model.network.0.layer.units",
        "model.network.1.cell.1.units",
        "model.network.2.kernel_regularizer.l3",
        "model.network.2.bias_initializer.type",
        "model.compilation.optimizer.learning_rate.initial_learning_rate",
        "model.compilation.optimizer.learning_rate.decay_steps",
    ]


def test_an_application_is_a_layer_of_the_network_and_of_no_other_layer(problems_of: ProblemsOf) -> None:
    application = {"type": "application", "application": "mobilenet"}
    found = problems_of(
        model__network=[application, {"type": "time_distributed", "layer": application}, {"type": "dense", "units": 1}]
    )
    assert list(found) == ["model.network.1.layer"]
    assert "application cannot be within another layer" in found["model.network.1.layer"]


def test_names_of_older_keras_versions_are_known(problems_of: ProblemsOf) -> None:
    network = [
        {"type": "conv_2d", "filters": 2, "kernel_size": 3},
        {"type": "maxpooling2d"},
        {"type": "max_pooling_2d", "pool_size": 2},
        {"type": "Flatten"},
    ]
    compilation = {"optimizer": "RMSprop", "loss": "binary_crossentropy", "metrics": ["acc", "mse"]}
    assert problems_of(model__network=network, model__compilation=compilation) == {}


def test_a_lambda_callback_calls_functions_of_ones_own_only(problems_of: ProblemsOf) -> None:
    callback = {"type": "lambda_callback", "on_epoch_end": "print", "on_train_end": "mine:done"}
    assert list(problems_of(training__callbacks=[callback])) == ["training.callbacks.0.on_epoch_end"]


def test_only_an_estimator_is_cross_validated(problems_of: ProblemsOf) -> None:
    assert list(problems_of(training__cross_validation={"cv": 3})) == ["training.cross_validation"]
    assert list(problems_of(training__cross_validation={"cv": 1}, model__name="ridge")) == [
        "training.cross_validation.cv"
    ]
    assert problems_of(training__cross_validation={"cv": 3}, model__name="ridge") == {}


def test_a_model_needs_a_network_and_a_network_a_compilation(problems_of: ProblemsOf) -> None:
    assert "model.network" in problems_of(model={"input_shape": [13]})
    assert "model.compilation" in problems_of(model={"network": [{"type": "flatten"}]})


def test_a_model_by_name_is_one_of_the_catalog_with_its_own_parameters(problems_of: ProblemsOf) -> None:
    assert "no model is called 'mte_nn'" in problems_of(model={"name": "mte_nn"})["model.name"]
    assert (
        "did you mean 'random_forest_regressor'"
        in problems_of(model={"name": "random_forrest_regressor"})["model.name"]
    )
    forest = {"name": "random_forest_regressor", "hyperparameters": {"n_estimators": 0, "max_dept": 3}}
    found = problems_of(model=forest, training__callbacks=[])
    assert "1 or more" in found["model.hyperparameters.n_estimators"]
    assert "max_depth" in found["model.hyperparameters.max_dept"]


def test_an_input_shape_that_is_not_the_datasets_is_a_problem_unless_something_may_change_it(
    problems_of: ProblemsOf,
) -> None:
    found = problems_of(model__input_shape=[14])
    assert "features of boston_housing have the shape [13]" in found["model.input_shape"]
    found = problems_of(dataset__transformers=[{"type": "no_such"}])
    assert "model.input_shape" not in found


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ({"fit": 400, "val": 50, "test": 56}, None),
        ({"fit": 0.5, "val": 200}, None),
        ({"fit": 400, "val": 50, "test": 57}, "fit, val and test are 507 samples, and there are 506"),
        ({"fit": 0.9, "val": 2000, "test": 600}, "fit, val and test are 3,055 samples, and there are 506"),
    ],
)
def test_no_more_samples_are_asked_for_than_the_dataset_is_known_to_have(
    problems_of: ProblemsOf, samples: dict[str, float], said: str | None
) -> None:
    found = problems_of(training__samples=samples)
    assert found.get("training.samples", "").startswith(said) if said else found == {}


@pytest.mark.parametrize(("fit", "ok"), [(0.6, True), (0.61, False)])
def test_fractions_may_add_up_to_one_and_no_more(problems_of: ProblemsOf, fit: float, ok: bool) -> None:
    samples = {"fit": fit, "val": 0.3, "test": 0.1}
    assert (problems_of(training__samples=samples) == {}) is ok


@pytest.mark.parametrize(
    "callback",
    [
        {"type": "reduce_learning"},
        {"type": "ReduceLROnPlateau"},
        {"type": "learning_rate_scheduler", "schedule": "own:schedule"},
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_only_one_of_schedule_and_callback_sets_the_learning_rate(
    problems_of: ProblemsOf, callback: dict[str, Any], wrapped: bool
) -> None:
    schedule = {"type": "exponential_decay", "initial_learning_rate": 0.1, "decay_steps": 9, "decay_rate": 0.5}
    for rate in (0.1, schedule):
        optimizer: dict[str, Any] = {"type": "sgd", "learning_rate": rate}
        if wrapped:
            optimizer = {"type": "loss_scale_optimizer", "inner_optimizer": optimizer}
        found = problems_of(model__compilation__optimizer=optimizer, training__callbacks=[callback])
        assert list(found) == ([] if rate == 0.1 else ["training.callbacks.0"])


def test_a_callback_cannot_monitor_validation_without_rows_for_it(problems_of: ProblemsOf) -> None:
    found = problems_of(training__samples={"fit": 0.8}, training__callbacks=[{"type": "early_stopping"}])
    assert "training.samples.val above 0" in found["training.callbacks.0.monitor"]


def test_a_callback_cannot_monitor_what_is_not_measured(problems_of: ProblemsOf) -> None:
    found = problems_of(training__callbacks__0__monitor="val_mae")
    assert "val_mean_absolute_error" in found["training.callbacks.0.monitor"]


@pytest.mark.parametrize("monitor", ["loss", "val_loss", "mean_absolute_error", "val_mean_absolute_error"])
def test_a_callback_can_monitor_every_metric_by_its_full_name(problems_of: ProblemsOf, monitor: str) -> None:
    assert problems_of(training__callbacks__0__monitor=monitor) == {}


@pytest.mark.parametrize(
    ("filepath", "message"),
    [
        ("/tmp/weights.h5", "leads out"),
        ("../weights.h5", "leads out"),
        ("a/../../weights.h5", "leads out"),
        ("C:weights.h5", "leads out"),
        ("a\\..\\..\\weights.h5", "leads out"),
        ("weights.{epoch}.ckpt", "no ending that Keras can save to"),
        ("weights.{epok}.h5", "did you mean {epoch}?"),
        ("weights.{val_los:.2f}.h5", "did you mean {val_loss}?"),
        ("weights.{epoch.__class__}.h5", "nothing is called {epoch.__class__}"),
        ("weights.{}.h5", "nothing is called {}"),
        ("weights.{epoch.h5", "is no format"),
        ("weights.{val_loss:02d}.h5", "is no format"),
    ],
)
def test_a_checkpoint_stays_in_its_folder_and_has_a_name_that_can_be_made(
    problems_of: ProblemsOf, filepath: str, message: str
) -> None:
    assert message in problems_of(training__callbacks__1__filepath=filepath)["training.callbacks.1.filepath"]


def test_weights_alone_need_the_ending_that_keras_asks_for(problems_of: ProblemsOf) -> None:
    assert ".weights.h5" in problems_of(training__callbacks__1__save_weights_only=True)["training.callbacks.1.filepath"]
    assert problems_of(training__callbacks__1__filepath="{epoch}.weights.h5") == {}


def test_two_trackers_of_one_type_and_two_metrics_of_one_name_are_problems(problems_of: ProblemsOf) -> None:
    found = problems_of(
        tracking__trackers=[{"type": "mlflow"}, {"type": "mlflow"}],
        model__compilation__metrics=["mae", "mean_absolute_error", {"type": "mae", "name": "other"}],
    )
    assert list(found) == ["model.compilation.metrics.1", "tracking.trackers.1"]


def test_dividing_by_nothing_is_a_problem(problems_of: ProblemsOf) -> None:
    found = problems_of(dataset__preprocessors=[{"type": "divide", "factor": 0}])
    assert list(found) == ["dataset.preprocessors.0.factor"]


def test_the_value_of_a_secret_is_in_no_message(problems_of: ProblemsOf) -> None:
    trackers = [{"type": "comet_ml", "api_key": ["hunter2"]}, {"type": "mlflow", "api_key": "hunter2"}]
    found = problems_of(tracking__trackers=trackers)
    assert list(found) == ["tracking.trackers.0.api_key", "tracking.trackers.1.api_key"]
    assert "hunter2" not in str(found)


def test_no_document_however_odd_makes_the_check_fail(document: dict[str, Any]) -> None:
    odd: list[Any] = [None, True, 3, -1.5, "x", [], {}, [None], [[]], [{}], {"type": None}, {"type": []}, [{"type": 3}]]

    def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [path, *(deeper for key, item in items for deeper in paths(item, (*path, key)))]

    for *parents, last in filter(None, paths(document)):
        at: Any = document
        for key in parents:
            at = at[key]
        right = at[last]
        for value in odd:
            at[last] = value
            assert all(isinstance(problem, Problem) for problem in check(document))
        at[last] = right


@pytest.mark.parametrize(
    ("path", "word", "first"),
    [
        ("model__compilation__loss", "msee", "mean_squared_error"),
        ("model__compilation__loss", "zzzz", ""),
        ("model__network__1__type", "densee", "dense"),
        ("model__network__1__activation", "rleu", "relu"),
    ],
)
def test_a_list_of_what_is_valid_says_how_much_it_leaves_out(
    problems_of: ProblemsOf, path: str, word: str, first: str
) -> None:
    valid = problems_of(**{path: word})[path.replace("__", ".")].partition(" | ")[2]
    assert valid.startswith(first)
    assert re.fullmatch(r"(\w+, ){4}\w+ and \d+ more", valid)
