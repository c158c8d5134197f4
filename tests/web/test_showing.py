"""What is shown of an edit."""

from __future__ import annotations

from PIL import Image

from pix2pix_onthefly.web.showing import candidates_of, heat_map, notices, progress_bar, side_by_side, told
from pix2pix_onthefly.web.watching import Seen

from .results import result

ORIGINAL = Image.new("RGB", (8, 8), "white")


def test_the_heat_map_is_lighter_where_the_edit_was_held() -> None:
    mask = Image.new("L", (8, 8))
    mask.paste(255, (0, 0, 4, 8))
    shown = heat_map(result(mask=mask), ORIGINAL).convert("L")
    assert shown.getpixel((1, 1)) > shown.getpixel((6, 6))  # pyright: ignore[reportOperatorIssue]


def test_without_a_region_the_heat_map_tells_what_changed() -> None:
    image = ORIGINAL.copy()
    image.paste("black", (0, 0, 4, 8))
    shown = heat_map(result(image=image), ORIGINAL).convert("L")
    assert shown.getpixel((1, 1)) > shown.getpixel((6, 6))  # pyright: ignore[reportOperatorIssue]


def test_the_reconstruction_is_shown_where_there_is_one() -> None:
    plain = [label for _, label in side_by_side(result(), ORIGINAL)]
    assert plain == ["original", "edit", "where it acted"]
    more = result(reconstruction=ORIGINAL, reconstruction_psnr=30.0)
    assert side_by_side(more, ORIGINAL)[1][1] == "reconstruction (30.0 dB)"


def test_candidates_are_named_by_seed_and_agreement() -> None:
    assert candidates_of(result()) == []
    several = result(others=(result(agreement=0.25),))
    assert [label for _, label in candidates_of(several)] == ["1: seed 0", "2: seed 0, agreement +0.25"]


def test_what_people_typed_is_no_markup() -> None:
    assert "<b>" not in notices(["took <b>it</b> to be a cat"])
    assert notices([]) == ""


def test_progress_tells_the_step() -> None:
    bar = progress_bar(Seen("edit", 7, 20), {"edit": "Editing"})
    assert "Editing: step 7 of 20" in bar
    assert 'value="7" max="20"' in bar


def test_only_the_stages_that_were_gone_through_are_told_of() -> None:
    assert "caption" in told(result(), 3.0, ["caption", "edit"])
    assert "caption" not in told(result(), 2.0, ["edit"])
