"""The latent diffusion model's five verbs: shapes, types, padding."""

from __future__ import annotations

import pytest
import torch

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.methods.direction import edit_direction
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from tests.helpers import (
    AFTER,
    BEFORE,
    CAPTION,
    CHANNELS,
    TOKENS,
    WIDTH,
    difference,
    edited,
    random_latents,
    sd_scheduler,
    tiny_diffusion,
)

OPTIONS = EditOptions.of(AttentionOptions(), steps=2)


@pytest.fixture(scope="module")
def half() -> LatentDiffusion:
    """All networks in bfloat16."""
    return tiny_diffusion(dtype=torch.bfloat16)


def test_texts_are_padded_to_the_encoders_own_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer that was saved without a length has one of 10^30."""
    model = tiny_diffusion()
    expected = model.embed([CAPTION])
    monkeypatch.setattr(model.tokenizer, "model_max_length", int(1e30))
    assert torch.equal(model.embed([CAPTION]), expected)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 96)])
def test_encode_and_decode_shapes(diffusion: LatentDiffusion, height: int, width: int) -> None:
    """Eight pixels a latent cell along either side; encoding twice gives the same (the posterior's mode)."""
    pixels = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1
    latents = diffusion.encode(pixels)
    assert latents.shape == (2, CHANNELS, height // 8, width // 8)
    assert torch.equal(diffusion.encode(pixels), latents)
    assert diffusion.decode(latents).shape == pixels.shape


def test_latents_are_scaled(diffusion: LatentDiffusion) -> None:
    """`encode` multiplies the posterior's mode by the scaling factor and `decode` divides by it, within 1e-6."""
    pixels = torch.linspace(-1, 1, 3 * 32 * 32).view(1, 3, 32, 32)
    with torch.no_grad():
        mode = diffusion.vae.encode(pixels).latent_dist.mode()  # pyright: ignore[reportAttributeAccessIssue]
        decoded = diffusion.vae.decode(mode).sample  # pyright: ignore[reportAttributeAccessIssue]
    assert difference(diffusion.encode(pixels), mode * 0.18215) < 1e-6
    assert difference(diffusion.decode(mode * 0.18215), decoded) < 1e-5


def test_embed_shape_and_padding(diffusion: LatentDiffusion) -> None:
    """Every text becomes 77 positions, whatever its length; long texts are cut, and texts do not depend on what is
    embedded beside them (within 1e-5)."""
    texts = ["", CAPTION, "red " * 200]
    embedded = diffusion.embed(texts)
    assert embedded.shape == (3, TOKENS, WIDTH)
    for index, text in enumerate(texts):
        assert difference(diffusion.embed([text])[0], embedded[index]) < 1e-5


def test_padding_is_embedded_as_stable_diffusion_does(diffusion: LatentDiffusion) -> None:
    """Positions behind a text hold the end token's embedding in place, not zeros: within 1e-6 of the text encoder
    called with the ids padded by hand and no mask."""
    ids = diffusion.tokenizer(CAPTION).input_ids
    ids += [diffusion.tokenizer.eos_token_id] * (TOKENS - len(ids))
    with torch.no_grad():
        expected = diffusion.text_encoder(torch.tensor([ids])).last_hidden_state
    assert difference(diffusion.embed([CAPTION]), expected) < 1e-6


@pytest.mark.parametrize("shape", [(16, 16), (4, 12), (7, 11)])
def test_non_square_latents(diffusion: LatentDiffusion, shape: tuple[int, int]) -> None:
    """Noise has the latents' shape, and a whole edit runs; odd sides too, which the UNet cannot halve evenly."""
    latents = random_latents(*shape, rows=2)
    noise = diffusion.predict_noise(latents, 1, diffusion.embed([CAPTION, ""]))
    result = edited(
        diffusion,
        latents[:1],
        edit_direction(diffusion, BEFORE, AFTER).hidden,
        OPTIONS,
    )
    assert noise.shape == latents.shape
    assert result.shape == latents[:1].shape
    assert torch.isfinite(result).all()


def test_float32_outside_the_networks(half: LatentDiffusion) -> None:
    """With bfloat16 networks every verb still returns float32, and so does an edit."""
    latents = half.encode(torch.zeros(1, 3, 64, 64))
    context = half.embed([CAPTION])
    noise = half.predict_noise(random_latents(8, 8), 501, context)
    result = edited(
        half,
        random_latents(8, 8),
        edit_direction(half, BEFORE, AFTER).hidden,
        OPTIONS,
    )
    for made in (latents, context, noise, half.decode(latents), result):
        assert made.dtype == torch.float32
        assert torch.isfinite(made).all()


def test_half_precision_is_close(diffusion: LatentDiffusion, half: LatentDiffusion) -> None:
    """The bfloat16 noise prediction lies within 10 % of the float32 one, so that types are cast, not reinterpreted."""
    latents = random_latents()
    with torch.no_grad():
        exact = diffusion.predict_noise(latents, 501, diffusion.embed([CAPTION]))
        rounded = half.predict_noise(latents, 501, diffusion.embed([CAPTION]))
    assert difference(rounded, exact) < 0.1


def test_predict_noise_is_differentiable(diffusion: LatentDiffusion) -> None:
    """The gradient reaches the latents."""
    latents = random_latents().requires_grad_()
    diffusion.predict_noise(latents, 501, diffusion.embed([CAPTION])).square().sum().backward()
    assert latents.grad is not None
    assert latents.grad.abs().max() > 0


def test_sizes(diffusion: LatentDiffusion) -> None:
    """Eight pixels a cell; the model was trained on 16 cells a side."""
    assert diffusion.pixels_per_latent == 8
    assert diffusion.native_size == 128


def test_unknown_prediction_types_are_refused(diffusion: LatentDiffusion) -> None:
    """A scheduler that predicts the clean sample cannot be used."""
    parts = diffusion.vae, diffusion.unet, diffusion.text_encoder, diffusion.tokenizer
    with pytest.raises(OptionError, match="sample"):
        LatentDiffusion(*parts, sd_scheduler("sample"))
