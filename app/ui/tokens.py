"""Colours and sizes of the window, named by what they are for; a test computes every contrast that they promise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StateColour:
    """The colour of a run's state, and the tint that its badge is filled with."""

    ink: str
    tint: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """One theme. All colours are ``#RRGGBB``.

    Attributes:
        win: chrome: menu bar, sidebar, tabs, status bar.
        base: content.
        alt: headers and group rows.
        hover: a row under the mouse.
        soft: a selection.
        line: separators of 1 px.
        line2: the border of a control.
        edge: what must be seen to use it: a field's bottom edge, a checkbox, a switch (>= 3:1).
        text: main text. text2: secondary. text3: muted; all >= 4.5:1 on every surface.
        accent: the one accent: primary button, selection mark. on_accent: text upon it.
        accent_text: links, selected segment, focus ring.
        grid: grid lines of a plot. axis: its axes. disabled: text of disabled controls only.
        diff: a value that differs, a search hit. diff_text: text upon it.
        series: the colours of curves in their order; the same hue family at the same index in both themes.
    """

    is_dark: bool
    win: str
    base: str
    alt: str
    hover: str
    soft: str
    line: str
    line2: str
    edge: str
    text: str
    text2: str
    text3: str
    accent: str
    accent_hover: str
    on_accent: str
    accent_text: str
    grid: str
    axis: str
    disabled: str
    diff: str
    diff_text: str
    queued: StateColour
    running: StateColour
    paused: StateColour
    finished: StateColour
    stopped: StateColour
    failed: StateColour
    series: tuple[str, ...]

    def state(self, state: str) -> StateColour:
        """Return the colour of a run's state; "starting" and "unknown" are drawn as queued, "crashed" as failed."""
        drawn_as = {"starting": "queued", "unknown": "queued", "crashed": "failed"}
        colour: StateColour = getattr(self, drawn_as.get(state, state))
        return colour


LIGHT = Tokens(
    is_dark=False,
    win="#F3F4F6",
    base="#FFFFFF",
    alt="#F8F9FB",
    hover="#ECEEF2",
    soft="#EEEFFC",
    line="#E2E5EA",
    line2="#CCD2DA",
    edge="#7C8593",
    text="#1A202B",
    text2="#454F5E",
    text3="#626C7B",
    accent="#4649D2",
    accent_hover="#3A3DBB",
    on_accent="#FFFFFF",
    accent_text="#4649D2",
    grid="#EDF0F3",
    axis="#A5AEBA",
    disabled="#B4BCC8",
    diff="#FFF6D6",
    diff_text="#5C4300",
    queued=StateColour("#5B6675", "#EFF1F4"),
    running=StateColour("#0B62C4", "#E6F0FB"),
    paused=StateColour("#8A5A00", "#FBF1DC"),
    finished=StateColour("#15753F", "#E4F4EA"),
    stopped=StateColour("#6B4E9B", "#F1ECF8"),
    failed=StateColour("#C0262D", "#FCE9E9"),
    series=("#0167DA", "#D68028", "#006557", "#CF397C", "#825F06", "#422A7B", "#269DBB", "#701A21"),
)

DARK = Tokens(
    is_dark=True,
    win="#12151A",
    base="#181B21",
    alt="#1D2128",
    hover="#262B34",
    soft="#262A4A",
    line="#2A303A",
    line2="#3B4350",
    edge="#717C8C",
    text="#E6E9EE",
    text2="#B6BECA",
    text3="#949EAC",
    accent="#5A60E3",
    accent_hover="#6166E6",
    on_accent="#FFFFFF",
    accent_text="#A9AEFF",
    grid="#232831",
    axis="#566070",
    disabled="#4D5664",
    diff="#3A3116",
    diff_text="#F3DFA0",
    queued=StateColour("#9AA5B4", "#262B33"),
    running=StateColour("#6CB2FF", "#172B42"),
    paused=StateColour("#E3B341", "#362C14"),
    finished=StateColour("#56C786", "#16301F"),
    stopped=StateColour("#BBA6EC", "#2A2439"),
    failed=StateColour("#FF8A84", "#3D1F21"),
    series=("#5079FC", "#E37511", "#39916D", "#BA6D9A", "#FBE181", "#B9ADFC", "#BDEDFB", "#FBACAD"),
)

#: Sizes in px: of text (axis labels, captions, secondary text and code, base, section, run name, welcome).
AXIS, CAPTION, SMALL, BASE, SECTION, RUN_NAME, TITLE = 10.5, 11, 12, 13, 14, 16, 24

#: Heights in px at a text scale of 100 %; ``theme.height`` gives what the font of the screen needs.
TABS, TOOLBAR, QUERY_ROW, CONTROL, SMALL_CONTROL, ROW, HEADER, TREE_ROW, STATUS_BAR = 34, 44, 40, 28, 24, 26, 28, 24, 24
