"""The page of all commands and settings is that of the program."""

from __future__ import annotations

from pathlib import Path

from pix2pix_onthefly.cli.reference import reference
from pix2pix_onthefly.running.defaults import DEFAULT_METHOD

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"


def test_the_reference_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "docs/reference.md is stale; run: make reference"


def test_the_reference_tells_of_commands_settings_and_methods() -> None:
    page = reference()
    for text in ("### `onthefly edit IMAGE [INSTRUCTION]`", "### `onthefly models fetch NAME`", "### ledits++"):
        assert text in page
    assert "| `--steps` | 20 | 2 to 999 | Denoising steps" in page


def test_the_default_method_is_named_as_it_is() -> None:
    assert f"see 'onthefly methods'. [default: {DEFAULT_METHOD}]" in reference()
