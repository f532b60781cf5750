"""The index of a workspace: what every run of every source is, kept so that any of it is there at once."""

from app.records.index.index import Index
from app.records.index.indexer import Indexer, Progress
from app.records.index.selection import Group
from app.records.index.values import ValueColumn

__all__ = ["Group", "Index", "Indexer", "Progress", "ValueColumn"]
