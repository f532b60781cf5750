"""Every contrast that the tokens promise, computed as WCAG 2.2 defines it."""

from __future__ import annotations

import itertools

import pytest

from app.ui.tokens import DARK, LIGHT, Tokens

THEMES = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
STATES = ("queued", "running", "paused", "finished", "stopped", "failed")
SURFACES = ("win", "base", "alt", "hover", "soft")


def luminance(colour: str) -> float:
    """Relative luminance, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@THEMES
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("ink", ["text", "text2", "text3"])
def test_text_can_be_read_on_every_surface(tokens: Tokens, surface: str, ink: str) -> None:
    assert contrast(getattr(tokens, ink), getattr(tokens, surface)) >= 4.5


@THEMES
@pytest.mark.parametrize("state", STATES)
def test_a_state_can_be_read_on_content_and_on_its_tint(tokens: Tokens, state: str) -> None:
    colour = tokens.state(state)
    assert contrast(colour.ink, tokens.base) >= 4.5
    assert contrast(colour.ink, colour.tint) >= 4.5


@THEMES
def test_accents_and_marks_can_be_read(tokens: Tokens) -> None:
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5
    assert contrast(tokens.on_accent, tokens.accent_hover) >= 4.5
    assert contrast(tokens.accent_text, tokens.base) >= 4.5
    assert contrast(tokens.accent_text, tokens.soft) >= 4.5
    assert contrast(tokens.diff_text, tokens.diff) >= 4.5


@THEMES
@pytest.mark.parametrize("surface", ["base", "alt", "win"])
def test_what_must_be_seen_to_be_used_stands_out(tokens: Tokens, surface: str) -> None:
    assert contrast(tokens.edge, getattr(tokens, surface)) >= 3


@THEMES
def test_every_series_stands_out_and_is_a_colour_of_its_own(tokens: Tokens) -> None:
    assert all(contrast(colour, tokens.base) >= 3 for colour in tokens.series)
    assert all(one != other for one, other in itertools.combinations(tokens.series, 2))


def test_starting_and_crashed_are_drawn_as_their_kin() -> None:
    assert LIGHT.state("starting") == LIGHT.queued
    assert LIGHT.state("crashed") == LIGHT.failed
