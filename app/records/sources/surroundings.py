"""What a run was surrounded by, as params: ``env.cpu``, ``env.gpu``, ``env.host``, ``env.commit`` and the like."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from app.records.sources.base import Param
from app.records.sources.json_text import parse_json

#: Those packages whose versions results depend on. environment.json has all of them; as params they would be the most
#: of every run.
_PACKAGES = frozenset(
    """accelerate catboost cupy datasets diffusers flax gymnasium h5py jax jaxlib keras lightgbm lightning numpy
    onnxruntime optuna pandas polars pytorch-lightning ray scikit-learn scipy skops statsmodels tensorflow timm
    tokenizers torch torchvision transformers triton xgboost""".split()
)


_PLATFORM = {"host": "node", "system": "system", "memory": "memory", "python": "python_version"}


#: What stands for environment.json where there is none.
NOTHING = b"{}"


def surroundings(environment: bytes, platform: Any) -> dict[str, Param]:
    """Return what environment.json, and the platform in metrics.json, tell of a run's surroundings, by ``env.`` names.

    Args:
        environment: the content of environment.json.
        platform: the part of that name of metrics.json, of whatever form; it goes before that of environment.json.

    Raises:
        ValueError: environment.json is no JSON, or nested too deeply.
    """
    return _of_environment(environment) | _of_platform_as_before(platform)


@functools.lru_cache(maxsize=64)
def _of_environment(data: bytes) -> dict[str, Param]:
    """Return the params of an environment.json, which is mostly a list of packages and the same for many runs."""
    environment = parse_json(data)
    if not isinstance(environment, dict):
        raise ValueError("expected a JSON object")
    found: dict[str, Any] = {"python": environment.get("python")}
    match environment.get("code"):
        case {"commit": commit, **more}:
            found |= {"commit": commit, "branch": more.get("branch"), "dirty": more.get("dirty")}
    packages = environment.get("packages")
    own = package_params(packages) if isinstance(packages, dict) else {}
    return _of_platform(environment.get("platform")) | _scalars(found) | own


def package_params(packages: dict[str, Any]) -> dict[str, Param]:
    """Return the versions of those packages that results depend on, as ``env.packages.<name>``."""
    return _scalars({f"packages.{name}": packages[name] for name in sorted(_PACKAGES & packages.keys())})


class _AsBefore:
    """What was made of a value, kept while the same comes: the runs of a workspace mostly have one platform."""

    def __init__(self, make: Callable[[Any], dict[str, Param]]) -> None:
        self._make = make
        self._last: tuple[str, dict[str, Param]] = (repr(None), make(None))

    def __call__(self, value: Any) -> dict[str, Param]:
        """Return what is made of a value; nobody changes it."""
        text = repr(value)  # 1 and True are equal
        last, made = self._last
        if text != last:
            made = self._make(value)
            self._last = text, made
        return made


def _of_platform(platform: Any) -> dict[str, Param]:
    if not isinstance(platform, dict):
        return {}
    found = {name: platform.get(key) for name, key in _PLATFORM.items()}
    match platform.get("cpu"):
        case {"brand": brand, **more}:
            found |= {"cpu": brand, "cores": more.get("cores")}
        case brand:
            found["cpu"] = brand
    match platform.get("gpu"):
        case [*gpus] if gpus:
            found["gpu"] = ", ".join(str(gpu.get("name", "") if isinstance(gpu, dict) else gpu) for gpu in gpus)
    match platform.get("libraries"):
        case dict() as libraries:
            found |= {f"packages.{name}": version for name, version in libraries.items()}
    return _scalars(found)


def _scalars(found: dict[str, Any]) -> dict[str, Param]:
    return {f"env.{name}": value for name, value in found.items() if isinstance(value, str | int | float)}


_of_platform_as_before = _AsBefore(_of_platform)
