"""From a file and overrides to a config that can be trained, or to all that is wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.config.checking import check
from app.config.conversion import Conversion, convert
from app.config.documents import Document, parse_document, read_bytes, read_document
from app.config.inputs import check_inputs
from app.config.interpreters import check_interpreter
from app.config.models import TrainingConfig
from app.config.overrides import apply_overrides, parse_value
from app.config.problems import ConfigError, Problem
from app.config.secrets import REDACTED, SECRET_KEYS, redact

__all__ = ["LoadedConfig", "apply_overrides", "check", "check_here", "from_document", "load", "read_document"]


@dataclass(frozen=True)
class LoadedConfig:
    """A config that was found right.

    Attributes:
        document: it as submitted, in today's form, with overrides applied and without comments; it may hold secrets.
        config: its values.
        source: where it came from: ``file`` (absolute), ``sha256`` of the file, ``overrides`` (without secrets), and
            ``era`` if it was in an older form.
        folder: what its relative paths start from.
        conversion: what was done to an older form, None for one of today's.
    """

    document: Document
    config: TrainingConfig
    source: dict[str, Any] = field(default_factory=dict)
    folder: Path = field(default_factory=Path.cwd)
    conversion: Conversion | None = None


def load(path: str | Path, overrides: Iterable[str] = ()) -> LoadedConfig:
    """Read, convert, change and check a config file; overrides have the paths of today's form.

    Raises:
        ConfigError: with all problems of the file, or of the overrides, or of the config that they give.
    """
    content, overrides = read_bytes(path), list(overrides)
    conversion = convert(parse_document(content, str(path)))
    document = apply_overrides(conversion.document, overrides)
    source = {
        "file": str(Path(path).absolute()),
        "sha256": hashlib.sha256(content).hexdigest(),
        "overrides": [_without_secret(override) for override in overrides],
    }
    return _checked(document, source, str(path), Path(path).absolute().parent, conversion)


def from_document(
    document: Mapping[str, Any],
    source: Mapping[str, Any] | None = None,
    name: str = "",
    *,
    folder: Path | None = None,
) -> LoadedConfig:
    """Convert and check a document that is there already.

    Args:
        document: the document.
        source: where it came from.
        name: what its problems are reported under.
        folder: what its relative paths start from; the working directory without it.

    Raises:
        ConfigError: with all its problems.
    """
    conversion = convert(document)
    return _checked(conversion.document, source or {}, name, folder or Path.cwd(), conversion)


def check_here(document: Mapping[str, Any], folder: Path) -> list[Problem]:
    """Return all that keeps a document from being trained on this computer: what is wrong with it, and what is missing.

    Args:
        document: the config, in today's form.
        folder: what its relative paths start from.
    """
    return [*check(document), *check_interpreter(document, folder), *check_inputs(document, folder)]


def _checked(
    document: Document, source: Mapping[str, Any], name: str, folder: Path, conversion: Conversion
) -> LoadedConfig:
    done = conversion if conversion.era else None
    if problems := check_here(document, folder):
        raise ConfigError(problems, name, done)
    config = TrainingConfig.model_validate(document)
    return LoadedConfig(document, config, {**source, **({"era": done.era} if done else {})}, folder, done)


def _without_secret(override: str) -> str:
    """Return an override as it may be recorded."""
    path, _, text = override.partition("=")
    if path.rpartition(".")[2].lower() in SECRET_KEYS:
        return f"{path}={REDACTED}"
    redacted, secrets = redact({"value": parse_value(text)})
    return f"{path}={json.dumps(redacted['value'])}" if secrets else override
