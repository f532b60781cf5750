"""What Trackside needs of a Linux system beside Python: Qt's libraries, a font and, for the tests, a virtual screen.

Presence is tested by doing what Qt will do (opening the library), never by asking a package manager: so it works on
every distribution, and costs milliseconds. macOS and Windows bring all of it.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple

#: What each package manager is told to install with.
MANAGERS = {
    "apt-get": "apt-get install -y",
    "dnf": "dnf install -y",
    "pacman": "pacman -S --needed",
    "zypper": "zypper install -y",
}


class SystemProblem(Exception):
    """Something is missing that this program may not install; the text says what to type."""


class Need(NamedTuple):
    """One thing the system must have, how to see that it is there, and the package that brings it, by manager."""

    what: str
    present: Callable[[str], bool]
    packages: Dict[str, str]


def _opens(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def _runs(program: str) -> bool:
    return shutil.which(program) is not None


def _has_font(_what: str) -> bool:
    home = Path.home()
    folders = ["/usr/share/fonts", "/usr/local/share/fonts", str(home / ".fonts"), str(home / ".local/share/fonts")]
    return any(
        name.lower().endswith((".ttf", ".otf", ".ttc"))
        for folder in folders
        for _, _, names in os.walk(folder)
        for name in names
    )


def _need(present: Callable[[str], bool], row: str) -> Need:
    what, *packages = row.split()
    return Need(what, present, dict(zip(MANAGERS, packages)))


#: name, then the package of apt-get, dnf, pacman and zypper
_LIBRARIES = """
libEGL.so.1             libegl1             libglvnd-egl        libglvnd            libglvnd
libGL.so.1              libgl1              libglvnd-glx        libglvnd            libglvnd
libglib-2.0.so.0        libglib2.0-0        glib2               glib2               libglib-2_0-0
libgthread-2.0.so.0     libglib2.0-0        glib2               glib2               libgthread-2_0-0
libdbus-1.so.3          libdbus-1-3         dbus-libs           dbus                libdbus-1-3
libfontconfig.so.1      libfontconfig1      fontconfig          fontconfig          libfontconfig1
libxkbcommon.so.0       libxkbcommon0       libxkbcommon        libxkbcommon        libxkbcommon0
libxkbcommon-x11.so.0   libxkbcommon-x11-0  libxkbcommon-x11    libxkbcommon-x11    libxkbcommon-x11-0
libX11-xcb.so.1         libx11-xcb1         libX11-xcb          libx11              libX11-xcb1
libxcb-cursor.so.0      libxcb-cursor0      xcb-util-cursor     xcb-util-cursor     libxcb-cursor0
libxcb-icccm.so.4       libxcb-icccm4       xcb-util-wm         xcb-util-wm         libxcb-icccm4
libxcb-image.so.0       libxcb-image0       xcb-util-image      xcb-util-image      libxcb-image0
libxcb-keysyms.so.1     libxcb-keysyms1     xcb-util-keysyms    xcb-util-keysyms    libxcb-keysyms1
libxcb-randr.so.0       libxcb-randr0       libxcb              libxcb              libxcb-randr0
libxcb-render.so.0      libxcb-render0      libxcb              libxcb              libxcb-render0
libxcb-render-util.so.0 libxcb-render-util0 xcb-util-renderutil xcb-util-renderutil libxcb-render-util0
libxcb-shape.so.0       libxcb-shape0       libxcb              libxcb              libxcb-shape0
libxcb-shm.so.0         libxcb-shm0         libxcb              libxcb              libxcb-shm0
libxcb-sync.so.1        libxcb-sync1        libxcb              libxcb              libxcb-sync1
libxcb-xfixes.so.0      libxcb-xfixes0      libxcb              libxcb              libxcb-xfixes0
libxcb-xkb.so.1         libxcb-xkb1         libxcb              libxcb              libxcb-xkb1
"""
_FONT = "fonts fonts-dejavu-core dejavu-sans-fonts ttf-dejavu dejavu-fonts"
_TEST_PROGRAMS = """
Xvfb                    xvfb                xorg-x11-server-Xvfb xorg-server-xvfb   xorg-x11-server-Xvfb
xdotool                 xdotool             xdotool             xdotool             xdotool
"""


def missing(purpose: str) -> List[Need]:
    """Return what this system lacks to run Trackside, or to test it (purpose "run" or "test")."""
    if not sys.platform.startswith("linux"):
        return []
    needs = [_need(_opens, row) for row in _LIBRARIES.strip().splitlines()]
    needs.append(_need(_has_font, _FONT))
    if purpose == "test":
        needs += [_need(_runs, row) for row in _TEST_PROGRAMS.strip().splitlines()]
    return [need for need in needs if not need.present(need.what)]


def venv_module(python: str, version: str) -> Need:
    """Return what a Python without ``ensurepip`` lacks (Debian and Ubuntu package it apart)."""
    return Need("the venv module of " + python, lambda _what: False, {"apt-get": "python" + version + "-venv"})


def provide(needs: List[Need]) -> None:
    """Install what is missing where this user may (root, with apt-get).

    Raises:
        SystemProblem: it may not, or the installation failed; the text ends with the one command to type.
    """
    names = ", ".join(need.what for need in needs)
    manager = next((name for name in MANAGERS if shutil.which(name)), None)
    packages = sorted({need.packages[manager] for need in needs if manager in need.packages})
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if manager is None or not packages:
        raise SystemProblem("This system lacks " + names + ".\nInstall the packages that hold it, then run this again.")
    sudo = "" if root else "sudo "
    typed = sudo + MANAGERS[manager] + " " + " ".join(packages)
    if manager == "apt-get":
        typed = sudo + "apt-get update && " + typed
    if not (root and manager == "apt-get"):
        raise SystemProblem(
            "This system lacks " + names + ".\nType this, then run the same command again:\n\n  " + typed
        )
    print("This system lacks " + names + ".\nInstalling with apt-get: " + " ".join(packages), flush=True)
    apt_get("update")  # where it fails, the lists that are there may do
    if not apt_get("install", "--no-install-recommends", *packages):
        raise SystemProblem("apt-get did not install them; the lines above say why. To try by hand:\n\n  " + typed)


def apt_get(*arguments: str) -> bool:
    """Run apt-get without questions, waiting for another that is at work, and tell whether it went well."""
    command = ["apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0", *arguments]
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode == 0
