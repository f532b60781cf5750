"""From the text of a query to its tree.

::

    query   = all ("or" all)*
    all     = one ("and" one)*
    one     = "not" one | "(" query ")" | "has" "(" key ")" | key test
    test    = ("=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "like") value | ["not"] "in" "(" value ("," value)* ")"
    key     = [("metrics" | "params" | "tags" | "run") "."] name ["." statistic]
"""

from __future__ import annotations

from typing import Literal, cast

from app.records.query.syntax import (
    SCOPES,
    And,
    Comparison,
    Has,
    Key,
    Not,
    Operator,
    Or,
    Query,
    QueryError,
    Scope,
    Token,
    Value,
    tokens,
)

#: What may come next at some place.
Wanted = Literal["key", "name", "operator", "value", "list", "in", "link", ""]

_LONGEST = 20_000
_DEEPEST = 100
_CLOSING = {"(": ")", "[": "]"}


class EndError(QueryError):
    """A query that ends too early.

    Attributes:
        wanted: what it still needs.
        key: the key of the comparison that is not complete.
    """

    def __init__(self, message: str, start: int, wanted: Wanted, key: Key | None) -> None:
        super().__init__(message, start)
        self.wanted = wanted
        self.key = key


def parse(text: str) -> Query:
    """Return the tree of a query.

    Raises:
        QueryError: it cannot be understood.
    """
    if len(text) > _LONGEST:
        raise QueryError(f"a query has at most {_LONGEST:,} characters", _LONGEST)
    return _Parser(tokens(text), len(text)).parse()


def parse_key(text: str) -> Key:
    """Return the name that a text is, such as ``params.lr`` or ``"train/loss".min``.

    Raises:
        QueryError: it is none.
    """
    return _Parser(tokens(text), len(text)).parse_key()


class _Parser:
    def __init__(self, found: list[Token], length: int) -> None:
        self._tokens = found
        self._place = 0
        self._length = length
        self._depth = 0

    def parse(self) -> Query:
        query = self._any()
        token = self._peek()
        if token is None:
            return query
        if token.text in (")", "]"):
            raise QueryError("no bracket is open that this one could close", token.start, token.end)
        raise QueryError(f"'and' or 'or' is missing before {token.text!r}", token.start, token.end)

    def parse_key(self) -> Key:
        key = self._key(self._next("a name is missing", "name"))
        token = self._peek()
        if token is not None:
            raise QueryError("a name ends before this", token.start, token.end)
        return key

    def _any(self) -> Query:
        items = [self._all()]
        while self._skip("or"):
            items.append(self._all())
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _all(self) -> Query:
        items = [self._one()]
        while self._skip("and"):
            items.append(self._one())
        return items[0] if len(items) == 1 else And(tuple(items))

    def _one(self) -> Query:
        negations = 0
        while self._skip("not"):
            negations += 1
        token = self._next("a name is missing here, as in val_loss < 16", "key")
        self._depth += 1 + negations
        if self._depth > _DEEPEST:
            raise QueryError(f"brackets and not go at most {_DEEPEST} deep", token.start, token.end)
        if token.text == "(" and token.kind == "bracket":
            query = self._any()
            self._close(token)
        elif token.keyword == "has":
            query = self._has()
        else:
            query = self._comparison(self._key(token))
        self._depth -= 1 + negations
        for _ in range(negations):
            query = Not(query)
        return query

    def _has(self) -> Query:
        opening = self._next("has needs brackets, as in has(tags.stage)", "")
        if opening.text != "(" or opening.kind != "bracket":
            raise QueryError("has needs brackets, as in has(tags.stage)", opening.start, opening.end)
        key = self._key(self._next("a name is missing here, as in has(tags.stage)", "name"))
        self._close(opening)
        return Has(key)

    def _key(self, token: Token) -> Key:
        if token.kind == "word" and not token.keyword:
            scope, dot, name = token.text.partition(".")
            known = scope if dot and scope in SCOPES else ""
            if not known:
                return Key(token.text, start=token.start, end=token.end)
            if name:
                return Key(name, known, start=token.start, end=token.end)
            following = self._peek()
            if following is None:
                raise EndError(f"a name is missing after {token.text}", token.end, "key", None)
            if following.kind == "quoted" and following.start == token.end:
                self._place += 1
                return self._quoted(following, known, token.start)
            raise QueryError(f"a name is missing after {token.text}", token.start, token.end)
        if token.kind == "quoted":
            return self._quoted(token, "", token.start)
        if token.keyword:
            message = f"a name is missing before {token.text!r}; as a name itself it stands in quotes"
        else:
            message = f"a name is missing before {token.text!r}"
        raise QueryError(message, token.start, token.end)

    def _quoted(self, token: Token, scope: Scope, start: int) -> Key:
        behind = self._peek()
        stat = ""
        end = token.end
        if behind is not None and behind.start == end and behind.kind == "word" and behind.text[0] == ".":
            self._place += 1
            stat, end = behind.text[1:], behind.end
        if not token.text or (end > token.end and not stat):
            raise QueryError("a name cannot be empty", start, end)
        return Key(token.text, scope, True, stat, start, end)

    def _comparison(self, key: Key) -> Comparison:
        message = f"an operator such as = or < is missing after {key}"
        token = self._next(message, "operator", key)
        if token.kind == "operator" or token.keyword == "like":
            operator = cast(Operator, token.keyword or token.text)
            return Comparison(key, operator, (self._value(token, key),))
        if token.keyword == "not":
            following = self._next("in is missing after not", "in", key)
            if following.keyword != "in":
                raise QueryError(f"after {key} not comes in; or write not before {key}", token.start, following.end)
            return Comparison(key, "not in", self._list(key))
        if token.keyword == "in":
            return Comparison(key, "in", self._list(key))
        raise QueryError(message, token.start, token.end)

    def _value(self, before: Token, key: Key) -> Value:
        token = self._next(f"a value is missing after {before.text}", "value", key)
        if token.kind == "quoted" or (token.kind == "word" and not token.keyword):
            return Value(token.text, token.kind == "quoted", token.start, token.end)
        if token.keyword:
            message = f"a value is missing before {token.text!r}; as a value itself it stands in quotes"
        else:
            message = f"a value is missing before {token.text!r}"
        raise QueryError(message, token.start, token.end)

    def _list(self, key: Key) -> tuple[Value, ...]:
        opening = self._next("a list is missing, as in (adam, sgd)", "list", key)
        if opening.kind != "bracket" or opening.text not in _CLOSING:
            raise QueryError("a list stands in brackets, as in (adam, sgd)", opening.start, opening.end)
        values = [self._value(opening, key)]
        while True:
            token = self._next(f"{_CLOSING[opening.text]} is missing at the end of the list", "", key)
            if token.kind == "bracket" and token.text == _CLOSING[opening.text]:
                return tuple(values)
            if token.kind != "bracket" or token.text != ",":
                raise QueryError("a comma is missing before this value", token.start, token.end)
            values.append(self._value(token, key))

    def _close(self, opening: Token) -> None:
        token = self._next(") is missing at the end", "link")
        if token.kind != "bracket" or token.text != ")":
            where = f"the bracket that opens at column {opening.start + 1}"
            raise QueryError(f"{where} must be closed before {token.text!r}", token.start, token.end)

    def _peek(self) -> Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _next(self, missing: str, wanted: Wanted, key: Key | None = None) -> Token:
        token = self._peek()
        if token is None:
            raise EndError(missing, self._length, wanted, key)
        self._place += 1
        return token

    def _skip(self, keyword: str) -> bool:
        token = self._peek()
        if token is None or token.keyword != keyword:
            return False
        self._place += 1
        return True
