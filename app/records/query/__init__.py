"""The language that runs are asked for in: ``val_loss < 16 and optimizer = adam and not has(tags.debug)``."""

from app.records.query.completion import Completions, complete
from app.records.query.fields import Field, Names, resolve
from app.records.query.parser import parse, parse_key
from app.records.query.syntax import Query, QueryError

__all__ = ["Completions", "Field", "Names", "Query", "QueryError", "complete", "parse", "parse_key", "resolve"]
