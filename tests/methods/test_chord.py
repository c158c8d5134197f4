"""ChordEdit's stride."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.methods.flow_steps import noise_of, timestep_at
from pix2pix_onthefly.records import EditCaptions
from tests.helpers import AFTER, BEFORE, networks_of
from tests.methods.cases import case_of, quick


def _made(editor: Editor, **changes: Any) -> torch.Tensor:
    options = quick(editor, "chord", steps=20, **changes)
    (result,) = editor.executor.method(options.method).edit(
        networks_of(editor), [case_of(networks_of(editor), options)], options
    )
    assert isinstance(result.made, torch.Tensor)
    return result.made


def test_the_stride_is_the_weighted_mean_of_two_differences(editor: Editor) -> None:
    backbone = networks_of(editor)
    case = case_of(backbone, quick(editor, "chord"))
    path, before, after = backbone.path(20), backbone.condition([BEFORE[0]]), backbone.condition([AFTER[0]])
    noise = noise_of(case.latents, case.seed, 0)

    def difference(share: float) -> torch.Tensor:
        timestep = timestep_at(path, share)
        level = path.level(timestep)
        noisy = level**0.5 * case.latents + (1 - level) ** 0.5 * noise
        one, other = (
            (noisy - (1 - level) ** 0.5 * backbone.predict(noisy, timestep, text)) / level**0.5
            for text in (after, before)
        )
        return one - other

    expected = case.latents + (0.15 * difference(0.9) + 0.9 * difference(0.75)) / 1.05
    assert torch.allclose(_made(editor, last=0.0), expected, atol=1e-4)


def test_five_predictions_make_an_edit(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, rows = networks_of(editor), list[int]()
    predict = backbone.predict

    def counted(latents: torch.Tensor, *arguments: Any) -> torch.Tensor:
        rows.append(len(latents))
        return predict(latents, *arguments)

    monkeypatch.setattr(backbone, "predict", counted)
    _made(editor)
    assert rows == [2, 2, 1]


def test_equal_captions_move_nothing(editor: Editor) -> None:
    backbone, options = networks_of(editor), quick(editor, "chord", steps=20, last=0.0)
    case = case_of(backbone, options, captions=EditCaptions((BEFORE[0],), (BEFORE[0],), "given"))
    (result,) = editor.executor.method(options.method).edit(backbone, [case], options)
    assert isinstance(result.made, torch.Tensor)
    assert torch.allclose(result.made, case.latents, atol=1e-5)
