"""MLflow's SQLite databases of every schema, from its first one to today's, read as they are and never upgraded.

Tables, from MLflow's ``store/tracking/dbmodels/models.py`` and the migrations in ``store/db_migrations``:
``experiments``, ``runs``, ``metrics`` (a row a point), ``params`` and ``tags``. Columns that a schema does not have yet
(``metrics.step``, ``metrics.is_nan`` ...) are done without. Nothing is held open between two looks, and a look is one
short read transaction: a server may write meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from app.records.files import RecordError
from app.records.series import POINT_DTYPE, Points
from app.records.sources.base import Kind, Param, RunRecord, Scan, Source
from app.records.sources.mlflow_metric import in_seconds
from app.records.sources.mlflow_values import (
    is_folder_within,
    local_path,
    name_of,
    param_of,
    seconds_of,
    some_of,
    state_of,
)
from app.records.summary import MetricSummary, summary_of
