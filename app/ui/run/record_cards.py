"""The cards beside the curves of another program's run: params, where it ran, tags, where it lies, what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from PySide6.QtCore import QCoreApplication

from app.records.sources.base import RunRecord
from app.ui import formats
from app.ui.controls import button, label
from app.ui.run.cards import Card, pairs_card
from app.ui.run.record_header import PROGRAMS
from app.ui.run.values_view import text_of

#: A card names so many; the tab has them all. A text is cut here.
_MOST, _LONGEST = 12, 300
#: Params that tell where a run ran, not what was set.
_SURROUNDINGS, _ELAPSED = "env.", "elapsed."
#: What MLflow notes in tags of its own.
_NOTED = {
    "mlflow.note.content": "Note",
    "mlflow.user": "User",
    "mlflow.source.name": "Source",
    "mlflow.source.git.commit": "Commit",
    "mlflow.source.git.branch": "Branch",
}


def record_cards(record: RunRecord, root: str, show_values: Callable[[], object]) -> list[Card]:
    """Return the cards that this run has something for.

    Args:
        record: the run.
        root: where its source lies.
        show_values: shows all params and tags.
    """
    params = {name: text_of(record.params[name]) for name in sorted(record.params)}
    settings = {name: text for name, text in params.items() if not name.startswith((_SURROUNDINGS, _ELAPSED))}
    ran = {name.removeprefix(_SURROUNDINGS): text for name, text in params.items() if name.startswith(_SURROUNDINGS)}
    noted = {title: record.tags[name] for name, title in _NOTED.items() if record.tags.get(name)}
    tags = {name: record.tags[name] for name in sorted(record.tags) if not name.startswith("mlflow.")}
    cards = [
        _pairs(_tr("Params"), settings, show_values),
        _pairs(_tr("Tags"), tags, show_values),
        _pairs(_tr("About"), noted, show_values),
        _pairs(_tr("Environment"), ran, show_values),
        pairs_card(_tr("Source"), list(_source(record, root))),
    ]
    if record.problems:
        card = Card(_tr("Problems"), label(formats.count(len(record.problems)), "secondary"))
        for problem in record.problems[:_MOST]:
            text = label(_cut(problem), "secondary", selectable=True)
            text.setWordWrap(True)
            card.content.addWidget(text)
        cards.append(card)
    return [card for card in cards if card is not None]


def _source(record: RunRecord, root: str) -> Iterator[tuple[str, str]]:
    yield _tr("Program"), PROGRAMS[record.source]
    yield _tr("Store"), root
    if record.source != "mlflow" and record.key != ".":  # the key of MLflow's is made of ids
        yield _tr("Run"), record.key
    yield _tr("Run id"), record.id
    if record.parent:
        yield _tr("Parent"), record.parent


def _pairs(title: str, texts: Mapping[str, str], show_values: Callable[[], object]) -> Card | None:
    if not texts:
        return None
    shown = [(name, _cut(text)) for name, text in list(texts.items())[:_MOST]]
    card = pairs_card(title, shown)
    if len(texts) > _MOST:
        card.content.addWidget(button(_tr("Show all {0}").format(formats.count(len(texts))), show_values, kind="link"))
    return card


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _tr(text: str) -> str:
    return QCoreApplication.translate("record_cards", text)
