"""Which devices are usable, and which precision is chosen for them."""

from __future__ import annotations

import pytest
import torch

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.models.devices import pick_device, pick_dtype

CPU = torch.device("cpu")


@pytest.mark.parametrize(("modern", "half"), [(True, torch.bfloat16), (False, torch.float16)])
def test_precision_by_itself(monkeypatch: pytest.MonkeyPatch, modern: bool, half: torch.dtype) -> None:
    """`auto` is half precision on CUDA alone, and bfloat16 on GPUs that compute in it, not those that emulate it."""
    cuda, mps = torch.device("cuda"), torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: modern or including_emulation)
    assert [pick_dtype("auto", device) for device in (cuda, mps, CPU)] == [half, torch.float32, torch.float32]


def test_precision_by_name() -> None:
    """Names are taken at their word."""
    cuda = torch.device("cuda")
    assert pick_dtype("float16", cuda) == torch.float16
    assert pick_dtype("bfloat16", CPU) == torch.bfloat16
    assert pick_dtype("float32", cuda) == torch.float32


UNUSABLE = "abacus", "cuda:99", "cuda:-1", "", "0", "meta", "xla", "hpu", "xpu", "mkldnn", "lazy"


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_device(name: str) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        pick_device(name)
