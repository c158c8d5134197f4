"""Gradients through networks of half precision."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

LARGEST_LOSS_SCALE, LOSS_SCALE_STEP = 2**14, 2**4
"""By how much the loss is enlarged for float16, and by how much that is lowered where it overflows."""


def scaled_gradient(
    loss: Float[Tensor, ""], variable: Float[Tensor, "*shape"], dtype: torch.dtype
) -> Float[Tensor, "*shape"]:
    """The gradient of a loss, which float16 networks compute at a larger scale.

    Those behind a softmax are near 1e-6, where float16 has but a few bits left (its normal numbers end at
    6e-5), so that they would come out rounded or as nothing. Where the larger scale overflows it is lowered.
    """
    if dtype != torch.float16:  # bfloat16 reaches as far down as float32
        return torch.autograd.grad(loss, variable)[0]
    scale = LARGEST_LOSS_SCALE
    while True:
        (gradient,) = torch.autograd.grad(loss * scale, variable, retain_graph=True)
        if scale == 1 or bool(torch.isfinite(gradient).all()):
            return gradient / scale
        scale = max(1, scale // LOSS_SCALE_STEP)
