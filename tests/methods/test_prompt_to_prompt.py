"""Prompt-to-prompt: its maps against plain loops, and what must come of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix_onthefly.backbones.attention_control import control_attention
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.methods.local_blend import LocalBlend, cells_of
from pix2pix_onthefly.methods.map_replacement import MapReplacement
from pix2pix_onthefly.methods.token_alignment import TokenAlignment, align_tokens
from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.records import EditCaptions, Edited
from tests.helpers import BEFORE, CROSS_LAYERS, difference, networks_of, random_latents
from tests.methods.cases import ANOTHER, CAPTIONS, edited, job, quick

TEXTS = [("a red cat", "a blue cat"), ("a red cat", "a red xyz on the table")]
EDITS = len(TEXTS)


@pytest.fixture
def alignments(diffusion: LatentDiffusion) -> list[TokenAlignment]:
    return [align_tokens(texts, (diffusion.spans(texts[0]), diffusion.spans(texts[1]))) for texts in TEXTS]


def random_maps(rows: int, positions: int = 16, seed: int = 0) -> Tensor:
    """[rows, 2 heads, positions, tokens], distributions over tokens."""
    return torch.randn(rows, 2, positions, 77, generator=torch.Generator().manual_seed(seed)).softmax(-1)


@pytest.mark.parametrize("reweight", [1.0, 2.5])
def test_maps_are_put_together_as_a_plain_loop_does(alignments: list[TokenAlignment], reweight: float) -> None:
    """Token by token; the rows of the empty text and those of the pictures stay as they are."""
    maps = random_maps(4 * EDITS)
    found = MapReplacement(alignments, reweight, torch.device("cpu")).cross_attention(maps)
    assert torch.equal(found[: 3 * EDITS], maps[: 3 * EDITS])
    for edit, alignment in enumerate(alignments):
        picture, own = maps[2 * EDITS + edit], maps[3 * EDITS + edit]
        expected = torch.zeros_like(own)
        for token in range(77):
            places = alignment.mapper[:, token].nonzero().flatten().tolist()
            for place in places:
                expected[:, :, token] += picture[:, :, place] * alignment.mapper[place, token]
            if not places:
                expected[:, :, token] = own[:, :, token]
            if alignment.new[token]:
                expected[:, :, token] *= reweight
        assert difference(found[3 * EDITS + edit], expected) < 1e-6


def test_self_attention_of_edits_is_the_pictures_own(alignments: list[TokenAlignment]) -> None:
    control = MapReplacement(alignments, 1.0, torch.device("cpu"))
    query, key = torch.randn(2, 4 * EDITS, 2, 16, 8, generator=torch.Generator().manual_seed(0)).unbind(0)
    for before, after in zip((query, key), control.self_attention(query, key), strict=True):
        assert torch.equal(after[: 3 * EDITS], before[: 3 * EDITS])
        assert torch.equal(after[3 * EDITS :], before[2 * EDITS : 3 * EDITS])
    control.of_positions = False
    assert control.self_attention(query, key)[0] is query


def test_layers_of_many_positions_keep_their_self_attention(alignments: list[TokenAlignment]) -> None:
    fine = torch.zeros(4 * EDITS, 1, 33**2, 1)
    assert MapReplacement(alignments, 1.0, torch.device("cpu")).self_attention(fine, fine)[0] is fine


def test_the_region_is_where_changed_words_look(alignments: list[TokenAlignment]) -> None:
    """One cell of the picture for the word that is gone, another of the edit for the new one, each with its rim; over
    all steps. The layer nearest to 16x16 counts."""
    blend = LocalBlend(alignments[:1], 0.3, torch.device("cpu"))
    picture, edit, coarse = torch.zeros(1, 2, 256, 77), torch.zeros(1, 2, 256, 77), torch.ones(1, 2, 64, 77)
    picture[:, :, 2 * 16 + 3, 2] = 1.0
    picture[:, :, 9 * 16 + 9, 3] = 9.0  # `cat`, which stays
    blend.watch([(coarse, coarse), (picture, edit)])
    edit[:, :, 12 * 16 + 13, 2] = 0.5
    blend.watch([(picture, edit)])
    expected = torch.zeros(1, 1, 32, 32)
    expected[:, :, 2:8, 4:10] = 1
    expected[:, :, 22:28, 24:30] = 1
    assert torch.equal(blend.regions(32, 32), expected)


@pytest.mark.parametrize(
    ("positions", "height", "width", "cells"),
    [(256, 64, 64, (16, 16)), (12 * 20, 24, 40, (12, 20)), (3 * 5, 5, 9, (3, 5)), (35, 5, 7, (5, 7))],
)
def test_layers_have_half_of_either_side(positions: int, height: int, width: int, cells: tuple[int, int]) -> None:
    assert cells_of(positions, height, width) == cells


@torch.no_grad()
def test_the_unet_is_restored(diffusion: LatentDiffusion, alignments: list[TokenAlignment]) -> None:
    """The very same processors afterwards, also after an error; meanwhile all layers ask, and a control that changes
    nothing changes nothing."""
    held = dict(diffusion.unet.attn_processors)
    latents, context = random_latents(rows=4 * EDITS), diffusion.embed(["a red cat"] * 4 * EDITS)
    plain = diffusion.predict_noise(latents, 501, context)
    control = MapReplacement(alignments, 1.0, torch.device("cpu"))
    with diffusion.controlled(control):
        control.recording = True
        assert difference(diffusion.predict_noise(latents, 501, context), plain) > 1e-3
        assert len(control.take()) == CROSS_LAYERS
        control.of_words = control.of_positions = control.recording = False
        assert difference(diffusion.predict_noise(latents, 501, context), plain) < 1e-5
    assert diffusion.unet.attn_processors == held
    with pytest.raises(RuntimeError), control_attention(diffusion.unet, control):
        raise RuntimeError("out of memory")
    assert diffusion.unet.attn_processors == held
    assert torch.equal(diffusion.predict_noise(latents, 501, context), plain)


def results(editor: Editor, options: EditOptions, *captions: EditCaptions) -> list[Edited]:
    """Edits of one picture in one batch."""
    method, executor = editor.executor.method(options.method), editor.executor
    (draft,) = executor.prepared([executor.begun(job(options))], [method], lambda *_: None)
    from tests.methods.cases import case_of

    case = case_of(networks_of(editor), options, picture=draft.prepared())
    return method.edit(networks_of(editor), [replace(case, captions=one) for one in captions], options)


@pytest.mark.parametrize("changes", [{}, {"blend": False}, {"inversion": "null-text", "null_text_steps": 1}])
def test_equal_captions_change_nothing(editor: Editor, changes: dict[str, Any]) -> None:
    """The edit is the picture's own sampling to the bit, also beside an edit that changes something."""
    options = quick(editor, "prompt-to-prompt", steps=4, **changes)
    nothing, something = results(editor, options, EditCaptions((BEFORE[0],), (BEFORE[0],), "given"), CAPTIONS)
    assert isinstance(nothing.made, Tensor)
    assert nothing.unedited is not None
    assert torch.allclose(nothing.made, nothing.unedited, atol=1e-5)
    assert isinstance(something.made, Tensor)
    assert something.unedited is not None
    assert not torch.allclose(something.made, something.unedited, atol=1e-2)


def test_outside_its_region_the_edit_is_the_pictures_own_sampling(editor: Editor) -> None:
    (made,) = results(editor, quick(editor, "prompt-to-prompt", steps=4, blend_threshold=0.8), CAPTIONS)
    assert isinstance(made.made, Tensor)
    assert made.unedited is not None
    assert made.mask is not None
    outside = (made.made - made.unedited)[(made.mask == 0).expand_as(made.made)]
    assert 0 < len(outside) < made.made.numel()
    assert outside.abs().max() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"cross_replace_share": 0.0},
        {"self_replace_share": 1.0},
        {"swapped_words": "refine"},
        {"reweight": 3.0},
        {"blend_threshold": 0.9},
        {"inversion": "null-text"},
    ],
)
def test_settings_are_used(editor: Editor, change: dict[str, Any]) -> None:
    usual = edited(editor, quick(editor, "prompt-to-prompt", steps=4), picture=ANOTHER)
    other = edited(editor, quick(editor, "prompt-to-prompt", steps=4, **change), picture=ANOTHER)
    assert other.image.tobytes() != usual.image.tobytes()
