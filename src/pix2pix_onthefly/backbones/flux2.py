"""FLUX.2 [klein]: a `Backbone` of a transformer that predicts a flow over packed latents, with Qwen3 for texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from diffusers import AutoencoderKLFlux2, FlowMatchEulerDiscreteScheduler, Flux2Transformer2DModel
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle
from transformers import Qwen2Tokenizer, Qwen3ForCausalLM

from ..errors import OptionError
from ..records import Conditioning
from .backbone import Timestep
from .flow_matching import PATCH, FlowMatching
from .flux import NATIVE_CELLS, packed, unpacked
from .latent_space import told_size

TEXT_TOKENS = 512
TEXT_LAYERS = (9, 18, 27)
"""After which of the language model's layers its hidden states are taken: a quarter, a half and three of four."""


class Flux2(FlowMatching):
    """FLUX.2 [klein]'s three networks with frozen weights. Latents are unpacked outside: [rows, 32, h, w].

    Args:
        vae, transformer, text_encoder: networks on one device; the transformer's dtype is the working precision.
        tokenizer: of the text encoder, with its chat template.
        scheduler: its settings are those of the noise levels.

    Raises:
        OptionError: a transformer that takes more than the autoencoder's latents, or a text encoder that is too small
            or without a chat template.
    """

    def __init__(
        self,
        vae: AutoencoderKLFlux2,
        transformer: Flux2Transformer2DModel,
        text_encoder: Qwen3ForCausalLM,
        tokenizer: Qwen2Tokenizer,
        scheduler: FlowMatchEulerDiscreteScheduler,
    ) -> None:
        channels = int(transformer.config["in_channels"]) // PATCH**2
        super().__init__(vae, transformer, scheduler, text_encoder, channels=channels)
        if tokenizer.chat_template is None:
            raise OptionError("this model's tokenizer has no chat template; give the folder all files of the tokenizer")
        layers = int(text_encoder.config.num_hidden_layers)
        if layers < TEXT_LAYERS[-1]:
            raise OptionError(
                f"this model's text encoder has {layers} layers and not the {TEXT_LAYERS[-1]} that FLUX.2 reads; "
                "choose another model"
            )
        self.text_encoder, self.tokenizer = text_encoder, tokenizer

    @property
    def networks(self) -> tuple[Any, ...]:
        """Autoencoder, transformer and text encoder."""
        return self.vae, self.transformer, self.text_encoder

    @property
    def native_size(self) -> int:
        """Side in pixels of the square pictures the model was trained on."""
        return told_size(NATIVE_CELLS, self.vae.config)

    @torch.no_grad()
    def condition(self, texts: Sequence[str]) -> Conditioning:
        """Hidden states of three layers of the language model side by side, which reads texts as questions; float32."""
        chats: list[Any] = [
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
            for text in texts
        ]
        cut: dict[str, Any] = {"padding": "max_length", "truncation": True, "max_length": TEXT_TOKENS}
        tokens = self.tokenizer(chats, return_tensors="pt", **cut).to(self.device)
        # Without the head, whose scores for every word nobody asks for.
        read = self.text_encoder.model(**tokens, output_hidden_states=True, use_cache=False)
        return Conditioning(torch.cat([read.hidden_states[layer] for layer in TEXT_LAYERS], -1).float())

    def predict(
        self, latents: Float[Tensor, "rows channels h w"], timestep: Timestep | Tensor, conditioning: Conditioning
    ) -> Float[Tensor, "rows channels h w"]:
        """The velocity, noise less picture; differentiable in the latents.

        Args:
            timestep: one for all rows, or [rows].

        Raises:
            OptionError: a side of the latents is odd.
        """
        self._check_sides(latents)
        height, width = (side // PATCH for side in latents.shape[-2:])
        output = self.transformer(
            packed(latents).to(self.dtype),
            conditioning.hidden.to(self.dtype),
            self._times(timestep, latents) / 1000,  # it takes levels, and makes timesteps of them itself
            img_ids=places(1, height, width, 1).to(latents.device),
            txt_ids=places(1, 1, 1, conditioning.hidden.shape[1]).to(latents.device),
        )
        return unpacked(output.sample.float(), height, width)

    def _scaled(self, own: Float[Tensor, "rows channels h w"]) -> Float[Tensor, "rows channels h w"]:
        """Each cell of a patch has a mean and a deviation of its own: a batch norm of the autoencoder's holds them."""
        self._check_sides(own)
        mean, deviation = self._statistics(own)
        return pixel_shuffle((pixel_unshuffle(own, PATCH) - mean) / deviation, PATCH)

    def _unscaled(self, latents: Float[Tensor, "rows channels h w"]) -> Float[Tensor, "rows channels h w"]:
        self._check_sides(latents)
        mean, deviation = self._statistics(latents)
        return pixel_shuffle(pixel_unshuffle(latents, PATCH) * deviation + mean, PATCH)

    def _statistics(self, latents: Tensor) -> tuple[Float[Tensor, "1 cells 1 1"], Float[Tensor, "1 cells 1 1"]]:
        """Mean and deviation of the cells of a patch."""
        norm = cast("Any", self.vae).bn
        variance = norm.running_var.float() + self.vae.config["batch_norm_eps"]
        return tuple(kept.view(1, -1, 1, 1).to(latents.device) for kept in (norm.running_mean.float(), variance.sqrt()))

    def _levels(self, steps: int) -> list[float]:
        """From pure noise down in equal strides, as it was trained, whatever the scheduler's own are."""
        return [1 - step / steps for step in range(steps)]

    def _shift(self, tokens: int, steps: int) -> float:
        """Fitted by its makers, in place of what the scheduler's settings say."""
        return compute_empirical_mu(tokens, steps)


def places(times: int, height: int, width: int, length: int) -> Float[Tensor, "tokens 4"]:
    """Where each token lies: a picture's patches in rows and columns, a text's words in its length."""
    return torch.cartesian_prod(*(torch.arange(count) for count in (times, height, width, length))).float()
