"""How far a run is, while somebody waits for it: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

from app.cli.output import format_number
from app.records.events import Event
from app.records.live import LiveRun

_SHOWN = ("loss", "val_loss")
#: Without a terminal epochs are told of at most so often.
_LINE_SECONDS = 1.0


class Progress:
    """A bar where ``file`` is a terminal, else lines; close it by leaving its context."""

    def __init__(self, file: TextIO = sys.stderr) -> None:
        self._shown: _Bar | _Lines = _Bar(file) if file.isatty() else _Lines(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown.close()

    def show(self, run: LiveRun, text: str, events: Sequence[Event]) -> None:
        """Show what a look at the run has found.

        Args:
            run: the run after the look.
            text: what it does now.
            events: what is new.
        """
        self._shown.show(run, text, events)


class _Bar:
    """A bar of epochs. Its clock starts with fitting: what comes before says nothing of how long an epoch takes."""

    def __init__(self, file: TextIO) -> None:
        self._bar = tqdm(
            total=1, unit="epoch", file=file, dynamic_ncols=True, leave=True, bar_format="{desc} [{elapsed}]"
        )
        self._is_fitting = False

    def show(self, run: LiveRun, text: str, events: Sequence[Event]) -> None:
        bar = self._bar
        if run.epochs and not self._is_fitting:
            self._is_fitting = True
            bar.bar_format = None
            bar.reset(run.epochs)
        bar.n = run.epoch
        bar.set_description_str(text, refresh=False)
        bar.set_postfix_str(_values(run), refresh=False)
        bar.refresh()

    def close(self) -> None:
        self._bar.close()


class _Lines:
    """A line when the state or stage changes, and for epochs at most one a second, in the order of what happened."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._told = self._seen = 0
        self._due = 0.0

    def show(self, run: LiveRun, text: str, events: Sequence[Event]) -> None:
        if run.status.state in ("queued", "starting"):
            self._say(text)
        for event in events:
            match event:
                case {"kind": "stage_begin", "stage": str(stage)}:
                    self._tell_epochs(run)
                    self._say(stage.replace("_", " "))
                case {"kind": "epoch_end", "epoch": int(epoch)}:
                    self._seen = epoch
        if run.is_over or time.monotonic() >= self._due:
            self._tell_epochs(run)

    def close(self) -> None:
        """There is nothing to close."""

    def _say(self, text: str) -> None:
        if text != self._text:
            self._text = text
            print(text, file=self._file, flush=True)

    def _tell_epochs(self, run: LiveRun) -> None:
        if self._seen <= self._told:
            return
        first, last = self._told + 1, self._seen
        which = f"epoch {last}" if first == last else f"epochs {first}-{last}"
        of = f"/{run.epochs}" if run.epochs else ""
        print(f"{which}{of} {_values(run)}", file=self._file, flush=True)
        self._told, self._due = last, time.monotonic() + _LINE_SECONDS


def _values(run: LiveRun) -> str:
    return " ".join(f"{name}={format_number(run.values[name])}" for name in _SHOWN if name in run.values)
