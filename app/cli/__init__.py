"""The same work without a window: what ``trackside`` does on the command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from app import __version__
from app.cli.output import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_WRONG, complain
from app.records.files import RecordError

_EPILOG = """\
RUN is a path, an id, the name of an execution's folder, or a unique beginning of either.
The workspace is the nearest folder upwards with .trackside/ or trainings/ in it, else the current one.
Exit status: 0 done, 1 the training failed, 2 the config or the command is wrong, 130 interrupted.
"""


def main(argv: list[str] | None = None) -> int:
    """Do what the arguments say; return the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return EXIT_WRONG
    try:
        status = _command(arguments.command)(arguments)
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
    from app.cli import inspection

    commands = {"runs": inspection.runs, "show": inspection.show, "follow": inspection.follow, "stop": inspection.stop}
    return commands[name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trackside",
        description="A desktop experiment manager for machine learning.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"trackside {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    workspace = argparse.ArgumentParser(add_help=False)
    workspace.add_argument(
        "--workspace", type=Path, metavar="DIR", help="the workspace, instead of the one around here"
    )
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print JSON")
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

    train = commands.add_parser(
        "train", parents=[config, workspace], help="train a config; prints the execution's folder"
    )
    train.add_argument("--detach", action="store_true", help="return at once; the run goes on in the background")
    commands.add_parser("check", parents=[config, as_json], help="list everything that is wrong with a config")
    stop = commands.add_parser(
        "stop", parents=[run, workspace], help="stop a run at its next batch, or cancel a queued one"
    )
    stop.add_argument("--now", action="store_true", help="end its process at once; no model is saved")
    commands.add_parser("runs", parents=[workspace, as_json], help="list the runs of the workspace")
    commands.add_parser("show", parents=[run, workspace, as_json], help="show one run")
    commands.add_parser("follow", parents=[run, workspace], help="print a run's log as it is written, until it ends")
    commands.add_parser(
        "doctor", parents=[as_json], help="show versions, Qt and GPU, what is missing and how to get it"
    )
    return parser
