from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from training.growing import grown


def _unet(layers: int) -> Any:
    torch.manual_seed(0)
    kind: Any = UNet2DConditionModel
    return kind(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=layers,
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=12,
        attention_head_dim=(2, 2),
        norm_num_groups=4,
    ).eval()


def _inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(2, 4, 8, 8, generator=generator)
    return latents, torch.tensor([3, 700]), torch.randn(2, 5, 12, generator=generator)


@torch.no_grad()
@pytest.mark.parametrize(("before", "layers"), [(1, (2, 1)), (1, (1, 3)), (2, (3, 4))])
def test_more_layers_predict_the_same_noise(before: int, layers: tuple[int, ...]) -> None:
    unet = _unet(before)
    larger = grown(unet, layers)
    assert larger.num_parameters() > unet.num_parameters()
    assert larger.config["layers_per_block"] == layers
    torch.testing.assert_close(larger(*_inputs()).sample, unet(*_inputs()).sample, rtol=0, atol=1e-6)


def test_every_new_layer_can_learn() -> None:
    larger: Any = grown(_unet(1), (2, 2))
    larger(*_inputs()).sample.square().mean().backward()
    new = [larger.down_blocks[0].resnets[1], larger.up_blocks[0].resnets[1], larger.up_blocks[1].attentions[1]]
    for layer in new:
        last = layer.proj_out if hasattr(layer, "proj_out") else layer.conv2
        assert last.weight.grad.abs().max() > 0


@pytest.mark.parametrize("layers", [(1, 1, 1), (0, 1), (2,)])
def test_fewer_layers_or_other_levels_are_refused(layers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least as many layers"):
        grown(_unet(1), layers)
