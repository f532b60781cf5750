"""``trackside new``, ``trust`` and ``schema``: what a user adds to Trackside, and what editors know of configs."""

from __future__ import annotations

import argparse
import json
import os
import sys

from app.cli.output import EXIT_FAILED, EXIT_WRONG, complain, workspace_of
from app.config import scaffolding
from app.config import trust as trusting
from app.config.catalog import work_in
from app.config.json_schema import config_schema
from app.config.own_components import COMPONENTS, component_files


def new(arguments: argparse.Namespace) -> int:
    """Write a component to fill in; print its files."""
    root = workspace_of(arguments.workspace).root
    if reason := scaffolding.wrong_name(arguments.name):
        complain(reason)
        return EXIT_WRONG
    try:
        files = scaffolding.write_component(arguments.what, arguments.name, root)
    except FileExistsError as error:
        complain(f"{error.filename} is there already; nothing was written")
        return EXIT_WRONG
    for path in files:
        print(path)
    print(f"In a config: {scaffolding.entry_of(arguments.what, arguments.name)}", file=sys.stderr)
    if not trusting.is_trusted(root):
        print(f"It runs once you trust this workspace: trackside trust {root}", file=sys.stderr)
    return 0


def trust(arguments: argparse.Namespace) -> int:
    """Let a workspace use code of its own, or no longer; print the workspace."""
    root = workspace_of(arguments.workspace).root
    if not arguments.remove and not root.is_dir():
        complain(f"{root} is no folder")
        return EXIT_WRONG
    was = trusting.is_trusted(root)
    try:
        (trusting.distrust if arguments.remove else trusting.trust)(root)
    except OSError as error:
        complain(f"{trusting.trust_file()} cannot be written: {error.strerror or error}")
        return EXIT_FAILED
    print(os.path.realpath(root))
    if arguments.remove:
        print("is not trusted any more" if was else "was not trusted", file=sys.stderr)
        return 0 if was else EXIT_WRONG
    print(f"is trusted: its runs may use installed modules and what is in {COMPONENTS}/, now or later", file=sys.stderr)
    for file in component_files(root / COMPONENTS):
        print(f"  {file.relative_to(root)}", file=sys.stderr)
    return 0


def schema(arguments: argparse.Namespace) -> int:
    """Print the JSON Schema of a config, with the workspace's own components."""
    work_in(workspace_of(arguments.workspace).root)
    print(json.dumps(config_schema(), indent=1, ensure_ascii=False))
    return 0
