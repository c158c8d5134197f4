"""The shapes that signatures tell are true: tests run with them checked, as `tests/shapes.py` says."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from jaxtyping import TypeCheckError

from pix2pix_onthefly.backbones.schedule import ddim_step
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.records import Conditioning


def test_latents_of_different_shapes_are_refused() -> None:
    with pytest.raises(TypeCheckError, match="noise_prediction"):
        ddim_step(torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 8, 9), 0.5, 0.6)


def test_a_record_without_its_row_dimension_is_refused() -> None:
    with pytest.raises(TypeCheckError, match="hidden"):
        Conditioning(torch.zeros(77, 32))


def test_a_picture_without_its_colours_is_refused_by_the_backbone(diffusion: LatentDiffusion) -> None:
    with pytest.raises(TypeCheckError, match="pixels"):
        diffusion.encode(torch.zeros(1, 1, 64, 64))


def test_outside_the_tests_nothing_is_checked_and_nothing_is_slower() -> None:
    code = "import sys; import pix2pix_onthefly.methods.sdedit; sys.exit('beartype' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
