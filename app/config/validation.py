"""What is used of pydantic, which is imported here and nowhere else.

Its modules import each other in circles. Two threads that begin at different ones of them at the same time, as the
window's and that which preloads may, would each meet the other's half; whoever imports this module waits for the first.
"""

from __future__ import annotations

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

__all__ = [
    "BaseModel",
    "BeforeValidator",
    "ConfigDict",
    "Discriminator",
    "ErrorDetails",
    "Field",
    "FieldInfo",
    "JsonValue",
    "Tag",
    "ValidationError",
    "model_serializer",
    "model_validator",
]
