"""Null-text inversion: against a plain loop of the published algorithm, and what it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pix2pix_onthefly.backbones.drawing import sample
from pix2pix_onthefly.backbones.stable_diffusion import LatentDiffusion
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.inversions import null_text
from pix2pix_onthefly.inversions.ddim import walk_to_noise
from pix2pix_onthefly.inversions.null_text import NullTextInversion
from pix2pix_onthefly.methods.empty_text import empty_texts
from pix2pix_onthefly.options import DdimOptions, EditOptions
from pix2pix_onthefly.records import Conditioning, Inverted
from tests.helpers import AFTER, CAPTION, difference, random_latents, record_returns, report
from tests.methods.cases import edited, quick
from tests.running.cases import inverted, jobs, keeping, made, noise_files

CAPTIONS = [CAPTION, AFTER[0]]
GUIDANCE = 7.5


def options_of(**changes: Any) -> EditOptions:
    own = DdimOptions(guidance_scale=changes.pop("guidance_scale", GUIDANCE))
    return EditOptions.of(own, **{"steps": 6, "inversion": "null-text", **changes})


def inverted_pictures(diffusion: LatentDiffusion, latents: Tensor, **changes: Any) -> list[Inverted]:
    return NullTextInversion().invert(diffusion, latents, CAPTIONS[: len(latents)], options_of(**changes))


def sampled(diffusion: LatentDiffusion, found: list[Inverted], unwanted: list[Conditioning]) -> Tensor:
    """Guided sampling from the noise under the pictures' own captions."""
    noise = torch.cat([one.noise for one in found])
    wanted = diffusion.condition([one.caption for one in found])
    return sample(diffusion, noise, unwanted, wanted, GUIDANCE, found[0].steps)


def as_published(diffusion: LatentDiffusion, latents: Tensor, options: EditOptions) -> Tensor:
    """The embeddings [steps, tokens, width] of one picture, written as the authors' notebook is."""
    own, steps, wanted = options.inversion, options.steps, diffusion.condition([CAPTION])
    trajectory = walk_to_noise(diffusion, latents, wanted, options)
    path, text, here, found = diffusion.schedule(steps), diffusion.embed([""]), trajectory[-1], list[Tensor]()
    for place, timestep in enumerate(path.timesteps):
        text = text.clone().detach().requires_grad_()
        optimiser = torch.optim.Adam([text], lr=1e-2 * (1 - place / (2 * steps)))
        with torch.no_grad():
            towards = diffusion.predict_noise(here, timestep, wanted.hidden)
        for _ in range(own.null_text_steps):
            away = diffusion.predict_noise(here, timestep, text)
            ended = path.denoise(here, away + GUIDANCE * (towards - away), timestep)
            loss = torch.nn.functional.mse_loss(ended, trajectory[-2 - place])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if loss.item() < own.null_text_tolerance + place * 1e-3 / steps:
                break
        with torch.no_grad():
            away = diffusion.predict_noise(here, timestep, text)
            here = path.denoise(here, away + GUIDANCE * (towards - away), timestep)
        found.append(text.detach()[0])
    return torch.stack(found)


@pytest.mark.parametrize("tolerance", [0.0, 0.01])
def test_it_is_the_published_loop(diffusion: LatentDiffusion, tolerance: float) -> None:
    """Also where some steps are near enough from the start."""
    latents, changes = random_latents(), {"null_text_steps": 3, "null_text_tolerance": tolerance}
    (ours,) = inverted_pictures(diffusion, latents, **changes)
    assert ours.empty_texts is not None
    theirs = as_published(diffusion, latents, options_of(**changes))
    report("null-text against the published loop", difference(ours.empty_texts, theirs))
    assert difference(ours.empty_texts, theirs) < 1e-4
    assert difference(theirs, diffusion.embed([""]).expand_as(theirs)) > 1e-3


def test_guided_sampling_comes_back_closer_with_it_than_without(diffusion: LatentDiffusion) -> None:
    latents = random_latents()
    found = inverted_pictures(diffusion, latents)
    apart = [
        float((sampled(diffusion, found, unwanted) - latents).square().mean())
        for unwanted in (empty_texts(diffusion, found), [diffusion.condition([""])])
    ]
    report("mean squared distance with optimised texts", apart[0])
    report("mean squared distance with the plain empty text", apart[1])
    assert apart[0] < apart[1] / 2


def test_pictures_side_by_side_get_what_they_get_alone(diffusion: LatentDiffusion) -> None:
    """Though they stop at different steps, and whatever share of them is differentiated at once."""
    latents = random_latents(rows=2)
    latents[1] *= 0.2
    changes = {"null_text_tolerance": 0.003, "steps": 4}
    together = inverted_pictures(diffusion, latents, **changes)
    (alone,) = inverted_pictures(diffusion, latents[:1], **changes)
    assert alone.empty_texts is not None
    assert together[0].empty_texts is not None
    assert difference(together[0].empty_texts, alone.empty_texts) < 1e-3
    diffusion.gradient_rows = 1
    try:
        one_by_one = inverted_pictures(diffusion, latents, **changes)
    finally:
        diffusion.gradient_rows = None
    for one, other in zip(one_by_one, together, strict=True):
        assert one.empty_texts is not None
        assert other.empty_texts is not None
        assert difference(one.empty_texts, other.empty_texts) < 1e-3


def test_at_guidance_1_the_empty_text_stays_as_it_is(diffusion: LatentDiffusion) -> None:
    (found,) = inverted_pictures(diffusion, random_latents(), guidance_scale=1.0, steps=2)
    assert found.empty_texts is not None
    assert torch.equal(found.empty_texts, diffusion.embed([""]).expand_as(found.empty_texts))


def test_an_edit_uses_what_was_optimised(editor: Editor) -> None:
    aligned, optimised = (edited(editor, quick(editor, "ddim", inversion=kind)) for kind in ("aligned", "null-text"))
    assert aligned.image.tobytes() != optimised.image.tobytes()


def test_it_is_kept_with_its_texts_for_its_own_guidance(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = record_returns(monkeypatch, null_text, "optimised_empty_texts")
    changes: dict[str, Any] = {"method": "ddim", "inversion": "null-text", "null_text_steps": 1}
    first = made(keeping(editor, tmp_path), jobs(editor, **changes))
    assert [len(noise_files(tmp_path)), len(work)] == [2, 1]
    again = made(keeping(editor, tmp_path), jobs(editor, **changes))
    assert [one.image.tobytes() for one in again] == [one.image.tobytes() for one in first]
    assert len(work) == 1
    inverted(keeping(editor, tmp_path), jobs(editor, **changes, guidance_scale=2.0))
    assert [len(noise_files(tmp_path)), len(work)] == [4, 2]


def test_a_prepared_picture_serves_the_guidance_it_was_optimised_for(editor: Editor) -> None:
    options = quick(editor, "ddim", inversion="null-text", guidance_scale=2.0)
    job = jobs(editor)[0]
    prepared = editor.prepare(job.picture, options=options, caption="a cat")
    words: dict[str, Any] = {"before": "a cat", "after": "a dog"}
    assert editor.edit(prepared, "", **words).image.size == job.original.size
    with pytest.raises(OptionError, match=r"prepared with guidance_scale 2\.0, not 3\.0; prepare it anew"):
        editor.edit(prepared, "", options=options.with_changes(guidance_scale=3.0), **words)


@pytest.mark.parametrize(
    ("method", "changes"), [("attention", {}), ("flow", {}), ("reconstruction", {}), ("ddim", {"negative": "source"})]
)
def test_methods_without_an_empty_text_refuse_it_in_one_sentence(method: str, changes: dict[str, str]) -> None:
    editor = Editor.load("mini", device="cpu")
    with pytest.raises(OptionError, match=f"inversion null-text is for methods.*{method}") as error:
        editor.options(method=method, inversion="null-text", **changes)
    assert "\n" not in str(error.value)
