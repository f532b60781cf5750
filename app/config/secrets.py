"""Secrets: taken out of what is recorded, and looked up where they are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from app.config.catalog import load_catalog
from app.config.documents import join

#: What stands in a record where a secret stood.
REDACTED = "<secret>"

#: Keys that hold a secret wherever they are.
SECRET_KEYS = frozenset({"api_key", "token", "password"})

SERVICE = "trackside"

_ENVIRONMENT = {("comet_ml", "api_key"): "COMET_API_KEY"}


def redact(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a copy of a document with ``"<secret>"`` for every secret, and the secrets by their paths.

    A secret is the value of a parameter that the catalog marks, or of a key in :data:`SECRET_KEYS` anywhere.
    """
    secrets: dict[str, str] = {}
    return {key: _redacted(value, (key,), secrets) for key, value in document.items()}, secrets


def is_secret(key: str, entry: Mapping[str, Any]) -> bool:
    """Return whether a key of an object holds a secret; the object may be a tracker's entry."""
    if key.lower() in SECRET_KEYS:
        return True
    type_ = entry.get("type")
    tracker = load_catalog().get("tracker", type_) if isinstance(type_, str) else None
    parameter = tracker.parameter(key) if tracker else None
    return parameter is not None and parameter.secret


def secret_for(tracker: str, name: str) -> str | None:
    """Return a tracker's secret, None if it is kept nowhere.

    It is looked for in the OS keyring (service ``trackside``, key ``<tracker>.<name>``), then in the environment
    (``COMET_API_KEY``).
    """
    variable = _ENVIRONMENT.get((tracker, name))
    return _from_keyring(f"{tracker}.{name}") or (os.environ.get(variable) if variable else None) or None


def _redacted(value: Any, path: tuple[str | int, ...], secrets: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_redacted(item, (*path, index), secrets) for index, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    copy = {}
    for key, item in value.items():
        if isinstance(item, str) and item not in ("", REDACTED) and is_secret(key, value):
            secrets[join(path, key)] = item
            copy[key] = REDACTED
        else:
            copy[key] = _redacted(item, (*path, key), secrets)
    return copy


def _from_keyring(key: str) -> str | None:
    try:
        import keyring

        return keyring.get_password(SERVICE, key)
    except Exception:  # a machine without a keyring fails in ways of its own (D-Bus, no backend), and none matters here
        return None
