"""Looking at data of the user's own in a process of the engine's: no other one imports what reads it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from app.config.survey import Survey
from app.jobs.launch import clean_environment
from app.start import command

_MODULE = "app.engine.surveying"


class SurveyError(Exception):
    """The data cannot be used, or the process that looks at it died; the text says why and what would be right."""


class Surveying:
    """A look at a file or folder that is under way; :meth:`end` may be called from any thread.

    Raises:
        SurveyError: the process could not be started.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process lives
        try:
            self._process = subprocess.Popen(
                command(_MODULE, str(path.absolute())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=clean_environment(),
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            self._errors.close()
            raise SurveyError(f"the process that reads data could not be started: {error}") from error

    def result(self, progress: Callable[[int, int], object] = lambda done, total: None) -> Survey:
        """Wait for what is found there.

        Args:
            progress: called with how many rows or files were read, and of how many (0 where nobody knows).

        Raises:
            SurveyError: it cannot be used; or the process was ended.
        """
        assert self._process.stdout is not None
        try:
            with self._process.stdout as lines:
                for line in lines:
                    match json.loads(line):
                        case {"kind": "progress", "done": int(done), "total": int(total)}:
                            progress(done, total)
                        case {"kind": "refused", "message": str(message)}:
                            raise SurveyError(message)
                        case {"kind": "survey", "survey": dict(survey)}:
                            return Survey.from_json(survey)
            self._process.wait()
            raise SurveyError(f"{self._path.name} could not be looked at: {self._last_words()}")
        finally:
            self.end()
            self._errors.close()

    def end(self) -> None:
        """End the process, if it has not ended."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"the process that reads data ended with code {self._process.returncode}"
