"""Changing attention while a UNet runs: a context manager that restores the UNet when it ends."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from diffusers import UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


class AttentionControl(Protocol):
    """What may change attention; rows are those of the batch, layers come in the order in which they run."""

    @property
    def sees_maps(self) -> bool:
        """Whether cross-attention is written out for it; it runs fused, which is faster, where it is not."""
        ...

    def self_attention(
        self,
        query: Float[Tensor, "rows heads positions width"],
        key: Float[Tensor, "rows heads positions width"],
    ) -> tuple[Float[Tensor, "rows heads positions width"], Float[Tensor, "rows heads positions width"]]:
        """Queries and keys that a self-attention layer takes in place of its own."""
        ...

    def cross_attention(
        self, maps: Float[Tensor, "rows heads positions tokens"]
    ) -> Float[Tensor, "rows heads positions tokens"]:
        """The maps that a cross-attention layer takes in place of its own."""
        ...


class _ControlledProcessor:
    """Attention that asks a control; equal to the fused kernel up to rounding where that changes nothing."""

    def __init__(self, control: AttentionControl) -> None:
        self.control = control

    def __call__(
        self,
        attn: Any,  # diffusers' Attention, whose layers are annotated as optional
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        of_text = encoder_hidden_states is not None
        context = encoder_hidden_states if of_text else hidden_states
        query, key, value = (
            attn.head_to_batch_dim(layer(states))
            for layer, states in ((attn.to_q, hidden_states), (attn.to_k, context), (attn.to_v, context))
        )
        if of_text and self.control.sees_maps:
            maps = attn.get_attention_scores(query, key, attention_mask).unflatten(0, (-1, attn.heads))
            output = self.control.cross_attention(maps).to(value.dtype).flatten(0, 1) @ value
        else:
            query, key, value = (part.unflatten(0, (-1, attn.heads)) for part in (query, key, value))
            if not of_text:
                query, key = self.control.self_attention(query, key)
            output = scaled_dot_product_attention(query, key, value, scale=attn.scale).flatten(0, 1)
        return attn.to_out[1](attn.to_out[0](attn.batch_to_head_dim(output)))


@contextmanager
def control_attention(unet: UNet2DConditionModel, control: AttentionControl) -> Generator[None]:
    """While active, every attention layer of the UNet asks the control. On exit, also by an exception, the UNet has the
    very processors it had before."""
    originals = dict(unet.attn_processors)
    processors = {name: _ControlledProcessor(control) for name in originals}
    unet.set_attn_processor(processors)  # pyright: ignore[reportArgumentType]
    try:
        yield
    finally:
        unet.set_attn_processor(originals)
