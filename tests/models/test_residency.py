"""Which models are in memory, where, and whose: on `meta` as the accelerator, the CPU being the host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.errors import ModelUnavailableError
from pix2pix_onthefly.models import loading
from pix2pix_onthefly.models.families import EDIT_ROLES, FAMILIES
from pix2pix_onthefly.models.residency import Models, Role
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from tests.helpers import guided, guided_edits, inversion_of, random_latents, tiny_diffusion

META, CPU = torch.device("meta"), torch.device("cpu")
LOADERS = {"diffusion": "load_backbone", "captioner": "load_captioner", "rewriter": "load_rewriter"}
"""Role to what loads it, in `models/loading.py`."""


WAIT = 30.0


class Travelling(nn.Linear):
    """A layer that also comes back from `meta`, without its numbers."""

    gradient_rows = None

    def to(self, device: torch.device) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.to_empty(device=device)

    @property
    def place(self) -> str:
        return self.weight.device.type


class Loaders:
    """Stand in for those of `loading`; they count, and fail when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.made: list[Travelling] = []
        self.error: Exception | None = None
        for role in EDIT_ROLES:
            monkeypatch.setattr(loading, LOADERS[role], self.loader(role))

    def loader(self, role: str) -> Callable[..., Travelling]:
        def load(_row: object, *arguments: Any) -> Travelling:
            if self.error is not None:
                raise self.error
            device = next(argument for argument in arguments if isinstance(argument, torch.device))
            self.calls.append(role)
            self.made.append(Travelling(2, 2, device=device))
            return self.made[-1]

        return load

    @property
    def on_meta(self) -> int:
        return sum(layer.place == "meta" for layer in self.made)


@pytest.fixture
def loaders(monkeypatch: pytest.MonkeyPatch) -> Loaders:
    return Loaders(monkeypatch)


def models(device: torch.device = META, *, low_vram: bool = True) -> Models:
    return Models(FAMILIES["mini"], device, torch.float32, low_vram=low_vram)


def use(lender: Models, role: Role) -> Any:
    return lender.using(role)


def run(layer: nn.Module, device: torch.device = META) -> Tensor:
    """Fails with torch's device mismatch where the layer is elsewhere."""
    return layer(torch.ones(1, 2, device=device))


# One model at a time


def test_a_model_that_was_moved_away_is_back_when_it_is_used_again(loaders: Loaders) -> None:
    lender = models()
    with use(lender, "diffusion") as diffusion:
        run(diffusion)
    with use(lender, "captioner") as captioner:
        run(captioner)
        assert diffusion.place == "cpu"
        with pytest.raises(RuntimeError):  # what a comparison method did that kept the model
            run(diffusion)
    with use(lender, "diffusion") as again:
        assert again is diffusion
        run(again)
        assert captioner.place == "cpu"
    assert loaders.calls == ["diffusion", "captioner"]


def test_a_model_in_use_is_never_moved_away(loaders: Loaders) -> None:
    """By no other way of getting another model; and the other one makes room again at the end of its own use."""
    lender = models()
    with use(lender, "diffusion") as diffusion:
        with use(lender, "captioner") as captioner, use(lender, "diffusion") as same:
            assert same is diffusion
            run(captioner)
            run(diffusion)
        assert captioner.place == "cpu"
        run(diffusion)
        run(lender.rewriter)  # pyright: ignore[reportArgumentType]
        run(diffusion)
    with use(lender, "captioner"):
        assert loaders.on_meta == 1


def test_a_model_in_use_is_not_dropped_on_a_cpu(loaders: Loaders) -> None:
    """It would be loaded a second time beside the one in use."""
    lender = models(CPU)
    with use(lender, "diffusion") as diffusion:
        with use(lender, "captioner"):
            pass
        with use(lender, "diffusion") as same:
            assert same is diffusion
    with use(lender, "captioner"):
        pass
    assert loaders.calls == ["diffusion", "captioner", "captioner"]
    with use(lender, "diffusion") as another:
        assert another is not diffusion


def test_with_memory_enough_all_models_stay(loaders: Loaders) -> None:
    lender = models(low_vram=False)
    for _ in range(2):
        for role in EDIT_ROLES:
            with use(lender, role) as layer:  # pyright: ignore[reportArgumentType]
                run(layer)
    assert loaders.on_meta == 3
    assert loaders.calls == list(EDIT_ROLES)


def test_an_error_gives_the_model_back(loaders: Loaders) -> None:
    lender = models()
    with pytest.raises(ZeroDivisionError), use(lender, "diffusion") as diffusion:
        raise ZeroDivisionError
    with use(lender, "captioner"):
        assert diffusion.place == "cpu"


def test_a_failed_load_is_tried_again(loaders: Loaders) -> None:
    lender = models()
    loaders.error = ModelUnavailableError("not now")
    with pytest.raises(ModelUnavailableError), use(lender, "diffusion"):
        pass
    loaders.error = None
    with use(lender, "diffusion") as diffusion:
        run(diffusion)


# Threads


def test_threads_take_turns_with_one_model(loaders: Loaders) -> None:
    lender = models(low_vram=False)
    inside = threading.Lock()

    def work(_: int) -> None:
        with use(lender, "diffusion") as diffusion:
            assert inside.acquire(blocking=False), "two threads have the model"
            run(diffusion)
            inside.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200), timeout=WAIT))
    assert loaders.calls == ["diffusion"]


def test_threads_with_different_models_run_side_by_side(loaders: Loaders) -> None:
    lender = models(low_vram=False)
    meeting = threading.Barrier(2, timeout=WAIT)

    def work(role: Role) -> None:
        with use(lender, role):
            meeting.wait()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ("diffusion", "captioner"), timeout=WAIT))


def test_threads_share_little_memory(loaders: Loaders) -> None:
    """Under low_vram one model is on the device, whichever threads want which."""
    lender = models()

    def work(number: int) -> None:
        role: Any = EDIT_ROLES[number % 3]
        with use(lender, role) as layer:
            run(layer)
            assert loaders.on_meta == 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(300), timeout=WAIT))
    assert sorted(loaders.calls) == sorted(EDIT_ROLES)


def test_edits_of_several_threads_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guidance swaps the UNet's attention processors: of two edits at once one would record the other's maps."""
    shared = tiny_diffusion()
    monkeypatch.setattr(loading, "load_backbone", lambda *_: shared)
    lender = models(CPU, low_vram=False)
    directions = [torch.full((1, 77, 32), scale) for scale in (0.1, 0.5, -0.3, 0.0)]
    options = EditOptions.of(AttentionOptions(), steps=3)

    def edited(number: int) -> Tensor:
        noise = random_latents(8, 8, seed=number)
        with lender.using("diffusion") as diffusion:
            assert isinstance(diffusion, LatentDiffusion)
            edit = guided(inversion_of(noise, options.steps), directions[number])
            return guided_edits(diffusion, [edit], options)[0].edited

    one_by_one = [edited(number) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(edited, range(4), timeout=120))
    for alone, beside in zip(one_by_one, at_once, strict=True):
        assert torch.equal(alone, beside)


def test_threads_can_load_different_models_at_once(tiny_folder: Path, tiny_family: str) -> None:
    """The libraries change torch's default precision while they load, for all threads."""
    from pix2pix_onthefly.models import families

    lender = Models(families.FAMILIES[tiny_family], CPU, torch.bfloat16)

    def work(role: Role) -> None:
        with lender.using(role):
            pass

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, EDIT_ROLES, timeout=120))
    assert torch.get_default_dtype() == torch.float32
    with lender.using("diffusion") as diffusion:
        assert isinstance(diffusion, LatentDiffusion)
        assert {network.dtype for network in (diffusion.unet, diffusion.vae, diffusion.text_encoder)} == {
            torch.bfloat16
        }
