r"""Regular expressions, read into a tree; as Python writes them (docs.python.org, library/re).

Understood: characters, ``.``, sets, ``\d \w \s`` and their opposites, ``^ $ \A \Z \b \B``, groups, ``|``,
``* + ? {m,n}``, and ``(?i)`` in front. Not understood, because no single pass over the text can decide it: back
references, looking ahead or behind, possessive repetition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeAlias

_LONGEST = 1_000
_MOST_REPEATED = 1_000
_DEEPEST = 50
_SPECIAL = frozenset("*+?{}()[]|.^$\\")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_ASSERTIONS: dict[str, AssertionKind] = {"b": "boundary", "B": "no boundary", "A": "start", "Z": "end"}

AssertionKind = Literal["start", "end", "boundary", "no boundary"]
Node: TypeAlias = "Char | Assertion | Sequence | Alternatives | Repeat"


class PatternError(ValueError):
    """A pattern that cannot be used; the text says why, ``position`` is where in the pattern, from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


_CLASSES: dict[str, Callable[[str], bool]] = {"d": str.isdecimal, "w": _is_word, "s": str.isspace}


@dataclass(frozen=True, slots=True)
class Char:
    """One character out of ranges and classes, or none of them when ``negated``."""

    ranges: tuple[tuple[str, str], ...]
    classes: tuple[str, ...] = ()
    negated: bool = False

    @classmethod
    def of(cls, char: str) -> Char:
        """Return what matches one character."""
        return cls(((char, char),))

    def matcher(self, *, ignore_case: bool) -> Callable[[str], bool]:
        """Return what tells whether a character is one of these."""

        def has(char: str) -> bool:
            if any(low <= char <= high for low, high in self.ranges):
                return True
            return any(_CLASSES[name.lower()](char) is name.islower() for name in self.classes)

        def matches(char: str) -> bool:
            found = has(char) or (ignore_case and (has(char.lower()) or has(char.upper())))
            return found is not self.negated

        return matches


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place in the text."""

    kind: AssertionKind


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One of several."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A number of times; ``most`` None is without end."""

    item: Node
    least: int
    most: int | None


def parse_regex(text: str) -> tuple[Node, bool]:
    """Return the tree of a regular expression, and whether large and small letters are alike.

    Raises:
        PatternError: it is none, or none that is understood.
    """
    if len(text) > _LONGEST:
        raise PatternError(f"a pattern has at most {_LONGEST:,} characters", _LONGEST)
    ignore_case = text.startswith("(?i)")
    reader = _Reader(text, 4 if ignore_case else 0)
    tree = reader.alternatives()
    if reader.place < len(text):
        reader.fail("no group is open that this bracket could close")
    return tree, ignore_case


class _Reader:
    def __init__(self, text: str, place: int) -> None:
        self.text = text
        self.place = place
        self._depth = 0

    def fail(self, message: str) -> NoReturn:
        raise PatternError(message, min(self.place, max(len(self.text) - 1, 0)))

    def alternatives(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            self.fail(f"groups go at most {_DEEPEST} deep")
        items = [self._sequence()]
        while self._take("|"):
            items.append(self._sequence())
        self._depth -= 1
        return items[0] if len(items) == 1 else Alternatives(tuple(items))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self.place < len(self.text) and self.text[self.place] not in "|)":
            items.append(self._repeated(self._item()))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _item(self) -> Node:
        char = self.text[self.place]
        if char in "*+?" or self._counts() is not None:
            self.fail(f"there is nothing before {char} that could be repeated")
        self.place += 1
        match char:
            case "(":
                return self._group()
            case "[":
                return self._set()
            case ".":
                return Char((("\n", "\n"),), negated=True)
            case "^":
                return Assertion("start")
            case "$":
                return Assertion("end")
            case "\\":
                return self._escape()
        return Char.of(char)

    def _repeated(self, item: Node) -> Node:
        place = self.place
        bounds = self._bounds()
        if bounds is None:
            return item
        if isinstance(item, Assertion):
            self.place = place
            self.fail("a place in the text cannot be repeated")
        if self._take("+"):
            self.place -= 1
            self.fail("possessive repetition is not understood")
        self._take("?")  # whether as little as possible is taken makes no difference to whether it is found
        if self.place < len(self.text) and (self.text[self.place] in "*+?" or self._counts() is not None):
            self.fail("a repetition cannot be repeated; put it into brackets")
        least, most = bounds
        if most is not None and most < least:
            self.place = place
            self.fail("the least number of times is more than the most")
        if max(least, most or 0) > _MOST_REPEATED:
            self.place = place
            self.fail(f"at most {_MOST_REPEATED:,} times")
        return Repeat(item, least, most)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        counts = self._counts()
        if counts is None:
            return None
        self.place = self.text.index("}", self.place) + 1
        return counts

    def _counts(self) -> tuple[int, int | None] | None:
        """Return the bounds of ``{m}``, ``{m,}``, ``{,n}`` or ``{m,n}``; other braces stand for themselves."""
        end = self.text.find("}", self.place)
        if end < 0 or self.text[self.place] != "{":
            return None
        least, comma, most = self.text[self.place + 1 : end].partition(",")
        if not all(part.isascii() and part.isdecimal() and len(part) < 7 for part in (least, most) if part):
            return None
        if not least and not most:  # {} and {,}
            return (0, None) if comma else None
        if not comma:
            return int(least), int(least)
        return int(least or 0), int(most) if most else None

    def _group(self) -> Node:
        if self._take("?"):
            if self._take("P<"):
                name, end, _ = self.text[self.place :].partition(">")
                if not end or not name.isidentifier():
                    self.fail("this name of a group is none")
                self.place += len(name) + 1
            elif not self._take(":"):
                self.fail("of the groups with (?, only (?: and (?P<name> are understood, and (?i) in front")
        node = self.alternatives()
        if not self._take(")"):
            self.fail("a bracket is not closed")
        return node

    def _escape(self) -> Node:
        if self.place >= len(self.text):
            self.fail("a backslash needs something behind it")
        char = self.text[self.place]
        if char in _ASSERTIONS:
            self.place += 1
            return Assertion(_ASSERTIONS[char])
        if char in "123456789":
            self.fail("references to groups are not understood")
        return self._escaped()

    def _escaped(self) -> Char:
        """Return what the escape means whose backslash is just passed, in a set and elsewhere."""
        char = self.text[self.place]
        self.place += 1
        if char.lower() in _CLASSES:
            return Char((), (char,))
        if char in _CONTROLS:
            return Char.of(_CONTROLS[char])
        if char in _HEX_DIGITS:
            digits = self.text[self.place : self.place + _HEX_DIGITS[char]]
            try:
                value = chr(int(digits, 16)) if len(digits) == _HEX_DIGITS[char] and digits.isalnum() else ""
            except (ValueError, OverflowError):
                value = ""
            if not value:
                self.fail(f"\\{char} needs {_HEX_DIGITS[char]} hexadecimal digits")
            self.place += len(digits)
            return Char.of(value)
        if char.isascii() and char.isalnum():
            self.place -= 1
            self.fail(f"\\{char} is not understood")
        return Char.of(char)

    def _set(self) -> Node:
        opening = self.place - 1
        negated = self._take("^")
        ranges: list[tuple[str, str]] = []
        classes: list[str] = []
        first = True
        while first or not self._take("]"):
            first = False
            low = self._member(opening)
            if low.classes or self.text[self.place : self.place + 1] != "-" or self.text[self.place + 1 :][:1] == "]":
                ranges += low.ranges
                classes += low.classes
                continue
            self.place += 1
            high = self._member(opening)
            if high.classes or high.ranges[0][0] < low.ranges[0][0]:
                self.place -= 1
                self.fail("this range of characters goes backwards")
            ranges.append((low.ranges[0][0], high.ranges[0][0]))
        return Char(tuple(ranges), tuple(classes), negated)

    def _member(self, opening: int) -> Char:
        if self.place >= len(self.text):
            self.place = opening
            self.fail("a set is not closed")
        char = self.text[self.place]
        self.place += 1
        if char != "\\":
            return Char.of(char)
        if self.place >= len(self.text):
            self.fail("a backslash needs something behind it")
        if self.text[self.place] == "b":
            self.place += 1
            return Char.of("\b")
        return self._escaped()

    def _take(self, text: str) -> bool:
        if not self.text.startswith(text, self.place):
            return False
        self.place += len(text)
        return True
