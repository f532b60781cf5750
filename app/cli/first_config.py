"""``trackside new config``: a config for data of the user's own, and why it is as it is."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from app.cli.output import EXIT_WRONG, complain, complain_of_problems, workspace_of, write_anew
from app.config.checking import check
from app.config.first_config import FirstConfig, file_name, first_config
from app.config.guessing import Choice, Guess, GuessError, guess
from app.config.survey import Survey
from app.jobs.surveying import SurveyError, Surveying


def new_config(arguments: argparse.Namespace) -> int:
    """Write a config for a file or folder, and print where; what was chosen goes to standard error."""
    choice = Choice(arguments.target, arguments.task)
    surveying: Surveying | None = None
    try:
        surveying = Surveying(arguments.data)
        survey = surveying.result(_progress)
        found = guess(survey, choice)
        made = first_config(survey, found, choice)
    except (SurveyError, GuessError) as error:
        complain(str(error) if isinstance(error, SurveyError) else f"{arguments.data}: {error}")
        return EXIT_WRONG
    except KeyboardInterrupt:
        if surveying is not None:
            surveying.end()
        raise
    finally:
        _clear_progress()
    output: Path | None = arguments.output
    if output is None and not arguments.json:
        output = workspace_of(arguments.workspace).root / "experiments" / file_name(survey)
    document = made.document if output is None else _with_relative_path(made.document, output)
    if output is not None:
        text = json.dumps(document, indent=2, ensure_ascii=False)
        if status := write_anew(output, f"{text}\n", replaces=arguments.force):
            return status
    _tell(survey, found, made)
    if arguments.json:
        print(json.dumps(_facts(survey, found, made, document, output), indent=2, ensure_ascii=False))
    else:
        print(output)
    if problems := check(document):
        complain_of_problems("what is still to be set", problems)
    return 0


def _facts(
    survey: Survey, found: Guess, made: FirstConfig, document: dict[str, Any], output: Path | None
) -> dict[str, Any]:
    return {
        "data": survey.as_json(),
        "guess": found.as_json(),
        "reasons": [{"what": what, "chosen": chosen, "why": why} for what, chosen, why in made.reasons],
        "document": document,
        "output": None if output is None else str(output),
    }


def _with_relative_path(document: dict[str, Any], output: Path) -> dict[str, Any]:
    """Return a config whose data, where it lies beside the config or below, is named from there."""
    dataset = document["dataset"]
    folder = os.path.normpath(output.absolute().parent)
    parameters = dict(dataset["parameters"])
    for key in {"path", "target_path"} & parameters.keys():
        path = Path(os.path.normpath(parameters[key]))
        parameters[key] = str(path.relative_to(folder) if path.is_relative_to(folder) else path)
    return {**document, "dataset": {**dataset, "parameters": parameters}}


def _tell(survey: Survey, found: Guess, made: FirstConfig) -> None:
    columns = f", {len(survey.columns)} columns" if survey.kind == "table" else ""
    lines = [f"{survey.path}: {survey.rows:,} {'rows' if survey.kind == 'table' else 'samples'}{columns}"]
    lines += [f"  {note}" for note in survey.notes]
    if found.target:
        lines.append(f"  Target: {found.target}, as {found.target_reason}")
    lines.append(f"  Task: {found.task}, as {found.task_reason}")
    lines += [f"  {what}: {chosen} ({why})" for what, chosen, why in made.reasons]
    lines += [f"  Left out: {name} ({why})" for name, why in found.left_out.items()]
    print("\n".join(lines), file=sys.stderr)


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        of = f" of {total:,}" if total else ""
        print(f"\rreading, {done:,}{of} ... ", end="", file=sys.stderr, flush=True)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
