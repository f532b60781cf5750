"""Configs of the older systems, brought into the form of today, with a list of what was changed.

Six forms ("eras") of the config were in use in 2019: 0, A, B, C, D, E. Ours is A, widened: so every era has one small
step towards A, and a document goes the steps that lie before it.

    0 -> A <- B <- C <- D <- E
"""

from app.config.conversion.draft import Change
from app.config.conversion.eras import Conversion, convert

__all__ = ["Change", "Conversion", "convert"]
