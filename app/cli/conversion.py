"""``trackside convert``: a config of an older system in the form of today."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from app.cli.output import EXIT_WRONG, complain, complain_of_problems, describe_loss, write_anew
from app.config.checking import check
from app.config.conversion import Conversion, convert
from app.config.documents import has_comments, parse_document, read_bytes
from app.config.models import TrainingConfig
from app.config.problems import ConfigError
from app.config.resolve import with_absolute_paths


def convert_file(arguments: argparse.Namespace) -> int:
    """Print a config in the form of today, or write it to a file; what was changed goes to standard error."""
    path: Path = arguments.config
    try:
        content = read_bytes(path)
        conversion = convert(parse_document(content, str(path)))
    except ConfigError as error:
        complain_of_problems(error.source, error.problems)
        return EXIT_WRONG
    if not conversion.era and not TrainingConfig.model_fields.keys() & conversion.document.keys():
        complain(f"{path}: is no config of any form: it has none of {', '.join(TrainingConfig.model_fields)}")
        return EXIT_WRONG
    output: Path | None = arguments.output
    document = conversion.document
    if output is not None and output.absolute().parent != path.absolute().parent:
        document = with_absolute_paths(document, path.absolute().parent)  # they were relative to the config
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if output is not None and (status := write_anew(output, f"{text}\n", replaces=arguments.force)):
        return status
    if arguments.json:
        print(json.dumps(_facts(conversion, document), indent=2, ensure_ascii=False))
    elif output is None:
        print(text)
    _tell(path, conversion, keeps_comments=not has_comments(content))
    if problems := check(document):
        complain_of_problems("what is still wrong", problems)
    return 0


def _facts(conversion: Conversion, document: dict[str, Any]) -> dict[str, Any]:
    return {
        "era": conversion.era or None,
        "document": document,
        "changes": [dataclasses.asdict(change) for change in conversion.changes],
        "lost": [dataclasses.asdict(change) for change in conversion.lost],
        "problems": [dataclasses.asdict(problem) for problem in check(document)],
    }


def _tell(path: Path, conversion: Conversion, *, keeps_comments: bool) -> None:
    if not conversion.era:
        complain(f"{path}: it has the form of today")
        return
    complain(f"{path}: era {conversion.era}")
    for change in conversion.changes:
        print(f"  {change.before or '(new)'} -> {change.after or '(gone)'}: {change.why}", file=sys.stderr)
    for change in conversion.lost:
        print(f"  not carried over: {describe_loss(change)}", file=sys.stderr)
    if not keeps_comments:
        print("  not carried over: the comments", file=sys.stderr)
