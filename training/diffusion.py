"""Trains the diffusion model of the mini family: a UNet and its text encoder, together.

    python -m training.diffusion                                        # from where it stopped; --fresh: from nothing
    python -m training.diffusion --minutes 145 --threads 1 --compile    # by the clock, beside other work
    python -m training.diffusion --steps 4 --batch 2                    # a minute's try-out

Noise prediction on Stable Diffusion's schedule, one caption in ten left empty so that classifier-free guidance works.
The loss is weighted by min-SNR (Hang et al. 2023, gamma 5) where there is little noise, and by 1/sqrt(SNR) where there
is much: there the colour of the whole picture is settled, which the plain loss on noise hardly notices. The SNR counts
the latents' own spread, which is below 1 (see `autoencoder.SPREAD`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from pix2pix_onthefly.world.captions import every_caption_word

from . import autoencoder
from .captioned_batches import CaptionedBatch, CaptionedScenes, batches_from, stratified_timesteps
from .common import PACKAGED, PICTURE_SIDE, save_model, write_json
from .compositing import SceneRenderer
from .latents import PatchEncoder
from .plan import Plan, read_plan
from .text_encoder import clip_text_encoder
from .trainer import Trainer
from .vocabulary import clip_tokenizer

FOLDER = PACKAGED / "stable-diffusion"
LATENT_SIDE = PICTURE_SIDE // autoencoder.PATCH
TOKENS = 32
WIDTH = 192
EMPTY_CAPTIONS = 0.1
MIN_SNR_GAMMA = 5.0
MOST_WEIGHT = 8.0


def build_scheduler() -> DDIMScheduler:
    """Stable Diffusion's noise schedule."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="epsilon",
        timestep_spacing="leading",
    )


def build_unet() -> UNet2DConditionModel:
    """Three levels, cross-attention at each of them; the upper two, where detail is drawn, have a layer more."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=autoencoder.LATENT_CHANNELS,
        out_channels=autoencoder.LATENT_CHANNELS,
        layers_per_block=(2, 2, 1),
        block_out_channels=(64, 128, 256),
        down_block_types=("CrossAttnDownBlock2D",) * 3,
        up_block_types=("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=WIDTH,
        attention_head_dim=(2, 4, 4),
        norm_num_groups=16,
    )


def load_or_build(fresh: bool) -> tuple[UNet2DConditionModel, CLIPTextModel, CLIPTokenizer]:
    """The packaged models, or new ones."""
    if (FOLDER / "unet").exists() and not fresh:
        return (
            UNet2DConditionModel.from_pretrained(FOLDER / "unet", torch_dtype=torch.float32, sample_size=LATENT_SIDE),
            CLIPTextModel.from_pretrained(FOLDER / "text_encoder", dtype=torch.float32),
            CLIPTokenizer.from_pretrained(FOLDER / "tokenizer"),
        )
    torch.manual_seed(0)
    tokenizer = clip_tokenizer(every_caption_word(), TOKENS)
    return build_unet(), clip_text_encoder(tokenizer, width=WIDTH, layers=3, tokens=TOKENS), tokenizer


def write_pipeline_files(tokenizer: CLIPTokenizer) -> None:
    """Everything of the folder that is not weights."""
    tokenizer.save_pretrained(FOLDER / "tokenizer")
    build_scheduler().save_pretrained(FOLDER / "scheduler")
    write_json(
        FOLDER / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "feature_extractor": [None, None],
            "safety_checker": [None, None],
            "requires_safety_checker": False,
            "scheduler": ["diffusers", "DDIMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )


def loss_weights(cumulative: Tensor) -> Tensor:
    """Weight of the squared error of the noise at each training timestep."""
    snr = autoencoder.SPREAD**2 * cumulative / (1 - cumulative)
    return snr.clamp(max=MIN_SNR_GAMMA) / snr * snr.clamp(max=1.0).rsqrt().clamp(max=MOST_WEIGHT)


@dataclass(frozen=True)
class Noised:
    """Latents with noise on them, as the UNet gets them, and what it is to find: [pictures, channels, side, side]."""

    latents: Tensor
    noise: Tensor
    timesteps: Tensor


class Denoising:
    """What a step is made of, each part by itself; `loss` is all of it.

    Args:
        plan: device, and whether the UNet is compiled.
        unet, text_encoder: already on the plan's device, in bfloat16.
        fused_attention: whether the libraries' fused attention is used. On a CPU its backward pass is slow
            (docs/mini.md).
    """

    def __init__(
        self, plan: Plan, unet: UNet2DConditionModel, text_encoder: CLIPTextModel, *, fused_attention: bool
    ) -> None:
        self.device, self.text_encoder = plan.device, text_encoder
        if not fused_attention:
            unet.set_attn_processor(AttnProcessor())
            text_encoder.set_attn_implementation("eager")
        unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = torch.compile(unet, dynamic=False) if plan.compiled else unet
        vae = AutoencoderKL.from_pretrained(autoencoder.FOLDER, torch_dtype=torch.float32)
        self.encode, self.renderer = PatchEncoder(vae).to(plan.device), SceneRenderer(plan.device)
        self.cumulative = build_scheduler().alphas_cumprod.to(plan.device)
        self.weights = loss_weights(self.cumulative)

    def noised(self, batch: CaptionedBatch) -> Noised:
        """The batch's pictures, drawn, encoded, and noised as the batch's seed has it."""
        generator = torch.Generator(self.device).manual_seed(batch.seed)
        latents = self.encode(self.renderer.draw(batch.layout))
        noise = torch.randn(latents.shape, generator=generator, device=self.device)
        timesteps = stratified_timesteps(len(latents), generator)
        level = self.cumulative[timesteps][:, None, None, None]
        noisy = (level.sqrt() * latents + (1 - level).sqrt() * noise).to(torch.bfloat16)
        return Noised(noisy.contiguous(memory_format=torch.channels_last), noise, timesteps)

    def context(self, batch: CaptionedBatch) -> Tensor:
        """The captions' embeddings [pictures, tokens, width]."""
        return self.text_encoder(batch.tokens.to(self.device)).last_hidden_state

    def error(self, noised: Noised, context: Tensor) -> Tensor:
        """The weighted squared error of the noise that the UNet finds."""
        predicted = self.network(noised.latents, noised.timesteps, context).sample
        error = (predicted.float() - noised.noise).square().mean((1, 2, 3))
        return (error * self.weights[noised.timesteps]).mean()

    def loss(self, batch: CaptionedBatch) -> Tensor:
        """What a step lowers."""
        return self.error(self.noised(batch), self.context(batch))


def train(plan: Plan) -> None:
    """Trains UNet and text encoder; saves into the package."""
    unet, text_encoder, tokenizer = load_or_build(plan.fresh)
    write_pipeline_files(tokenizer)
    trainer = Trainer("diffusion", {"unet": unet, "text_encoder": text_encoder}, plan)
    denoising = Denoising(plan, unet, text_encoder, fused_attention=plan.device.type != "cpu")
    batches = batches_from(CaptionedScenes(plan, tokenizer, TOKENS, EMPTY_CAPTIONS), trainer.step)

    def finish() -> None:
        save_model(unet, FOLDER / "unet")
        save_model(text_encoder, FOLDER / "text_encoder")

    trainer.run(lambda _: denoising.loss(next(batches)), finish)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*should be kept in float32.*")
    train(read_plan(__doc__ or "", steps=10_400, batch=96, learning_rate=2e-3, cooldown=2_600, cuda_batch=1024))
