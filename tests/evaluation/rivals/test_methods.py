"""What holds for every rival without training, on tiny random models."""

from __future__ import annotations

from typing import Any

import pytest

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.evaluation.rivals import RIVALS, register_rivals
from pix2pix_onthefly.evaluation.rivals.options import HiveOptions
from pix2pix_onthefly.methods.table import METHODS
from tests.methods import cases
from tests.methods.cases import edited, quick

UNTRAINED = ("pix2pix-zero-diffusers", "ledits++")


@pytest.mark.parametrize("name", UNTRAINED)
def test_edits_repeat_and_obey_the_captions_alone_and_together(editor: Editor, name: str) -> None:
    cases.edits_repeat_and_obey_the_captions_alone_and_together(editor, name)


@pytest.mark.parametrize("name", UNTRAINED)
def test_oblong_pictures_come_back_at_their_size(editor: Editor, name: str) -> None:
    cases.an_oblong_picture_comes_back_at_its_size(editor, name)


@pytest.mark.parametrize("name", UNTRAINED)
def test_the_editors_own_edits_are_not_affected(editor: Editor, name: str) -> None:
    cases.the_editors_own_edits_are_not_affected(editor, name)


@pytest.mark.parametrize("name", UNTRAINED)
def test_the_seed_matters(editor: Editor, name: str) -> None:
    pictures = {edited(editor, quick(editor, name, seed=seed)).image.tobytes() for seed in (5, 1)}
    assert len(pictures) == 2


def test_rivals_are_methods_that_only_evaluate_offers() -> None:
    register_rivals()
    register_rivals()
    assert [METHODS[row.options.name] for row in RIVALS] == list(RIVALS)
    assert all(row.about and not row.listed for row in RIVALS)


def test_guidance_scales_that_were_published_for_stable_diffusion_move_with_the_familys() -> None:
    """Those of rivals with weights of their own stay, whatever guidance the editor's own family needs."""
    small = Editor.load("mini", device="cpu")
    assert small.options(method="pix2pix-zero-diffusers").flat()["guidance_scale"] == pytest.approx(1.5)
    assert small.options(method="ledits++").flat()["edit_guidance_scale"] == pytest.approx(1.5)
    trained = small.options(method="instruct-pix2pix").flat()
    assert (trained["guidance_scale"], trained["image_guidance_scale"]) == (7.5, 1.5)
    assert (trained["suffix"], trained["steps"]) == ("", 100)
    assert small.options(method="hive").method == HiveOptions()


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("ledits", {}, "there is no method 'ledits'"),
        ("ledits++", {"prompts": "words"}, "prompts must be one of captions, phrases"),
        ("ledits++", {"skip": 1.0}, "skip must lie between 0 and 0.99"),
        ("ledits++", {"use_intersect_mask": 1}, "use_intersect_mask must be of type bool, not int"),
        ("pix2pix-zero-diffusers", {"rounds": -1}, "rounds must lie between 0 and 50"),
        ("pix2pix-zero-diffusers", {"rolls": 1.5}, "rolls must be of type int, not float"),
        ("instruct-pix2pix", {"trained": None}, "there is no option 'trained' with the method instruct-pix2pix"),
        ("hive", {"weights": 3}, "weights must be of type str, not int"),
    ],
)
def test_mistakes_get_one_sentence(editor: Editor, name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        editor.options(method=name, **changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
