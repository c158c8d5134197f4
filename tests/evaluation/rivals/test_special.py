"""What is special to each method without training: on tiny random models, or on the bundled ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, cast

import pytest
import torch
from PIL import Image
from pix2pix_onthefly.evaluation.rivals.fixed_direction import FixedDirection

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.evaluation.rivals import make_method
from pix2pix_onthefly.evaluation.rivals.diffusers_zero import DiffusersZero
from pix2pix_onthefly.evaluation.rivals.ledits import fitted_to_32, for_channels, token_counts
from pix2pix_onthefly.inversions.ddim import invert
from pix2pix_onthefly.methods import attention_guidance
from pix2pix_onthefly.methods.direction import edit_direction
from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.pictures.fitting import psnr
from pix2pix_onthefly.records import EditCaptions, GuidedEdit
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject
from tests.evaluation.rivals.cases import CASE, only, quick
from tests.helpers import AFTER, BEFORE, difference, report

FOX = Scene("field", (SceneObject("fox", None, 0.5, 0.53, 0.62),))


@cache
def mini() -> Editor:
    """The bundled models; no test may change them."""
    return Editor.load("mini", device="cpu")


@pytest.mark.parametrize("name", ["ledits++", "pix2pix-zero-diffusers", "sdedit-0.5"])
def test_the_editors_own_edits_are_not_affected(editor: Editor, options: EditOptions, name: str) -> None:
    """Pipelines that replace attention or collect gradients leave the editor's model as it was."""

    def own() -> bytes:
        captions = {"caption": CASE.source_caption, "before": CASE.captions.before, "after": CASE.captions.after}
        short = options.with_changes(steps=2)
        return editor.edit(CASE.picture, "", options=short, **cast("Any", captions)).image.tobytes()

    before, attention = own(), dict(editor.diffusion.unet.attn_processors)
    only(quick(name, editor, options), CASE)
    assert editor.diffusion.unet.attn_processors == attention
    assert not any(weight.requires_grad for weight in editor.diffusion.unet.parameters())
    assert own() == before


def test_diffusers_pix2pix_zero_is_ours(editor: Editor) -> None:
    """The same captions, steps and guidance, no regularisation: the same picture within 1e-3 of its largest value."""
    options = editor.options(steps=6, guidance_scale=5.0)
    method = make_method("pix2pix-zero-diffusers", editor, options, regularisation_rounds=0)
    assert isinstance(method, DiffusersZero)
    captions = EditCaptions(tuple(BEFORE), tuple(AFTER), "given")
    theirs = method.edited(replace(CASE, captions=captions))
    diffusion = editor.diffusion
    inversion = invert(diffusion, method.encoded([CASE]), CASE.source_caption, options)
    edit = GuidedEdit(inversion, edit_direction(diffusion, captions.before, captions.after))
    (made,) = attention_guidance.edit(diffusion, [edit], options)
    ours = diffusion.decode(made.edited).clamp(-1, 1)
    report("pix2pix-zero of diffusers", difference(ours, theirs))
    assert difference(ours, theirs) < 1e-3
    assert difference(diffusion.decode(made.unedited).clamp(-1, 1), theirs) > 1e-2  # there is something to compare


def test_ddim_can_guide_away_from_the_source_caption(editor: Editor, options: EditOptions) -> None:
    pictures = {
        negative: only(make_method("ddim", editor, options, negative=negative), CASE).image.tobytes()
        for negative in ("empty", "source")
    }
    assert pictures["empty"] != pictures["source"]
    unguided = options.with_changes(guidance_scale=0.0)
    method = make_method("ddim", editor, unguided, negative="source")
    reconstruction = editor.edit(
        CASE.picture, "", options=options, caption=CASE.source_caption, before=BEFORE[:1], after=AFTER[:1]
    ).reconstruction
    assert psnr(only(method, CASE).image, reconstruction) > 50  # at guidance 0 it regenerates the picture


def test_fixed_directions_depend_on_the_changed_phrases_alone(
    editor: Editor, options: EditOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = make_method("pix2pix-zero-fixed", editor, options)
    assert isinstance(method, FixedDirection)
    direction = method.direction(EditCaptions(("a cat on the table",), ("a dog on the table",), "given"))
    monkeypatch.setattr(editor.diffusion, "embed", lambda texts: pytest.fail("it should have been kept"))
    again = method.direction(EditCaptions(("a cat in the red snow",), ("a dog in the red snow",), "given"))
    assert torch.equal(direction, again)
    assert direction.abs().max() > 0


def test_fixed_directions_are_those_of_the_sentences(editor: Editor, options: EditOptions) -> None:
    """The rest is our guided edit: the same picture as ours with that direction, and the same reconstruction."""
    method = make_method("pix2pix-zero-fixed", editor, options)
    assert isinstance(method, FixedDirection)
    sentences = method.pool.sentences(("a red cat", "a blue dog"))
    assert len(sentences[0]) == len(sentences[1]) > 200
    assert all("a red cat" in old and "a blue dog" in new for old, new in zip(*sentences, strict=True))
    direction = edit_direction(editor.diffusion, *sentences)
    ours = editor.edit(CASE.picture, "", options=options, caption=CASE.source_caption, direction=direction)
    made = only(method, CASE)
    assert made.image.tobytes() == ours.image.tobytes()
    assert made.reconstruction is not None
    assert made.reconstruction.tobytes() == ours.reconstruction.tobytes()


def test_nothing_changes_where_the_captions_say_the_same(editor: Editor, options: EditOptions) -> None:
    method = make_method("pix2pix-zero-fixed", editor, options.with_changes(cross_attention_guidance=0.0))
    made = only(method, replace(CASE, captions=EditCaptions(("a cat",), ("A cat.",), "given")))
    assert made.reconstruction is not None
    assert psnr(made.image, made.reconstruction) > 50


def test_sdedit_with_hardly_any_noise_returns_the_picture() -> None:
    """On the bundled models; with more noise less of the picture is left."""
    case = replace(CASE, picture=render(FOX), captions=EditCaptions(("",), ("a cat in a grassy field",), "given"))
    options = mini().options(steps=50)
    little, more = (
        psnr(only(make_method("sdedit-0.3", mini(), options, strength=strength), case).image, case.picture)
        for strength in (0.02, 0.3)
    )
    report("sdedit at strength 0.02, dB", little)
    assert little > 27
    assert more < little - 3


def test_ledits_takes_the_bundled_models_sixteen_channels() -> None:
    """And what it does not edit stays: the corner of the sky is the picture's own."""
    captions = EditCaptions(("a fox in a grassy field",), ("a cat in a grassy field",), "given")
    case = replace(CASE, picture=render(FOX), captions=captions)
    edited = only(make_method("ledits++", mini(), mini().options(steps=8)), case).image
    corner = (0, 0, 128, 24)
    assert psnr(edited.crop(corner), case.picture.crop(corner)) > 25
    assert psnr(edited, case.picture) < 25


def test_ledits_mended_call_is_diffusers_own_with_four_channels(editor: Editor, options: EditOptions) -> None:
    method: Any = make_method("ledits++", editor, options)
    own, kind = only(method, CASE), type(method.pipeline)
    assert kind.__call__ is kind.__mro__[1].__call__
    kind.__call__ = for_channels(kind.__call__, 4)
    assert only(method, CASE).image.tobytes() == own.image.tobytes()


def test_ledits_counts_tokens_without_padding(editor: Editor, options: EditOptions) -> None:
    """Only the prompt's own tokens count as attention to it, in the pipeline too."""
    prompts = ["a red cat", "the table"]
    assert token_counts(editor.diffusion.tokenizer, prompts).tolist() == [3, 2]
    method: Any = make_method("ledits++", editor, options)
    method.pipeline.batch_size = 1
    _, _, counts = method.pipeline.encode_prompt(editor.device, 1, True, editing_prompt=prompts)
    assert counts.tolist() == [3, 2]


@pytest.mark.parametrize(
    ("size", "expected"), [((512, 512), (512, 512)), ((500, 333), (512, 352)), ((40, 400), (64, 512))]
)
def test_ledits_works_on_multiples_of_32(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitted_to_32(Image.new("RGB", size), 512).size == expected
