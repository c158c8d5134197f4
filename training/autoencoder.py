"""Trains the autoencoder of the mini family.

    python -m training.autoencoder                 # everything, from nothing or from where it stopped
    python -m training.autoencoder --steps 20 --batch 2     # a minute's try-out

The encoder is not trained but solved: the principal components of 8x8 patches are written into the convolutions of
`AutoencoderKL`, so that its output is (nearly) a linear map of each patch. The latent space therefore stands before
the first step, and the diffusion model can be trained at the same time as the decoder, which is learned.
"""

from __future__ import annotations

import random
import warnings

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn

from .common import PACKAGED, PICTURE_SIDE, save_model
from .compositing import SceneRenderer
from .plan import Plan, read_plan
from .scenes import draw_scenes, held_out_scenes, pixels_of
from .trainer import Trainer

FOLDER = PACKAGED / "stable-diffusion/vae"
LATENT_CHANNELS = 16
PATCH = 8
WHITENING = 0.5
"""Component i is divided by its standard deviation to this power: 0 keeps the spectrum of pictures, 1 makes all
channels alike. In between, shapes are settled at higher noise than details, and details still count in the loss."""
SPREAD = 0.4
"""Standard deviation of the scaled latents. Stable Diffusion's schedule never quite destroys a signal of spread 1: at
its last timestep the mean of 256 latent cells still shows through the noise, so the model reads a picture's overall
colour there instead of in the caption, and draws everything grey from pure noise."""
CROP = 64
"""Side of the windows the decoder is trained on, until the cooldown: small batches of small windows give more steps."""
_ANCHOR = 300.0


def build() -> AutoencoderKL:
    """The architecture, with residual branches that start at zero."""
    model = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 64, 96, 96),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=PICTURE_SIDE,
        mid_block_add_attention=False,
        scaling_factor=SPREAD,
    )
    for name, parameter in model.named_parameters():
        if ".conv2." in name:
            nn.init.zeros_(parameter)
    return model


def principal_components(scenes: int = 3000) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows that map a patch (pixel order: row, column, channel) to its scaled components, and the mean patch."""
    pictures = pixels_of(draw_scenes(random.Random(1), scenes)).permute(0, 2, 3, 1).numpy().astype(np.float64)
    n = PICTURE_SIDE // PATCH
    patches = pictures.reshape(-1, n, PATCH, n, PATCH, 3).transpose(0, 1, 3, 2, 4, 5).reshape(-1, PATCH * PATCH * 3)
    mean = patches.mean(0)
    variances, vectors = np.linalg.eigh(np.cov((patches - mean).T))
    order = np.argsort(variances)[::-1][:LATENT_CHANNELS]
    deviations = np.sqrt(variances[order])
    components = vectors[:, order].T / deviations[:, None] ** WHITENING
    spread = np.sqrt(np.mean(deviations ** (2 - 2 * WHITENING)))
    return components / spread, mean


def _zero(*layers: nn.Module) -> None:
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)


@torch.no_grad()
def write_encoder(model: AutoencoderKL, components: NDArray[np.float64], mean: NDArray[np.float64]) -> None:
    """Writes the linear patch map into the encoder's convolutions.

    Each stride-2 convolution gathers its 2x2 neighbourhood into channels; the third applies the components. What
    follows is not linear, so it is made so: silu(x) - silu(-x) = x lets each component pass as a pair of opposite
    signs, and two large constants in every normalisation group hold the group's mean and spread still.
    """
    encoder = model.encoder
    layers = [block.downsamplers[0].conv for block in encoder.down_blocks[:3]]  # type: ignore[union-attr, index]
    shortcuts = [block.resnets[0].conv_shortcut for block in encoder.down_blocks[1:3]]  # type: ignore[union-attr]
    _zero(encoder.conv_in, encoder.conv_out, *layers, *shortcuts)
    for channel in range(3):
        encoder.conv_in.weight[channel, channel, 1, 1] = 1.0
    for layer, width in zip(layers[:2], (3, 12), strict=True):
        for row in range(2):
            for column in range(2):
                for channel in range(width):
                    layer.weight[(row * 2 + column) * width + channel, channel, row, column] = 1.0
    for shortcut, width in zip(shortcuts, (12, 48), strict=True):
        shortcut.weight[range(width), range(width), 0, 0] = 1.0
    _write_components(encoder, layers[2], components, mean)
    model.quant_conv.weight.copy_(torch.eye(2 * LATENT_CHANNELS)[:, :, None, None])
    nn.init.zeros_(model.quant_conv.bias)


def _write_components(
    encoder: nn.Module, layer: nn.Conv2d, components: NDArray[np.float64], mean: NDArray[np.float64]
) -> None:
    """The last downsampling convolution, the output normalisation and the output convolution."""
    norm: nn.GroupNorm = encoder.conv_norm_out  # type: ignore[assignment]
    conv_out: nn.Conv2d = encoder.conv_out  # type: ignore[assignment]
    group_width = norm.num_channels // norm.num_groups
    kernel = torch.from_numpy(_kernel_order(components)).float()
    offset = torch.from_numpy(components @ mean).float()
    for group in range(norm.num_groups):
        base = group * group_width
        layer.bias[base], layer.bias[base + 1] = _ANCHOR, -_ANCHOR
    for component in range(LATENT_CHANNELS):
        group, place = component % norm.num_groups, component // norm.num_groups
        for sign_index, sign in enumerate((1.0, -1.0)):
            channel = group * group_width + 2 + 2 * place + sign_index
            layer.weight[channel, :48, :2, :2] = sign * kernel[component]
            layer.bias[channel] = -sign * offset[component]
            conv_out.weight[component, channel, 1, 1] = sign
    nn.init.constant_(norm.weight, (2 * _ANCHOR**2 / group_width + norm.eps) ** 0.5)
    nn.init.zeros_(norm.bias)
    conv_out.bias[LATENT_CHANNELS:] = -20.0


def _kernel_order(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """From pixel order to [component, 48, 2, 2]: the order in which two gathers leave a patch's pixels.

    A pixel's row is 4*(third gather) + 2*(second) + (first) and likewise its column; after two gathers the channel
    index is 12*(second row, second column) + 3*(first row, first column) + colour.
    """
    cube = components.reshape(-1, 2, 2, 2, 2, 2, 2, 3)  # r3 r2 r1 c3 c2 c1 colour
    return cube.transpose(0, 2, 5, 3, 6, 7, 1, 4).reshape(-1, 48, 2, 2)


def load_or_build(fresh: bool) -> AutoencoderKL:
    """The packaged autoencoder, or a new one whose encoder has been solved."""
    if FOLDER.exists() and not fresh:
        return AutoencoderKL.from_pretrained(FOLDER, torch_dtype=torch.float32, sample_size=PICTURE_SIDE)
    torch.manual_seed(0)
    model = build()
    write_encoder(model, *principal_components())
    return model


@torch.no_grad()
def reconstruction_psnr(model: AutoencoderKL, count: int = 100) -> float:
    """Mean PSNR in dB of encode-then-decode on held-out scenes, in float32 and on 8-bit output."""
    pixels = pixels_of(held_out_scenes(count))
    device = next(model.parameters()).device
    exact = AutoencoderKL.from_config(model.config)
    exact.load_state_dict({name: value.float() for name, value in model.state_dict().items()})
    exact.to(device)
    values: list[float] = []
    for batch in pixels.to(device).split(20):
        decoded = exact.decode(exact.encode(batch).latent_dist.mode()).sample.clamp(-1, 1)
        decoded = decoded.add(1).mul(127.5).round().div(127.5).sub(1)
        error = (decoded - batch).square().mean((1, 2, 3))
        values += (10 * torch.log10(4 / error)).tolist()
    return float(np.mean(values))


def _random_window(rng: random.Random, pixels: Tensor) -> Tensor:
    """A window of `CROP` pixels on the grid of patches, the same for the whole batch."""
    places = (PICTURE_SIDE - CROP) // PATCH
    top, left = rng.randint(0, places) * PATCH, rng.randint(0, places) * PATCH
    return pixels[:, :, top : top + CROP, left : left + CROP]


def train(plan: Plan) -> None:
    """Trains the decoder on held encoder outputs; saves into the package."""
    model = load_or_build(plan.fresh)
    model.encoder.requires_grad_(False)
    model.quant_conv.requires_grad_(False)
    save_model(model, FOLDER)
    trainer = Trainer("autoencoder", {"vae": model}, plan)
    model.to(memory_format=torch.channels_last)
    renderer = SceneRenderer(plan.device)

    def loss_of_batch(rng: random.Random) -> Tensor:
        pixels = renderer.pixels_of(draw_scenes(rng, plan.batch)).to(torch.bfloat16)
        if not trainer.pace.cooling():
            pixels = _random_window(rng, pixels)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            latents = model.encode(pixels).latent_dist.mode()
        return (model.decode(latents).sample - pixels).float().square().mean()

    def finish() -> None:
        save_model(model, FOLDER)
        print(f"held-out PSNR {reconstruction_psnr(model):.2f} dB", flush=True)

    trainer.run(loss_of_batch, finish)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*should be kept in float32.*")
    train(read_plan(__doc__ or "", steps=2000, batch=8, learning_rate=2e-3, cooldown=300, cuda_batch=64))
