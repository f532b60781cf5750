"""Puts ``resources/`` into the wheel as ``app/resources/``; everything else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RESOURCES = Path("resources")


class BuildWithResources(build_py):
    """The usual build of Python modules, and the files that ship with them."""

    def run(self) -> None:
        """Build the modules, then copy the resources beside them."""
        super().run()
        for source, target in self._resources().items():
            self.mkpath(str(Path(target).parent))
            self.copy_file(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return what the build makes."""
        return [*super().get_outputs(include_bytecode), *self._resources().values()]

    def get_source_files(self) -> list[str]:
        """Return what the build reads: it is what goes into a source distribution."""
        return [*super().get_source_files(), *(str(path) for path in _files())]

    def _resources(self) -> dict[str, str]:
        if self.editable_mode:
            return {}  # a checkout reads them where they are
        return {str(path): str(Path(self.build_lib, "app", path)) for path in _files()}


def _files() -> list[Path]:
    return sorted(path for path in RESOURCES.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


setup(cmdclass={"build_py": BuildWithResources})
