"""The guided step in half precision: float16 needs a scaled loss, bfloat16 does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from pix2pix_onthefly.backbones import gradients
from pix2pix_onthefly.backbones.attention import record_cross_attention
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.methods import attention_guidance
from pix2pix_onthefly.records import Conditioning
from tests.helpers import AFTER, CAPTION, random_latents, report, tiny_diffusion

TIMESTEP = 501
LARGEST = gradients.LARGEST_LOSS_SCALE
FAINT = 1e-5
"""On what the attention distance is multiplied, so that its gradients are as small as those of Stable Diffusion."""


def gradient_of(diffusion: LatentDiffusion, monkeypatch: pytest.MonkeyPatch, largest_scale: int) -> Tensor:
    """What one guided step moves latents by, for an amount of one."""
    whole = attention_guidance.attention_distance

    def faint(maps: Sequence[Tensor], reference: Sequence[Tensor]) -> Tensor:
        return whole(maps, reference) * FAINT

    monkeypatch.setattr(attention_guidance, "attention_distance", faint)
    monkeypatch.setattr(gradients, "LARGEST_LOSS_SCALE", largest_scale)
    rows = random_latents()
    conditioning = Conditioning(diffusion.embed([AFTER[0]])).to(diffusion.dtype)
    with record_cross_attention(diffusion.unet) as recorded, torch.no_grad():
        diffusion.predict_noise(random_latents(seed=2), TIMESTEP, diffusion.embed([CAPTION]))
        reference = recorded.take()
        moved = attention_guidance.guide(diffusion, recorded, rows, TIMESTEP, [conditioning], reference, 1.0)
    monkeypatch.setattr(attention_guidance, "attention_distance", whole)
    return rows - moved


def error_of(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference, relative to what was expected."""
    return float((found - expected).norm() / expected.norm())


def test_a_scaled_loss_keeps_the_float16_step_near_float32s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 5 % with the scale; without it most of the gradient is lost."""
    expected = gradient_of(tiny_diffusion(), monkeypatch, 1)
    half = tiny_diffusion(dtype=torch.float16)
    scaled = error_of(gradient_of(half, monkeypatch, LARGEST), expected)
    plain = error_of(gradient_of(half, monkeypatch, 1), expected)
    report("float16 step with a scaled loss", scaled)
    report("float16 step without", plain)
    assert scaled < 0.05
    assert plain > 0.3


def test_bfloat16_needs_no_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 15 %, its rounding; a scale of the loss changes nothing."""
    expected = gradient_of(tiny_diffusion(), monkeypatch, 1)
    found = error_of(gradient_of(tiny_diffusion(dtype=torch.bfloat16), monkeypatch, 1), expected)
    report("bfloat16 step", found)
    assert found < 0.15


def test_a_scale_that_overflows_is_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of ordinary size times a scale of 2^40 is beyond float16; the step still comes out."""
    half = tiny_diffusion(dtype=torch.float16)
    expected = gradient_of(tiny_diffusion(), monkeypatch, 1)
    found = gradient_of(half, monkeypatch, 2**40)
    assert torch.isfinite(found).all()
    assert error_of(found, expected) < 0.05
