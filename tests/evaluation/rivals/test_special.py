"""What is special to each rival without training: on tiny random models, or on the bundled ones."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from diffusers import LEditsPPPipelineStableDiffusion
from PIL import Image

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.evaluation.rivals import ledits
from pix2pix_onthefly.evaluation.rivals.diffusers_pix2pix_zero import DiffusersPix2PixZero
from pix2pix_onthefly.evaluation.rivals.diffusers_zero import DiffusersZero
from pix2pix_onthefly.evaluation.rivals.ledits import fitted_to_32, for_channels, token_counts
from pix2pix_onthefly.inversions.ddim import invert
from pix2pix_onthefly.methods import attention_guidance
from pix2pix_onthefly.methods.attention_guidance import GuidedEdit
from pix2pix_onthefly.methods.direction import edit_direction
from pix2pix_onthefly.models import loading
from pix2pix_onthefly.pictures.fitting import psnr
from pix2pix_onthefly.records import EditCaptions
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject
from tests.helpers import AFTER, BEFORE, difference, networks_of, record_returns, report, tiny_diffusion
from tests.methods.cases import case_of, edited, quick

FOX = Scene("field", (SceneObject("fox", None, 0.5, 0.53, 0.62),))


@cache
def mini() -> Editor:
    """The bundled models; no test may change them."""
    return Editor.load("mini", device="cpu")


def test_diffusers_pix2pix_zero_is_ours(editor: Editor) -> None:
    """The same captions, steps and guidance, no regularisation: the same picture within 1e-3 of its largest value."""
    captions, diffusion = EditCaptions(BEFORE, AFTER, "given"), networks_of(editor)
    theirs_options = editor.options(method="pix2pix-zero-diffusers", steps=6, rounds=0)
    method = editor.executor.method(theirs_options.method)
    assert isinstance(method, DiffusersZero)
    case = case_of(diffusion, theirs_options, captions=captions)
    theirs = method.edited(diffusion, case, theirs_options)
    options = editor.options(method="attention", steps=6, guidance_scale=theirs_options.flat()["guidance_scale"])
    inversion = invert(diffusion, case.latents, BEFORE[0], options)
    edit = GuidedEdit(inversion, edit_direction(diffusion, captions.before, captions.after))
    (found,) = attention_guidance.edit(diffusion, [edit], options)
    assert isinstance(found.made, torch.Tensor)
    assert found.unedited is not None
    ours = diffusion.decode(found.made).clamp(-1, 1)
    report("pix2pix-zero of diffusers", difference(ours, theirs))
    assert difference(ours, theirs) < 1e-3
    assert difference(diffusion.decode(found.unedited).clamp(-1, 1), theirs) > 1e-2  # there is something to compare


def test_a_rival_works_on_the_model_as_it_stands_at_the_time_of_the_edit(
    tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With little memory on a CPU the model is dropped while the language model works, and loaded anew: the rival takes
    the one it is lent, and the same edits come out as with all models held."""
    rival = "pix2pix-zero-diffusers"
    low, plain = (Editor.load(tiny_family, device="cpu", low_vram=flag) for flag in (True, False))
    loaded = record_returns(monkeypatch, loading, "load_backbone")
    worked_on: list[Any] = []
    original = DiffusersPix2PixZero.__init__

    def noting(self: DiffusersPix2PixZero, diffusion: Any) -> None:
        worked_on.append(diffusion)
        original(self, diffusion)

    monkeypatch.setattr(DiffusersPix2PixZero, "__init__", noting)
    options = quick(low, rival, attempts=1)
    for _ in range(2):  # the second time round with the method that the first has made
        edited(low, options, captions=None)
    assert [id(diffusion) for diffusion in worked_on] == [id(loaded[1]), id(loaded[2])]
    assert edited(low, options).image.tobytes() == edited(plain, options).image.tobytes()


def test_a_rival_keeps_no_network_once_its_edit_is_over(editor: Editor) -> None:
    """A copy that it kept would stay where it was, and take memory, when the model moves."""
    for name in ("pix2pix-zero-diffusers", "ledits++"):
        options = quick(editor, name)
        edited(editor, options)
        method = editor.executor.method(options.method)
        assert set(vars(method)) == {"models"}, name


def test_the_pipeline_moves_with_the_model() -> None:
    """All that a pipeline holds is on the model's device, its own copy of the UNet too; and in its precision."""
    moved, half = tiny_diffusion(), tiny_diffusion(dtype=torch.bfloat16)
    moved.to(torch.device("meta"))
    for diffusion in (moved, half):
        pipeline = DiffusersPix2PixZero(diffusion).pipeline
        for network in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
            assert (network.device.type, network.dtype) == (diffusion.device.type, diffusion.dtype)
        assert pipeline.unet is not diffusion.unet


def test_rivals_of_other_networks_are_refused_in_a_sentence(editor: Editor) -> None:
    for name in ("pix2pix-zero-diffusers", "ledits++"):
        options, other = quick(editor, name), object()
        with pytest.raises(OptionError, match="works on Stable Diffusion's networks alone; choose another --method"):
            editor.executor.method(options.method).edit(other, [], options)  # pyright: ignore[reportArgumentType]


def test_ledits_takes_the_bundled_models_sixteen_channels() -> None:
    """And what it does not edit stays: the corner of the sky is the picture's own."""
    captions, picture = EditCaptions(("a fox in a grassy field",), ("a cat in a grassy field",), "given"), render(FOX)
    found = edited(mini(), mini().options(method="ledits++", steps=8, seed=5), picture=picture, captions=captions)
    corner, middle = (0, 0, 128, 24), (32, 32, 96, 96)
    assert psnr(found.image.crop(corner), picture.crop(corner)) > 30
    assert psnr(found.image.crop(middle), picture.crop(middle)) < 25


def test_ledits_can_be_told_the_changed_phrases_alone(editor: Editor) -> None:
    pictures = {
        edited(editor, quick(editor, "ledits++", prompts=prompts)).image.tobytes()
        for prompts in ("captions", "phrases")
    }
    assert len(pictures) == 2


def test_ledits_mended_call_is_diffusers_own_with_four_channels(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = edited(editor, quick(editor, "ledits++"))
    kinds = record_returns(monkeypatch, ledits, "_pipeline_class")
    edited(editor, quick(editor, "ledits++"))
    assert kinds[0].__call__ is LEditsPPPipelineStableDiffusion.__call__
    monkeypatch.setattr(LEditsPPPipelineStableDiffusion, "__call__", for_channels(kinds[0].__call__, 4))
    assert edited(editor, quick(editor, "ledits++")).image.tobytes() == own.image.tobytes()


def test_ledits_counts_tokens_without_padding(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the prompt's own tokens count as attention to it, in the pipeline too."""
    prompts = ["a red cat", "the table"]
    assert token_counts(networks_of(editor).tokenizer, prompts).tolist() == [3, 2]
    kinds = record_returns(monkeypatch, ledits, "_pipeline_class")
    pipelines = record_returns(monkeypatch, ledits, "pipeline_of")
    edited(editor, quick(editor, "ledits++"))
    assert isinstance(pipelines[0], kinds[0])
    pipelines[0].batch_size = 1
    _, _, counts = pipelines[0].encode_prompt(editor.device, 1, True, editing_prompt=prompts)
    assert counts.tolist() == [3, 2]


@pytest.mark.parametrize(
    ("size", "expected"), [((512, 512), (512, 512)), ((500, 333), (512, 352)), ((40, 400), (64, 512))]
)
def test_ledits_works_on_multiples_of_32(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitted_to_32(Image.new("RGB", size), 512).size == expected
