"""Trains the flow model of the mini family: a transformer of FLUX's class and its two text encoders, together.

    python -m training.flow                                        # from where it stopped; --fresh: from nothing
    python -m training.flow --minutes 145 --threads 1 --compile    # by the clock, beside other work
    python -m training.flow --steps 4 --batch 2                    # a minute's try-out

Rectified flow (Liu et al. 2023) in the latents of the mini family's own autoencoder, at their own spread of 1: latents
are (1 - s) picture + s noise, and what is learned is noise less picture. Levels s are drawn as they are walked when a
picture is drawn, evenly and then shifted towards noise. One caption in ten is left empty so that classifier-free
guidance works. All blocks are FLUX's single-stream ones, which texts and patches share: half the weights a layer of
those that give each their own.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

from pix2pix_onthefly.backbones.flow_matching import PATCH
from pix2pix_onthefly.backbones.flux import packed, places
from pix2pix_onthefly.world.captions import every_caption_word

from . import autoencoder
from .captioned_batches import CaptionedBatch, CaptionedScenes, batches_from, stratified_timesteps
from .common import PACKAGED, PICTURE_SIDE, save_model, write_json
from .compositing import SceneRenderer
from .diffusion import EMPTY_CAPTIONS
from .latents import PatchEncoder
from .plain_attention import use_plain_attention
from .plan import Plan, read_plan
from .text_encoder import clip_text_encoder
from .trainer import Trainer
from .vocabulary import clip_tokenizer, t5_tokenizer

FOLDER = PACKAGED / "flux"
TOKENS = 24
"""Of a caption; the world's own need 18. Every one more is one more for each of the transformer's layers."""
WIDTH, HEADS, BLOCKS = 256, 8, 11
POOLED_WIDTH = 128
SHIFT = 3.0
"""Of the levels of noise. The background's colour fills a picture, so that it shows through nearly all noise: where it
is settled there have to be steps."""
_TIMES = 1000


def build_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Straight paths, the same levels for any size."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=_TIMES, shift=SHIFT)


def build_transformer() -> FluxTransformer2DModel:
    """Single-stream blocks that start as if they were not there."""
    width = WIDTH // HEADS
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=autoencoder.LATENT_CHANNELS * PATCH**2,
        num_layers=0,
        num_single_layers=BLOCKS,
        attention_head_dim=width,
        num_attention_heads=HEADS,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=POOLED_WIDTH,
        guidance_embeds=False,
        axes_dims_rope=(width // 4, width * 3 // 8, width * 3 // 8),
    )
    gates = [block.norm.linear for block in transformer.single_transformer_blocks]
    for layer in (*gates, transformer.norm_out.linear, transformer.proj_out):
        assert isinstance(layer, nn.Linear)
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return transformer


def build_t5(tokenizer: T5Tokenizer) -> T5EncoderModel:
    """Gives an embedding a token; it reads both ways, and knows places by their distance."""
    return T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=WIDTH,
            d_kv=32,
            d_ff=WIDTH * 2,
            num_layers=2,
            num_heads=8,
            dropout_rate=0.0,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


@dataclass(frozen=True)
class Networks:
    """What is trained, by the names of FLUX's pipeline, and the tokenizers it is trained with."""

    transformer: FluxTransformer2DModel
    text_encoder: CLIPTextModel
    text_encoder_2: T5EncoderModel
    tokenizer: CLIPTokenizer
    tokenizer_2: T5Tokenizer

    @classmethod
    def new(cls) -> Networks:
        """Untrained."""
        torch.manual_seed(0)
        words = every_caption_word()
        tokenizer, tokenizer_2 = clip_tokenizer(words, TOKENS), t5_tokenizer(words, TOKENS)
        clip = clip_text_encoder(tokenizer, width=POOLED_WIDTH, layers=2, tokens=TOKENS)  # for one embedding of all
        return cls(build_transformer(), clip, build_t5(tokenizer_2), tokenizer, tokenizer_2)

    @classmethod
    def packaged(cls) -> Networks:
        """Trained before."""
        return cls(
            FluxTransformer2DModel.from_pretrained(FOLDER / "transformer", torch_dtype=torch.float32),
            CLIPTextModel.from_pretrained(FOLDER / "text_encoder", dtype=torch.float32),
            T5EncoderModel.from_pretrained(FOLDER / "text_encoder_2", dtype=torch.float32),
            CLIPTokenizer.from_pretrained(FOLDER / "tokenizer"),
            T5Tokenizer.from_pretrained(FOLDER / "tokenizer_2"),
        )

    @property
    def trained(self) -> dict[str, nn.Module]:
        """Name to network."""
        names = "transformer", "text_encoder", "text_encoder_2"
        return {name: getattr(self, name) for name in names}

    def save(self) -> None:
        """Writes the weights into the package."""
        for name, network in self.trained.items():
            save_model(network, FOLDER / name)


def load_or_build(fresh: bool) -> Networks:
    """The packaged networks, or new ones."""
    return Networks.packaged() if (FOLDER / "transformer").exists() and not fresh else Networks.new()


def write_pipeline_files(networks: Networks) -> None:
    """Everything of the folder that is not trained here; the autoencoder is the mini family's at its own spread."""
    networks.tokenizer.save_pretrained(FOLDER / "tokenizer")
    networks.tokenizer_2.save_pretrained(FOLDER / "tokenizer_2")
    build_scheduler().save_pretrained(FOLDER / "scheduler")
    save_model(load_autoencoder(torch.bfloat16), FOLDER / "vae")
    classes = {
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "T5EncoderModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "T5Tokenizer"],
        "transformer": ["diffusers", "FluxTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    write_json(FOLDER / "model_index.json", {"_class_name": "FluxPipeline", **classes})


def load_autoencoder(dtype: torch.dtype) -> AutoencoderKL:
    """The mini family's, whose own latents have a mean of 0 and a spread of 1."""
    settings = {"scaling_factor": 1.0, "shift_factor": 0.0, "sample_size": PICTURE_SIDE}
    return AutoencoderKL.from_pretrained(autoencoder.FOLDER, torch_dtype=dtype, **settings)


def levels_of(timesteps: Tensor) -> Tensor:
    """Levels of noise in 0..1 of timesteps 0..999, shifted as the scheduler does.

    They are those that the transformer makes of them in bfloat16, whose steps are as wide as 0.004 near 1.
    """
    even = (timesteps + 1) / _TIMES
    shifted = SHIFT * even / (1 + (SHIFT - 1) * even)
    return (shifted.bfloat16() * _TIMES).float() / _TIMES


@dataclass(frozen=True)
class OnTheWay:
    """Latents between picture and noise, [pictures, tokens, width], and the velocity that is to be found there."""

    latents: Tensor
    velocity: Tensor
    levels: Tensor


class Flowing:
    """What a step is made of, each part by itself; `loss` is all of it.

    Args:
        plan: device, and whether the transformer is compiled.
        networks: already on the plan's device, in bfloat16.
        fused_attention: whether the libraries' fused attention is used. On a CPU its backward pass is slow.
    """

    def __init__(self, plan: Plan, networks: Networks, *, fused_attention: bool) -> None:
        self.device, self.networks = plan.device, networks
        if not fused_attention:
            use_plain_attention(networks.transformer)
            networks.text_encoder.set_attn_implementation("eager")
            networks.text_encoder_2.set_attn_implementation("eager")
        transformer = networks.transformer
        self.network = torch.compile(transformer, dynamic=False) if plan.compiled else transformer
        self.encode = PatchEncoder(load_autoencoder(torch.float32)).to(plan.device)
        self.renderer = SceneRenderer(plan.device)
        side = PICTURE_SIDE // autoencoder.PATCH // PATCH
        self.places = places(side, side).to(plan.device)
        self.no_places = torch.zeros(TOKENS, 3, device=plan.device)

    def on_the_way(self, batch: CaptionedBatch) -> OnTheWay:
        """The batch's pictures, drawn, encoded, and noised as the batch's seed has it."""
        generator = torch.Generator(self.device).manual_seed(batch.seed)
        latents = packed(self.encode(self.renderer.draw(batch.layout)))
        noise = torch.randn(latents.shape, generator=generator, device=self.device)
        levels = levels_of(stratified_timesteps(len(latents), generator))
        share = levels[:, None, None]
        return OnTheWay(((1 - share) * latents + share * noise).to(torch.bfloat16), noise - latents, levels)

    def texts(self, batch: CaptionedBatch) -> tuple[Tensor, Tensor]:
        """The captions' embeddings: of each token [pictures, tokens, width], and of the whole [pictures, width]."""
        networks = self.networks
        ids, ids_2 = (tokens.to(self.device) for tokens in (batch.tokens, *batch.other_tokens))
        return networks.text_encoder_2(ids_2).last_hidden_state, networks.text_encoder(ids).pooler_output

    def loss(self, batch: CaptionedBatch) -> Tensor:
        """What a step lowers: the mean squared error of the velocity."""
        there = self.on_the_way(batch)
        context, pooled = self.texts(batch)
        found = self.network(
            there.latents, context, pooled, there.levels, img_ids=self.places, txt_ids=self.no_places
        ).sample
        return (found.float() - there.velocity).square().mean()


def train(plan: Plan) -> None:
    """Trains transformer and text encoders; saves into the package."""
    networks = load_or_build(plan.fresh)
    write_pipeline_files(networks)
    trainer = Trainer("flow", networks.trained, plan)
    flowing = Flowing(plan, networks, fused_attention=plan.device.type != "cpu")
    scenes = CaptionedScenes(plan, networks.tokenizer, TOKENS, EMPTY_CAPTIONS, networks.tokenizer_2)
    batches = batches_from(scenes, trainer.step)
    trainer.run(lambda _: flowing.loss(next(batches)), networks.save)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*should be kept in float32.*")
    train(read_plan(__doc__ or "", steps=10_400, batch=96, learning_rate=2e-3, cooldown=2_600, cuda_batch=1024))
