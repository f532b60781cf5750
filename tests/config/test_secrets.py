from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import keyring
import keyring.backend
import keyring.errors
import pytest

from app.config.secrets import redact, secret_for


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory: the machine that runs the tests may have none."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class BrokenRing(Ring):
    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("no session bus")


@pytest.fixture
def ring(request: pytest.FixtureRequest) -> Iterator[Ring]:
    before = keyring.get_keyring()
    ring = getattr(request, "param", Ring)()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_secrets_are_taken_out_of_a_copy_and_told_by_their_paths(document: dict[str, Any]) -> None:
    document["tracking"]["trackers"].append({"type": "comet_ml", "api_key": "hunter2", "workspace": "w"})
    document["model"]["hyperparameters"] = {"service": [{"Password": "hunter3"}]}
    before = copy.deepcopy(document)
    recorded, secrets = redact(document)
    assert document == before
    assert secrets == {
        "tracking.trackers.2.api_key": "hunter2",
        "model.hyperparameters.service.0.Password": "hunter3",
    }
    assert recorded["tracking"]["trackers"][2] == {"type": "comet_ml", "api_key": "<secret>", "workspace": "w"}
    assert "hunter" not in json.dumps(recorded)


def test_what_is_no_secret_is_left_as_it_is(document: dict[str, Any]) -> None:
    document["model"]["network"].append({"type": "string_lookup", "oov_token": "[UNK]"})
    document["tracking"]["trackers"].append({"type": "comet_ml", "api_key": None})
    assert redact(document) == (document, {})


def test_what_was_redacted_before_is_no_secret(document: dict[str, Any]) -> None:
    document["tracking"]["params"] = {"token": "<secret>"}
    assert redact(document) == (document, {})


def test_a_secret_comes_from_the_keyring_before_the_environment(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMET_API_KEY", "from the environment")
    assert secret_for("comet_ml", "api_key") == "from the environment"
    ring.set_password("trackside", "comet_ml.api_key", "from the keyring")
    assert secret_for("comet_ml", "api_key") == "from the keyring"


@pytest.mark.parametrize("ring", [BrokenRing], indirect=True)
@pytest.mark.usefixtures("ring")
def test_a_keyring_that_fails_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMET_API_KEY", raising=False)
    assert secret_for("comet_ml", "api_key") is None
    monkeypatch.setenv("COMET_API_KEY", "from the environment")
    assert secret_for("comet_ml", "api_key") == "from the environment"


@pytest.mark.usefixtures("ring")
def test_a_secret_that_is_kept_nowhere_is_none() -> None:
    assert secret_for("mlflow", "token") is None
