"""Regular expressions that cannot hang: one pass over the text, whatever the pattern is.

Python's own try one way after the other and can take for ever (``(a|a)*b``). These follow all ways at once: the parts
of the pattern form an automaton (K. Thompson, 1968), and the sets of its states are remembered as they come up, so that
a character mostly costs one look into a table. What no automaton can do is refused: back references, looking around.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.records.query.regex import Alternatives, Assertion, Char, Node, PatternError, Repeat, Sequence, parse_regex

__all__ = ["Pattern", "PatternError"]

#: States of the automaton; a counted repetition multiplies what it repeats.
_MOST_STATES = 1_000
#: Looks at states that one pattern may cost beyond those that are remembered: about a second.
_MOST_WORK = 1_000_000
_MOST_REMEMBERED = 20_000


class PatternTooSlowError(Exception):
    """A pattern costs too much on the texts that it is tried on."""


@dataclass(slots=True)
class _State:
    matches: Callable[[str], bool] | None = None
    assertion: str = ""
    targets: tuple[int, ...] = ()


class Pattern:
    """A compiled pattern. ``searched`` tells whether a text has it.

    Made with ``of_regex`` or ``of_like``; both raise PatternError for what is no pattern. May be used by one thread.
    """

    def __init__(self, tree: Node, *, ignore_case: bool = False) -> None:
        self._states: list[_State] = [_State()]  # the first one is the end
        self._ignore_case = ignore_case
        self._start = self._add(tree, 0)
        self._work = 0
        self._remembered = 0
        self._sets: dict[tuple[frozenset[int], bool, bool], _Set] = {}
        self._found = _Set(self, frozenset(), False, False)
        self._first = self._set(frozenset((self._start,)), False, True)

    @classmethod
    def of_regex(cls, text: str) -> Pattern:
        """Return the pattern of a regular expression as Python writes them; it may match anywhere in a text."""
        tree, ignore_case = parse_regex(text)
        return cls(tree, ignore_case=ignore_case)

    @classmethod
    def of_like(cls, text: str) -> Pattern:
        """Return the pattern of SQL's LIKE: % for any text, _ for a character, large and small letters alike."""
        anything = Char(negated=True, ranges=())
        parts: list[Node] = [Assertion("start")]
        for char in text:
            if char == "%":
                parts.append(Repeat(anything, 0, None))
            else:
                parts.append(anything if char == "_" else Char.of(char))
        return cls(Sequence((*parts, Assertion("end"))), ignore_case=True)

    def searched(self, text: str) -> bool:
        """Whether the pattern is somewhere in a text.

        Raises:
            PatternTooSlowError: this and the texts before cost too much.
        """
        now = self._first
        found = self._found
        for char in text:
            now = now[char]
            if now is found:
                return True
        return now.accepts_end()

    def _add(self, node: Node, target: int) -> int:
        """Add the states of a node that goes on to ``target``; return the first."""
        match node:
            case Char():
                return self._state(_State(node.matcher(ignore_case=self._ignore_case), targets=(target,)))
            case Assertion(kind):
                return self._state(_State(assertion=kind, targets=(target,)))
            case Sequence(items):
                for item in reversed(items):
                    target = self._add(item, target)
                return target
            case Alternatives(items):
                return self._state(_State(targets=tuple(self._add(item, target) for item in items)))
            case Repeat(item, least, most):
                if most is None:
                    loop = self._state(_State())
                    self._states[loop].targets = (self._add(item, loop), target)
                    target = loop
                else:
                    for _ in range(most - least):
                        target = self._state(_State(targets=(self._add(item, target), target)))
                for _ in range(least):
                    target = self._add(item, target)
                return target

    def _state(self, state: _State) -> int:
        if len(self._states) >= _MOST_STATES:
            raise PatternError("this pattern is too large; repeat less", 0)
        self._states.append(state)
        return len(self._states) - 1

    def _set(self, states: frozenset[int], after_word: bool, at_start: bool) -> _Set:
        key = (states, after_word, at_start)
        known = self._sets.get(key)
        if known is None:
            known = self._sets[key] = _Set(self, *key)
        return known

    def _reached(self, now: _Set, following: str | None) -> set[int]:
        """Return all states that are reached from a set without a character, before the one that follows."""
        reached = set(now.states)
        waiting = list(reached)
        word = following is not None and _is_word(following)
        holds = {
            "": True,
            "start": now.at_start,
            "end": following is None,
            "boundary": now.after_word != word,
            "no boundary": now.after_word == word,
        }
        while waiting:
            state = self._states[waiting.pop()]
            if state.matches is None and holds[state.assertion]:
                new = [target for target in state.targets if target not in reached]
                reached.update(new)
                waiting += new
        self._work += len(reached)
        if self._work > _MOST_WORK:
            raise PatternTooSlowError
        return reached

    def _after(self, now: _Set, char: str) -> _Set:
        reached = self._reached(now, char)
        if 0 in reached:
            return self._found
        states = {self._start}  # it may begin at every place
        for number in reached:
            state = self._states[number]
            if state.matches is not None and state.matches(char):
                states.update(state.targets)
        self._remembered += 1
        if self._remembered > _MOST_REMEMBERED:
            self._forget()
        following = self._set(frozenset(states), _is_word(char), False)
        return self._found if 0 in states else following

    def _forget(self) -> None:
        self._sets.clear()
        self._first.clear()
        self._remembered = 0


class _Set(dict[str, "_Set"]):
    """A set of states that can be at one place of a text, and the set after each character that came up so far."""

    __slots__ = ("_ends", "_pattern", "after_word", "at_start", "states")

    def __init__(self, pattern: Pattern, states: frozenset[int], after_word: bool, at_start: bool) -> None:
        super().__init__()
        self._pattern = pattern
        self._ends: bool | None = None
        self.states = states
        self.after_word = after_word
        self.at_start = at_start

    def __missing__(self, char: str) -> _Set:
        following = self[char] = self._pattern._after(self, char)
        return following

    def accepts_end(self) -> bool:
        """Whether the pattern is complete if the text ends here."""
        if self._ends is None:
            self._ends = 0 in self._pattern._reached(self, None)
        return self._ends


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
