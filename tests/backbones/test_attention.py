"""Recording cross-attention maps: what is recorded, and that the UNet is left as it was."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import Tensor

from pix2pix_onthefly.backbones.attention import NO_ROWS, LastMapSeen, record_cross_attention
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from tests.helpers import (
    CAPTION,
    CROSS_LAYERS,
    TOKENS,
    difference,
    random_latents,
    report,
)


@torch.no_grad()
def prediction(diffusion: LatentDiffusion, rows: int = 1) -> Tensor:
    context = diffusion.embed([CAPTION] * rows)
    return diffusion.predict_noise(random_latents(rows=rows), 501, context)


def processors(diffusion: LatentDiffusion) -> dict[str, int]:
    return {name: id(processor) for name, processor in diffusion.unet.attn_processors.items()}


def test_the_unet_is_restored(diffusion: LatentDiffusion) -> None:
    """The very same processor objects afterwards, and bit-equal outputs before and after."""
    before, held = prediction(diffusion), processors(diffusion)
    with record_cross_attention(diffusion.unet):
        prediction(diffusion)
        assert processors(diffusion) != held
    assert processors(diffusion) == held
    assert torch.equal(prediction(diffusion), before)


def test_the_unet_is_restored_after_an_error(diffusion: LatentDiffusion) -> None:
    """The same when the block is left by an exception."""
    before, held = prediction(diffusion), processors(diffusion)

    def fail() -> None:
        with record_cross_attention(diffusion.unet):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        fail()
    assert processors(diffusion) == held
    assert torch.equal(prediction(diffusion), before)


def test_nested_recordings_are_undone_one_by_one(diffusion: LatentDiffusion) -> None:
    """The inner block hands back the outer one's processors, which go on recording."""
    held = processors(diffusion)
    with record_cross_attention(diffusion.unet) as outer:
        with record_cross_attention(diffusion.unet) as inner:
            prediction(diffusion)
        assert (len(inner.take()), len(outer.take())) == (CROSS_LAYERS, 0)
        prediction(diffusion)
        assert len(outer.take()) == CROSS_LAYERS
    assert processors(diffusion) == held


def test_self_attention_keeps_its_processors(diffusion: LatentDiffusion) -> None:
    """While recording, attn1 has the objects it had, attn2 has others."""
    held = processors(diffusion)
    with record_cross_attention(diffusion.unet):
        changed = {name for name, processor in processors(diffusion).items() if processor != held[name]}
        kept = diffusion.unet.attn_processors["mid_block.attentions.0.transformer_blocks.0.attn1.processor"]
    assert changed == {name for name in held if ".attn2." in name}
    assert len(changed) == CROSS_LAYERS
    assert isinstance(kept, AttnProcessor2_0)


@pytest.mark.parametrize("rows", [1, 2])
def test_number_and_shapes_of_maps(diffusion: LatentDiffusion, rows: int) -> None:
    """One map a cross-attention layer, [rows, heads, positions, tokens], in the order down, middle, up; `take` empties
    the recording."""
    with record_cross_attention(diffusion.unet) as recorded:
        prediction(diffusion, rows)
        maps = recorded.take()
        assert recorded.take() == ()
    positions, heads = [256, 64, 16, 16, 16, 16, 64, 64, 256, 256], [2, 4, 4, 4, 4, 4, 4, 4, 2, 2]
    expected = [(rows, h, p, TOKENS) for h, p in zip(heads, positions, strict=True)]
    assert [tuple(layer.shape) for layer in maps] == expected


def test_maps_are_distributions_over_tokens(diffusion: LatentDiffusion) -> None:
    """Nothing negative, and every position's row sums to 1 within 1e-5."""
    with record_cross_attention(diffusion.unet) as recorded:
        prediction(diffusion)
    for layer in recorded.take():
        assert layer.min() >= 0
        assert float((layer.sum(-1) - 1).abs().max()) < 1e-5


def test_recorded_forward_equals_the_plain_one(diffusion: LatentDiffusion) -> None:
    """Attention written out against the fused kernel: outputs within 1e-5 of the largest value."""
    plain = prediction(diffusion, rows=2)
    with record_cross_attention(diffusion.unet):
        recorded = prediction(diffusion, rows=2)
    report("recorded forward against the plain one", difference(recorded, plain))
    assert difference(recorded, plain) < 1e-5


def test_rows_do_not_touch_each_other(diffusion: LatentDiffusion) -> None:
    """Two rows at once record what each records alone, within 1e-5: why a reference pass of one row is enough."""
    with record_cross_attention(diffusion.unet) as recorded:
        prediction(diffusion, rows=2)
        together = recorded.take()
        with torch.no_grad():
            diffusion.predict_noise(random_latents(rows=2)[1:], 501, diffusion.embed([CAPTION]))
        alone = recorded.take()
    for both, one in zip(together, alone, strict=True):
        assert difference(both[1:], one) < 1e-5


def test_texts_are_projected_once(diffusion: LatentDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and values of the same embeddings are computed once, those of others anew; outputs are bit-equal."""
    layer = diffusion.unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_k  # pyright: ignore
    calls: list[int] = []
    monkeypatch.setattr(layer, "forward", lambda x, forward=layer.forward: calls.append(len(x)) or forward(x))
    latents, context = random_latents(), diffusion.embed([CAPTION])
    with torch.no_grad(), record_cross_attention(diffusion.unet) as recorded:
        outputs = [diffusion.predict_noise(latents, 501, text) for text in (context, context, context.clone())]
        recorded.take()
    assert len(calls) == 2
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])


def test_rows_without_maps_run_fused(diffusion: LatentDiffusion) -> None:
    """Nothing is recorded for no rows, one row's maps for one row; outputs stay within 1e-5 of the plain ones."""
    plain = prediction(diffusion, rows=2)
    with record_cross_attention(diffusion.unet) as recorded:
        recorded.rows = NO_ROWS
        assert difference(prediction(diffusion, rows=2), plain) < 1e-5
        assert recorded.take() == ()
        recorded.rows = slice(1, None)
        assert difference(prediction(diffusion, rows=2), plain) < 1e-5
        assert [len(layer) for layer in recorded.take()] == [1] * CROSS_LAYERS


def test_a_pass_may_end_at_the_last_map(diffusion: LatentDiffusion) -> None:
    """With `nothing_else` the pass is left once every layer has recorded; the maps are the whole pass's own."""
    with record_cross_attention(diffusion.unet) as recorded:
        prediction(diffusion)
        whole = recorded.take()
        recorded.nothing_else = True
        with pytest.raises(LastMapSeen):
            prediction(diffusion)
        assert all(torch.equal(one, other) for one, other in zip(recorded.take(), whole, strict=True))


def test_gradients_flow_through_the_maps(diffusion: LatentDiffusion) -> None:
    """A loss on the maps reaches the latents."""
    latents = random_latents().requires_grad_()
    with record_cross_attention(diffusion.unet) as recorded:
        diffusion.predict_noise(latents, 501, diffusion.embed([CAPTION]))
    loss = torch.stack([layer.square().sum() for layer in recorded.take()]).sum()
    (gradient,) = torch.autograd.grad(loss, latents)
    assert gradient.abs().max() > 0
