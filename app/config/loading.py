"""From a file and overrides to a config that can be trained, or to all that is wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.config.checking import check
from app.config.documents import Document, parse_document, read_bytes, read_document
from app.config.models import TrainingConfig
from app.config.overrides import apply_overrides, parse_value
from app.config.problems import ConfigError
from app.config.secrets import REDACTED, SECRET_KEYS, redact

__all__ = ["LoadedConfig", "apply_overrides", "check", "from_document", "load", "read_document"]


@dataclass(frozen=True)
class LoadedConfig:
    """A config that was found right.

    Attributes:
        document: it as submitted, with overrides applied and without comments; it may hold secrets.
        config: its values.
        source: where it came from: ``file`` (absolute), ``sha256`` of the file, ``overrides`` (without secrets).
        folder: what its relative paths start from.
    """

    document: Document
    config: TrainingConfig
    source: dict[str, Any] = field(default_factory=dict)
    folder: Path = field(default_factory=Path.cwd)


def load(path: str | Path, overrides: Iterable[str] = ()) -> LoadedConfig:
    """Read, change and check a config file.

    Raises:
        ConfigError: with all problems of the file, or of the overrides, or of the config that they give.
    """
    content, overrides = read_bytes(path), list(overrides)
    document = apply_overrides(parse_document(content, str(path)), overrides)
    source = {
        "file": str(Path(path).absolute()),
        "sha256": hashlib.sha256(content).hexdigest(),
        "overrides": [_without_secret(override) for override in overrides],
    }
    return from_document(document, source, str(path), folder=Path(path).absolute().parent)


def from_document(
    document: Mapping[str, Any],
    source: Mapping[str, Any] | None = None,
    name: str = "",
    *,
    folder: Path | None = None,
) -> LoadedConfig:
    """Check a document that is there already.

    Args:
        document: the document.
        source: where it came from.
        name: what its problems are reported under.
        folder: what its relative paths start from; the working directory without it.

    Raises:
        ConfigError: with all its problems.
    """
    if problems := check(document):
        raise ConfigError(problems, name)
    config = TrainingConfig.model_validate(document)
    return LoadedConfig(dict(document), config, dict(source or {}), folder or Path.cwd())


def _without_secret(override: str) -> str:
    """Return an override as it may be recorded."""
    path, _, text = override.partition("=")
    if path.rpartition(".")[2].lower() in SECRET_KEYS:
        return f"{path}={REDACTED}"
    redacted, secrets = redact({"value": parse_value(text)})
    return f"{path}={json.dumps(redacted['value'])}" if secrets else override
