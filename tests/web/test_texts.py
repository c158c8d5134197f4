"""Captions that were changed by hand."""

from __future__ import annotations

import pytest

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.web.texts import as_lines, corrected, of_lines

from .results import CAPTIONS


def test_captions_are_one_a_line() -> None:
    assert of_lines(" a cat \n\n a dog\n") == ("a cat", "a dog")
    assert as_lines(("a cat", "a dog")) == "a cat\na dog"


def test_captions_left_as_they_were_keep_their_history() -> None:
    assert corrected(CAPTIONS, "a cat", "a dog") is CAPTIONS


def test_changed_captions_count_as_given_and_the_edit_stays_of_its_kind() -> None:
    changed = corrected(CAPTIONS, "a cat", "a red dog")
    assert (changed.after, changed.outcome, changed.kind) == (("a red dog",), "given", "replace")


def test_captions_can_be_written_before_anything_was_edited() -> None:
    assert corrected(None, "a cat", "a dog").outcome == "given"


@pytest.mark.parametrize(("before", "after"), [("", "a dog"), ("a cat", " \n"), (None, None)])
def test_a_side_without_captions_is_refused(before: str | None, after: str | None) -> None:
    with pytest.raises(InputError, match="at least one caption before and one after"):
        corrected(CAPTIONS, before, after)
