"""The components that a config can name: layers, optimizers, losses, metrics, callbacks, datasets, trackers ...

``resources/catalog/keras.json`` is generated from Keras by the engine, ``models.json`` from its applications and from
scikit-learn; ``trackside.json`` lists what Trackside adds. They map kind to id to an entry; reading them needs neither.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.config.own_components import COMPONENTS, component_files, read_components
from app.config.problems import closest
from app.resources import resource

#: Kinds whose ids are listed as the choices of a parameter of that type.
OFFERED_KINDS = ("activation", "initializer", "regularizer", "constraint")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a component. ``type`` is one of :mod:`app.config.types`; the bounds are inclusive."""

    name: str
    type: str
    default: Any
    required: bool
    doc: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    secret: bool = False


@dataclass(frozen=True)
class Component:
    """A component: the public path of its class ("" where Trackside decides), other names, parameters, known facts.

    ``info`` of a dataset has its task (regression or classification), the shape of its features, rows, classes and
    whether it is downloaded; of a preprocessor or transformer, whether it ``keeps_shape``.
    """

    id: str
    kind: str
    cls: str
    aliases: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    doc: str
    info: Mapping[str, Any] = field(default_factory=dict)

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter of that name, None if there is none."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


class Catalog:
    """All components, by kind and id. Aliases, and ids written with other underscores or capitals, are found too."""

    def __init__(
        self,
        entries: Mapping[str, Mapping[str, Mapping[str, Any]]],
        common: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> None:
        """Make a catalog of entries by kind and id; ``common`` are parameters that all components of a kind have."""
        self._entries = entries
        self._common = common or {}
        self._made: dict[tuple[str, str], Component] = {}
        self._names: dict[str, dict[str, str]] = {}
        for kind, components in entries.items():
            names = self._names[kind] = {}
            names.update((_plain(alias), id) for id, entry in components.items() for alias in entry.get("aliases", ()))
            names.update((_plain(id), id) for id in components)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of components that there are."""
        return tuple(self._entries)

    def get(self, kind: str, id: str) -> Component | None:
        """Return the component of that id or alias, None if there is none."""
        true_id = self._names.get(kind, {}).get(_plain(id))
        if true_id is None:
            return None
        if (kind, true_id) not in self._made:
            self._made[kind, true_id] = self._component(kind, true_id, self._entries[kind][true_id])
        return self._made[kind, true_id]

    def require(self, kind: str, id: str) -> Component:
        """Return the component of that id or alias; KeyError, with the closest id, if there is none."""
        if component := self.get(kind, id):
            return component
        raise KeyError(f"no {kind} is called {id!r}; the closest is {self.closest(kind, id)!r}")

    def ids(self, kind: str) -> tuple[str, ...]:
        """Return the ids of a kind, in the catalog's order."""
        return tuple(self._entries.get(kind, ()))

    def closest(self, kind: str, word: str) -> str | None:
        """Return the id that a misspelt word most likely meant, None if it is like none."""
        names = self._names.get(kind, {})
        near = closest(_plain(word), names)
        return names[near] if near else None

    def with_own(self, own: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Catalog:
        """Return a catalog that has further components, after its own of each kind."""
        kinds = dict.fromkeys([*self._entries, *own])
        entries = {kind: {**self._entries.get(kind, {}), **own.get(kind, {})} for kind in kinds}
        return Catalog(entries, self._common)

    def _component(self, kind: str, id: str, entry: Mapping[str, Any]) -> Component:
        return Component(
            id=id,
            kind=kind,
            cls=entry.get("cls", ""),
            aliases=tuple(entry.get("aliases", ())),
            parameters=tuple(
                self._parameter(parameter) for parameter in (*entry.get("parameters", ()), *self._common.get(kind, ()))
            ),
            doc=entry["doc"],
            info=entry.get("info", {}),
        )

    def _parameter(self, entry: Mapping[str, Any]) -> Parameter:
        kinds = [term for term in entry["type"].split("|") if term in OFFERED_KINDS]
        choices: Iterable[str] = self.ids(kinds[0]) if kinds else entry.get("choices", ())
        return Parameter(
            name=entry["name"],
            type=entry["type"],
            default=entry.get("default"),
            required=entry.get("required", False),
            doc=entry["doc"],
            choices=tuple(choices),
            minimum=entry.get("minimum"),
            maximum=entry.get("maximum"),
            secret=entry.get("secret", False),
        )


class _Here:
    """What the catalog of this process has."""

    catalog: Catalog | None = None
    #: The folder of own components and what its files were when they were read.
    read: object = None


def load_catalog() -> Catalog:
    """Return the shipped catalog, and with it the components of the workspace that :func:`work_in` named last."""
    return _Here.catalog or _shipped()


def work_in(root: Path) -> None:
    """Let the catalog of this process have the components of a workspace; they are read again when files changed."""
    folder = root / COMPONENTS
    state = (folder, [(file, _stamp(file)) for file in component_files(folder)])
    if state != _Here.read:
        own = read_components(folder)
        _Here.read, _Here.catalog = state, _shipped().with_own(own) if own else None


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:  # it has just gone
        return 0, 0
    return found.st_mtime_ns, found.st_size


@functools.cache
def _shipped() -> Catalog:
    entries: dict[str, Any] = {}
    for name in ("keras.json", "models.json", "trackside.json"):
        for kind, components in json.loads(resource("catalog", name).read_text(encoding="utf-8")).items():
            entries.setdefault(kind, {}).update(components)
    return Catalog(entries, common=entries.pop("common"))


def _plain(name: str) -> str:
    """Return a name without what older Keras versions and other programs write differently: conv_2d is Conv2D.

    The name of a class of the user's own is what it is.
    """
    return name if ":" in name else name.replace("_", "").lower()
