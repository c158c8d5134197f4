"""Models that the conformance tests share."""

from __future__ import annotations

import pytest
from torch import Tensor

from pix2pix_onthefly.diffusion import LatentDiffusion
from pix2pix_onthefly.direction import edit_direction
from tests.helpers import AFTER, BEFORE, tiny_diffusion


@pytest.fixture(scope="package")
def diffusion() -> LatentDiffusion:
    """Tiny random models; no test may change them."""
    return tiny_diffusion()


@pytest.fixture(scope="package")
def direction(diffusion: LatentDiffusion) -> Tensor:
    """From red cats to blue dogs."""
    return edit_direction(diffusion, BEFORE, AFTER)
