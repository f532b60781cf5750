"""What can be wrong with a config, said so that a person can put it right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.config.conversion import Conversion

#: So many names are listed whole; of more of them so many are named.
_MOST_LISTED, _LISTED_OF_MANY = 16, 5


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where, what, and what would be right.

    ``path`` is written ``model.network.1.units``; "" is the whole document.
    """

    path: str
    message: str
    valid: str = ""

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"{place}{self.message}" + (f" (valid: {self.valid})" if self.valid else "")


class ConfigError(Exception):
    """A config that cannot be used: all its ``problems``, and the ``source`` (usually a file) they were found in.

    The problems of one in an older form have the paths of today's, to which ``conversion`` has brought it.
    """

    def __init__(self, problems: Iterable[Problem], source: str = "", conversion: Conversion | None = None) -> None:
        self.problems = list(problems)
        self.source = source
        self.conversion = conversion
        super().__init__("\n".join(f"{source}: {problem}" if source else str(problem) for problem in self.problems))


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that a misspelt word most likely meant, or None if it is like none of them."""
    found = difflib.get_close_matches(word.lower(), list(candidates), n=1)
    return found[0] if found else None


def unknown(what: str, word: str, candidates: Iterable[str]) -> tuple[str, str]:
    """Return message and valid values for a name that is not among the candidates."""
    names = list(candidates)
    near = closest(word, names)
    return f"no {what} is called {word!r}" + (f"; did you mean {near!r}?" if near else ""), listed(word, names)


def listed(word: str, names: Sequence[str], first: str | None = None) -> str:
    """Return the names that would be valid; of many those that are most like a word, and how many more there are.

    Args:
        word: what was written.
        names: all valid ones.
        first: the one that was most likely meant, where that is not to be seen in its letters.
    """
    if len(names) <= _MOST_LISTED:
        return ", ".join(names)
    near = [first] if first else []
    near += difflib.get_close_matches(word.lower(), names, _LISTED_OF_MANY, 0.4)
    shown = list(dict.fromkeys([*near, *names]))[:_LISTED_OF_MANY]
    return f"{', '.join(shown)} and {len(names) - len(shown)} more"
