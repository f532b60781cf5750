"""What ``trackside`` does on the command line: the same work without a window, or opening it."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from app import __version__
from app.cli.output import EXIT_FAILED, EXIT_INTERRUPTED, complain
from app.records.files import RecordError

_EPILOG = """\
RUN is a path, an id, a name, or a unique beginning of one.
TEXT asks as in 'val_loss < 16 and optimizer = adam and age < 2d'; docs/query.md has it all.
The workspace is the nearest folder upwards with .trackside/ or trainings/ in it, else the current one.
Exit status: 0 done, 1 the training failed, 2 the config or the command is wrong, 130 interrupted.
"""


#: Opens the window on a workspace, or on the one that is at hand, and returns the exit status.
OpenWindow = Callable[[Path | None], int]
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(argv: list[str] | None = None, open_window: OpenWindow | None = None) -> int:
    """Do what the arguments say; return the exit status.

    ``open_window`` is given by the program's entry: this room knows nothing of the window.
    """
    arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name on the disk need not be valid Unicode
    try:
        if arguments.command in (None, "open"):
            from app.cli import desktop

            return desktop.open_on_screen(arguments, open_window)
        is_config = arguments.command == "new" and arguments.what == "config"
        status = _command("config" if is_config else arguments.command)(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read our output has seen enough (``trackside runs | head``).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (OSError, RecordError) as error:
        complain(str(error))
        return EXIT_FAILED


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    # Imported when wanted, so that ``trackside check`` does not wait for what ``trackside doctor`` needs.
    if name in ("train", "check"):
        from app.cli import training

        return training.train if name == "train" else training.check
    if name == "doctor":
        from app.cli import diagnosis

        return diagnosis.doctor
    if name == "convert":
        from app.cli import conversion

        return conversion.convert_file
    if name == "config":
        from app.cli import first_config

        return first_config.new_config
    if name in ("trust", "new", "schema"):
        from app.cli import making

        return {"trust": making.trust, "new": making.new, "schema": making.schema}[name]
    if name == "desktop":
        from app.cli import desktop

        return desktop.desktop
    if name == "runs":
        from app.cli import listing

        return listing.runs
    if name in ("source", "index"):
        from app.cli import sources

        return sources.source if name == "source" else sources.index
    from app.cli import inspection

    command: Callable[[argparse.Namespace], int] = getattr(inspection, name)
    return command


def _joined(arguments: list[str]) -> list[str]:
    """Return the arguments with ``--sort -loss`` as ``--sort=-loss``: argparse takes ``-loss`` for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined[-1:] == ["--sort"] and argument.startswith("-") and not argument.startswith("--"):
            joined[-1] = f"--sort={argument}"
        else:
            joined.append(argument)
    return joined


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trackside",
        description="A desktop experiment manager for machine learning.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"trackside {__version__}")
    where = "the workspace, instead of the one around here"
    parser.add_argument("--workspace", type=Path, metavar="DIR", help=where)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    workspace = argparse.ArgumentParser(add_help=False)
    # Without a value of its own, which would hide one that is given before the command.
    workspace.add_argument("--workspace", type=Path, metavar="DIR", help=where, default=argparse.SUPPRESS)
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print JSON")
    as_json_or_csv = argparse.ArgumentParser(add_help=False)
    form = as_json_or_csv.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print csv")
    run = argparse.ArgumentParser(add_help=False)
    run.add_argument("run", metavar="RUN")
    config = argparse.ArgumentParser(add_help=False)
    config.add_argument("config", type=Path, metavar="CONFIG", help="a training config (JSON)")
    config.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="KEY=VALUE",
        help="change a key of the config, such as training.epochs=3; can be repeated",
    )

    commands.add_parser("open", parents=[workspace], help="open the window, which no command does too")
    train = commands.add_parser(
        "train", parents=[config, workspace], help="train a config; prints the execution's folder"
    )
    train.add_argument("--detach", action="store_true", help="return at once; the run goes on in the background")
    commands.add_parser(
        "check", parents=[config, workspace, as_json], help="list everything that is wrong with a config"
    )
    convert = commands.add_parser("convert", parents=[as_json], help="bring a config of an older system up to date")
    convert.add_argument("config", type=Path, metavar="FILE", help="a config of any older form")
    convert.add_argument("--output", type=Path, metavar="FILE", help="write it there instead of printing it")
    convert.add_argument("--force", action="store_true", help="replace the file if it is there")
    stop = commands.add_parser(
        "stop", parents=[run, workspace], help="stop a run at its next batch, or cancel a queued one"
    )
    stop.add_argument("--now", action="store_true", help="end its process at once; no model is saved")
    runs = commands.add_parser("runs", parents=[workspace, as_json_or_csv], help="list the runs of the workspace")
    runs.add_argument("--query", metavar="TEXT", help="only the runs that meet this: 'val_loss < 16 and age < 2d'")
    runs.add_argument(
        "--sort",
        metavar="KEY",
        help="order them by a metric, a param, a tag or what else a query can ask for; -KEY for the highest first",
    )
    runs.add_argument("--limit", type=_count, metavar="N", help="no more than N runs")
    commands.add_parser("show", parents=[run, workspace, as_json], help="show one run")
    series = commands.add_parser(
        "series",
        parents=[run, workspace, as_json_or_csv],
        help="print the points of a metric: step, time (seconds since the epoch) and value",
    )
    series.add_argument("metric", metavar="METRIC")
    commands.add_parser("follow", parents=[run, workspace], help="print a run's log as it is written, until it ends")
    _add_source(commands, workspace, as_json)
    index = commands.add_parser("index", help="the index of the workspace's runs, which can be deleted at any time")
    actions = index.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("rebuild", parents=[workspace], help="make it anew from nothing")
    trust = commands.add_parser("trust", help="let the runs of a workspace use code of its own (components/)")
    trust.add_argument("workspace", type=Path, nargs="?", metavar="DIR", help=where)
    trust.add_argument("--remove", action="store_true", help="trust it no longer")
    new = commands.add_parser("new", help="begin a config for your data, or a component of your own").add_subparsers(
        dest="what", metavar="WHAT", required=True
    )
    _add_config(new, workspace, as_json)
    for what in ("tracker", "dataset", "model", "preprocessor", "callback"):
        kind = new.add_parser(what, parents=[workspace], help=f"write a {what} to fill in, its test and its docs")
        kind.add_argument("name", metavar="NAME", help=f"such as my_{what}")
    commands.add_parser("schema", parents=[workspace], help="print the JSON Schema of a config, for editors")
    desktop = commands.add_parser("desktop", help="put Trackside into the desktop's menu, or take it out")
    desktop.add_argument("action", choices=("install", "remove"))
    commands.add_parser(
        "doctor", parents=[as_json], help="show versions, Qt and GPU, what is missing and how to get it"
    )
    return parser


def _add_source(commands: _Commands, workspace: argparse.ArgumentParser, as_json: argparse.ArgumentParser) -> None:
    source = commands.add_parser(
        "source",
        help="add, list or remove folders whose runs are shown too",
        description="Runs of MLflow, TensorBoard, Comet, W&B and csv files are shown beside the executions. Those in "
        "the workspace's own folder are found by themselves; other folders are added.",
    )
    actions = source.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, help_ in (("add", "show the runs in a folder or file too"), ("remove", "show them no more")):
        action = actions.add_parser(name, parents=[workspace], help=help_)
        action.add_argument("folder", type=Path, metavar="DIR")
    actions.add_parser("list", parents=[workspace, as_json], help="list what runs are read from")


def _add_config(new: _Commands, workspace: argparse.ArgumentParser, as_json: argparse.ArgumentParser) -> None:
    config = new.add_parser(
        "config",
        parents=[workspace, as_json],
        help="write a config that trains on your data",
        description="Looks at a table (.csv, .tsv, .parquet), at arrays (.npz, .npy, .h5), or at a folder with a "
        "folder of images or texts for each class, and writes a config with a split, preprocessing and a small network "
        "for it. What was chosen, and why, is told on standard error.",
    )
    config.add_argument("data", type=Path, metavar="DATA", help="the file or folder")
    config.add_argument("--target", metavar="NAME", help="the column, or the array, to learn")
    config.add_argument(
        "--task", choices=("regression", "binary", "classes"), help="what is learned, instead of a guess"
    )
    config.add_argument("--output", type=Path, metavar="FILE", help="where it is written; else in experiments/")
    config.add_argument("--force", action="store_true", help="replace the file if it is there")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count of runs")
    return int(text)
