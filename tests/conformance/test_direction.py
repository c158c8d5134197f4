"""The edit direction against its definition, its file format, and what it does to an edit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.errors import InputError, OutputError
from pix2pix_onthefly.methods.direction import edit_direction, load_direction, save_direction
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from pix2pix_onthefly.records import Conditioning
from tests.helpers import (
    AFTER,
    BEFORE,
    TOKENS,
    WIDTH,
    difference,
    edited,
    guided,
    guided_edits,
    inversion_of,
    random_latents,
    report,
)

OPTIONS = EditOptions.of(AttentionOptions(), steps=3)


@torch.no_grad()
def by_hand(diffusion: LatentDiffusion) -> Tensor:
    """Paper Eq. 1 and 2, one caption and one token position at a time, without our `embed`."""
    result = torch.zeros(1, TOKENS, WIDTH)
    for captions, sign in ((AFTER, 1), (BEFORE, -1)):
        for caption in captions:
            ids = diffusion.tokenizer(caption).input_ids
            ids += [diffusion.tokenizer.pad_token_id] * (TOKENS - len(ids))
            hidden = diffusion.text_encoder(torch.tensor([ids])).last_hidden_state
            for position in range(TOKENS):
                result[0, position] += sign * hidden[0, position] / len(captions)
    return result


def test_direction_is_the_difference_of_means(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """Two captions before and three after, against a loop over captions and positions: within 1e-5."""
    report("direction against a loop", difference(direction, by_hand(diffusion)))
    assert direction.shape == (1, TOKENS, WIDTH)
    assert direction.dtype == torch.float32
    assert difference(direction, by_hand(diffusion)) < 1e-5


def test_first_position_does_not_change(direction: Tensor) -> None:
    """The text encoder is causal, so the first position sees only the start token: its row is 0 within 1e-6 of the
    largest value."""
    assert direction[0, 0].abs().max() < 1e-6 * direction.abs().max()
    assert direction[0, 2].abs().max() > 0.01


def test_direction_of_one_caption_each(diffusion: LatentDiffusion) -> None:
    """One caption each: the plain difference of two embeddings, and its negative the other way round, exactly."""
    before, after = diffusion.embed([BEFORE[0]]), diffusion.embed([AFTER[0]])
    there = edit_direction(diffusion, BEFORE[:1], AFTER[:1]).hidden
    assert torch.equal(there, after - before)
    assert torch.equal(edit_direction(diffusion, AFTER[:1], BEFORE[:1]).hidden, -there)
    assert not edit_direction(diffusion, BEFORE, BEFORE).hidden.any()


@pytest.mark.parametrize(("before", "after"), [((), AFTER), (BEFORE, ())])
def test_direction_needs_both_sides(
    diffusion: LatentDiffusion, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    """An empty side is refused."""
    with pytest.raises(InputError, match="at least one caption"):
        edit_direction(diffusion, before, after)


def test_direction_survives_a_file(direction: Tensor, tmp_path: Path) -> None:
    """Saved and loaded: the same values; a half-precision file comes back as float32."""
    save_direction(Conditioning(direction), tmp_path / "there.safetensors", note="cats to dogs")
    assert torch.equal(load_direction(tmp_path / "there.safetensors").hidden, direction)
    save_direction(Conditioning(direction.half()), tmp_path / "half.safetensors")
    assert torch.equal(load_direction(tmp_path / "half.safetensors").hidden, direction.half().float())


def test_unwritable_place(direction: Tensor, tmp_path: Path) -> None:
    """A folder that is not there is an OutputError."""
    with pytest.raises(OutputError, match="cannot write the direction"):
        save_direction(Conditioning(direction), tmp_path / "missing" / "there.safetensors")


@pytest.mark.parametrize("kind", ["missing", "text", "empty", "other key", "flat", "infinite", "folder"])
def test_files_that_are_no_direction(tmp_path: Path, kind: str) -> None:
    """Each of them is an InputError that names the file."""
    path = tmp_path / "there.safetensors"
    tensors = {
        "other key": {"weight": torch.zeros(1, 2, 3)},
        "flat": {"direction": torch.zeros(2, 3)},
        "infinite": {"direction": torch.full((1, 2, 3), torch.inf)},
    }
    if kind in tensors:
        save_file(tensors[kind], path)
    elif kind in ("text", "empty"):
        path.write_text("no weights at all, but some text" if kind == "text" else "")
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=r"there\.safetensors"):
        load_direction(path)


def test_direction_scale_multiplies_the_direction(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """Scale 2 equals twice the direction bit for bit, scale 0 equals no direction, and -1 differs from 1."""
    noise = random_latents()
    doubled = edited(diffusion, noise, direction, OPTIONS.with_changes(direction_scale=2.0))
    none = edited(diffusion, noise, direction, OPTIONS.with_changes(direction_scale=0.0))
    back = edited(diffusion, noise, direction, OPTIONS.with_changes(direction_scale=-1.0))
    assert torch.equal(doubled, edited(diffusion, noise, 2 * direction, OPTIONS))
    assert torch.equal(none, edited(diffusion, noise, torch.zeros_like(direction), OPTIONS))
    assert difference(back, edited(diffusion, noise, direction, OPTIONS)) > 0.01


def test_no_direction_reconstructs(diffusion: LatentDiffusion, direction: Tensor) -> None:
    """Without a direction both rows equal the reference pass, so the edit is the reconstruction: within 1e-4."""
    inversion = inversion_of(random_latents(), OPTIONS.steps)
    (same,) = guided_edits(diffusion, [guided(inversion, torch.zeros_like(direction))], OPTIONS)
    report("edit without a direction against the reconstruction", difference(same.edited, same.unedited))
    assert difference(same.edited, same.unedited) < 1e-4
