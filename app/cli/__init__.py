"""What ``trackside`` does on the command line: the same work without a window, or opening it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from app import __version__
from app.cli.output import EXIT_FAILED, EXIT_INTERRUPTED, complain
from app.records.files import RecordError

_EPILOG = """\
RUN is a path, an id, the name of an execution's folder, or a unique beginning of either.
The workspace is the nearest folder upwards with .trackside/ or trainings/ in it, else the current one.
Exit status: 0 done, 1 the training failed, 2 the config or the command is wrong, 130 interrupted.
"""


#: Opens the window on a workspace, or on the one that is at hand, and returns the exit status.
OpenWindow = Callable[[Path | None], int]


def main(argv: list[str] | None = None, open_window: OpenWindow | None = None) -> int:
    """Do what the arguments say; return the exit status.

    ``open_window`` is given by the program's entry: this room knows nothing of the window.
    """
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command in (None, "open"):
            from app.cli import desktop

            return desktop.open_on_screen(arguments, open_window)
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
    if name == "convert":
        from app.cli import conversion

        return conversion.convert_file
    if name in ("trust", "new", "schema"):
        from app.cli import making

        return {"trust": making.trust, "new": making.new, "schema": making.schema}[name]
    if name == "desktop":
        from app.cli import desktop

        return desktop.desktop
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
    where = "the workspace, instead of the one around here"
    parser.add_argument("--workspace", type=Path, metavar="DIR", help=where)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    workspace = argparse.ArgumentParser(add_help=False)
    # Without a value of its own, which would hide one that is given before the command.
    workspace.add_argument("--workspace", type=Path, metavar="DIR", help=where, default=argparse.SUPPRESS)
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
    stop = commands.add_parser(
        "stop", parents=[run, workspace], help="stop a run at its next batch, or cancel a queued one"
    )
    stop.add_argument("--now", action="store_true", help="end its process at once; no model is saved")
    commands.add_parser("runs", parents=[workspace, as_json], help="list the runs of the workspace")
    commands.add_parser("show", parents=[run, workspace, as_json], help="show one run")
    commands.add_parser("follow", parents=[run, workspace], help="print a run's log as it is written, until it ends")
    trust = commands.add_parser("trust", help="let the runs of a workspace use code of its own (components/)")
    trust.add_argument("workspace", type=Path, nargs="?", metavar="DIR", help=where, default=argparse.SUPPRESS)
    trust.add_argument("--remove", action="store_true", help="trust it no longer")
    new = commands.add_parser("new", help="begin a component of your own").add_subparsers(
        dest="what", metavar="WHAT", required=True
    )
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
