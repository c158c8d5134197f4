"""What a visit remembers, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.pictures.saving import read_recipe
from pix2pix_onthefly.web import visit as visits
from pix2pix_onthefly.web.visit import Visit, Visits, saved

from .results import result

PICTURE = Image.new("RGB", (8, 8))


def test_undo_goes_back_to_what_was_looked_at_and_keeps_the_history() -> None:
    first = Visit().added(result("red"), PICTURE)
    second = first.added(result("blue"), PICTURE)
    back = second.undone()
    assert back.entry == first.entry
    assert len(back.entries) == 2
    assert back.undone().entry is None


def test_an_edit_made_after_going_back_is_undone_to_where_it_was_made() -> None:
    two = Visit().added(result("red"), PICTURE).added(result("blue"), PICTURE)
    third = two.looking_at(0).added(result("green"), PICTURE)
    assert third.place == 2
    assert third.undone().place == 0


def test_undo_of_an_edit_whose_predecessor_was_forgotten_ends_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "MOST_EDITS", 1)
    two = Visit().added(result("red"), PICTURE).added(result("blue"), PICTURE)
    assert len(two.entries) == 1
    assert two.undone().entry is None


def test_a_place_that_the_history_lacks_is_refused() -> None:
    with pytest.raises(InputError, match="choose one of the history"):
        Visit().looking_at(0)


def test_a_chosen_candidate_takes_the_shown_ones_place() -> None:
    others = (result("green"), result("blue"))
    chosen = Visit().added(result("red", others=others), PICTURE).choosing(2)
    assert chosen.entry is not None
    assert chosen.entry.result.image.getpixel((0, 0)) == (0, 0, 255)
    assert [one.image.getpixel((0, 0)) for one in chosen.entry.result.others] == [(255, 0, 0), (0, 128, 0)]
    with pytest.raises(InputError, match="no such candidate"):
        chosen.choosing(3)


def test_nobody_sees_the_visit_of_another() -> None:
    held = Visits()
    held.keep("one", Visit().added(result(), PICTURE))
    assert held.of("another").entries == ()
    assert len(held.of("one").entries) == 1


def test_a_visit_whose_page_was_closed_is_forgotten_and_its_edit_stopped() -> None:
    held = Visits()
    stop = held.starting("one")
    held.keep("one", Visit().added(result(), PICTURE))
    held.forget("one")
    assert stop.is_set()
    assert held.of("one").entries == ()


def test_visits_that_nobody_goes_on_with_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    held = Visits(lambda: now[0])
    held.of("idle")
    now[0] = visits.LONGEST_IDLE + 1
    held.of("new")
    assert len(held) == 1
    monkeypatch.setattr(visits, "MOST_VISITS", 2)
    held.of("second")
    held.of("third")
    assert len(held) == 2


def test_a_download_carries_its_recipe(tmp_path: Path) -> None:
    path = saved(result(), tmp_path)
    assert path.name == "edited.png"
    assert read_recipe(path)["instruction"] == "make the cat a dog"
    assert saved(result(), tmp_path) != path
