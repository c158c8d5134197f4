"""Captions, noise and rewrites: made once, kept by all that they depend on, and the same however a run was cut off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pix2pix_onthefly.captioning.blip import BlipCaptioner
from pix2pix_onthefly.code_digest import code_digest
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.inversions import ddim
from pix2pix_onthefly.records import EditCaptions
from pix2pix_onthefly.rewriting import formats, rewriter
from pix2pix_onthefly.rewriting.rewriter import Rewriter
from pix2pix_onthefly.running import stages
from pix2pix_onthefly.running.cache import KeptNoise
from pix2pix_onthefly.running.jobs import Job
from tests.evaluation.fixtures import draw_picture
from tests.helpers import record_returns
from tests.methods.cases import difference_in_levels
from tests.running.cases import SIZE, inverted, jobs, keeping, made, noise_files, options_of

INSTRUCTION = "make it a dog"


def test_kept_noise_gives_the_same_pictures_without_inverting(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for other captions and another guidance, which the noise does not depend on."""
    walks = record_returns(monkeypatch, ddim, "walk_to_noise")
    first = made(keeping(editor, tmp_path), jobs(editor))
    assert [len(noise_files(tmp_path)), len(walks)] == [2, 1]
    again = made(keeping(editor, tmp_path), jobs(editor, captions=4))
    made(keeping(editor, tmp_path), jobs(editor, guidance_scale=1.5))
    made(keeping(editor, tmp_path), jobs(editor, method="ddim"))
    made(keeping(editor, tmp_path), jobs(editor, method="reconstruction"))
    assert len(walks) == 1
    assert [one.image.tobytes() for one in first] == [two.image.tobytes() for two in again]


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 4},
        {"inversion": "reference"},
        {"regularisation_rounds": 1},
        {"size": 72},
        {"precision": "bfloat16"},
        {"caption": "a blue cat"},
    ],
)
def test_noise_is_kept_for_its_own_settings(editor: Editor, tmp_path: Path, change: dict[str, Any]) -> None:
    """Options, precision, caption: each another file."""
    other = dict(change)
    precision, caption = other.pop("precision", "float32"), other.pop("caption", "a cat")
    inverted(keeping(editor, tmp_path), jobs(editor)[:1])
    settings = editor.settings.with_changes(precision=precision)
    inverted(keeping(Editor(settings), tmp_path), [replace(jobs(editor, **other)[0], caption=caption)])
    assert len(noise_files(tmp_path)) == 2


def test_a_seed_that_nothing_is_drawn_from_makes_no_other_noise(editor: Editor, tmp_path: Path) -> None:
    """Only the regularisation draws."""
    for seed in (0, 1):
        inverted(keeping(editor, tmp_path), jobs(editor, seed=seed)[:1])
    assert len(noise_files(tmp_path)) == 1
    for seed in (0, 1):
        inverted(keeping(editor, tmp_path), jobs(editor, seed=seed, regularisation_rounds=1)[:1])
    assert len(noise_files(tmp_path)) == 3


def test_a_batch_with_one_missing_noise_is_inverted_as_a_whole_and_what_was_kept_stays(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [one.noise for one in inverted(keeping(editor, tmp_path), jobs(editor))]
    noise_files(tmp_path)[0].unlink()
    kept = noise_files(tmp_path)[0]
    stamp = kept.stat().st_mtime_ns
    walks = record_returns(monkeypatch, ddim, "walk_to_noise")
    again = [one.noise for one in inverted(keeping(editor, tmp_path), jobs(editor))]
    assert [len(trajectory[0]) for trajectory in walks] == [2]
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))
    assert kept.stat().st_mtime_ns == stamp


def test_kept_noise_wins_over_what_is_inverted_beside_it(editor: Editor, tmp_path: Path) -> None:
    """A run that was cut off ends with the noise that its earlier edits were made from."""
    cached = keeping(editor, tmp_path)
    first = inverted(cached, jobs(editor)[:1])[0].noise
    stage = cached.executor.stages
    draft = cached.executor.begun(jobs(editor)[0])
    changed = first + 1
    stage.cache.keep_noise(stage._noise_key(draft), KeptNoise(changed))  # pyright: ignore[reportPrivateUsage]
    found = inverted(keeping(editor, tmp_path), jobs(editor))
    assert torch.equal(found[0].noise, changed)


def test_a_broken_file_counts_as_missing(editor: Editor, tmp_path: Path) -> None:
    whole = [one.noise for one in inverted(keeping(editor, tmp_path), jobs(editor))]
    noise_files(tmp_path)[1].write_bytes(b"half a file")
    again = [one.noise for one in inverted(keeping(editor, tmp_path), jobs(editor))]
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))
    assert not list(tmp_path.rglob("*.part"))


def test_edits_of_one_picture_share_their_noise(editor: Editor) -> None:
    """One object, by which methods know that a reference serves several edits."""
    one, other, third = inverted(editor, jobs(editor))
    assert one is third
    assert one is not other


def texts_of(editor: Editor, instruction: str = INSTRUCTION, **changes: Any) -> tuple[str, EditCaptions]:
    """Captions of an edit whose method takes the least work."""
    options = options_of(editor, method="sdedit", **{"steps": 2, **changes})
    (result,) = made(editor, [Job(draw_picture(1, SIZE), instruction, options)])
    return result.caption, result.captions


def test_texts_are_written_once(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again for other settings of theirs, another seed, another instruction; not for those of the edit."""
    asked = record_returns(monkeypatch, BlipCaptioner, "describe")
    written = record_returns(monkeypatch, Rewriter, "rewrite")
    first = texts_of(keeping(editor, tmp_path))
    assert texts_of(keeping(editor, tmp_path), guidance_scale=3.0, steps=3) == first
    assert (len(asked), len(written)) == (1, 1)
    changes: list[dict[str, Any]] = [
        {"captions": 2},
        {"wording": "detailed"},
        {"shots": 1},
        {"seed": 1},
        {"temperature": 1.0},
        {"instruction": "make it red"},
    ]
    for change in changes:
        texts_of(keeping(editor, tmp_path), **change)
    assert (len(asked), len(written)) == (1, 1 + len(changes))


def test_captions_of_a_caller_are_taken_as_they_are(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = record_returns(monkeypatch, BlipCaptioner, "describe")
    written = record_returns(monkeypatch, Rewriter, "rewrite")
    found = made(keeping(editor, tmp_path), jobs(editor))
    assert [result.caption for result in found] == ["a cat", "a blue cat", "a cat"]
    assert not asked
    assert not written
    assert not list((tmp_path / "captions").rglob("*.json"))


def test_a_changed_prompt_is_rewritten_again(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wording of the task, the examples of the pool, and the code that reads replies: each counts by content."""
    written = record_returns(monkeypatch, Rewriter, "rewrite")
    texts_of(keeping(editor, tmp_path), shots=1)
    with monkeypatch.context() as patch:
        patch.setitem(formats.WORDINGS, "terse", formats.WORDINGS["terse"] + " Be brief.")
        texts_of(keeping(editor, tmp_path), shots=1)
    assert len(written) == 2
    with monkeypatch.context() as patch:
        original = stages.load_pool
        patch.setattr(stages, "load_pool", lambda name: [replace(one, instruction="do it") for one in original(name)])
        texts_of(keeping(editor, tmp_path), shots=1)
    assert len(written) == 3
    with monkeypatch.context() as patch:
        patch.setattr(stages, "code_digest", lambda *modules: code_digest(*modules)[::-1])
        texts_of(keeping(editor, tmp_path), shots=1)
    assert len(written) == 4
    texts_of(keeping(editor, tmp_path), shots=1)
    assert len(written) == 4


def test_noise_that_other_code_made_is_not_used(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inverted(keeping(editor, tmp_path), jobs(editor)[:1])
    monkeypatch.setattr(stages, "code_digest", lambda *modules: code_digest(*modules)[::-1])
    inverted(keeping(editor, tmp_path), jobs(editor)[:1])
    assert len(noise_files(tmp_path)) == 2
    assert code_digest(ddim) != code_digest(rewriter)


@pytest.mark.parametrize("role", ["diffusion", "captioner", "rewriter"])
def test_texts_and_noise_of_other_weights_are_not_used(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """Each kind is kept for its own model: other weights of one leave what the others made."""
    calls = {
        "diffusion": record_returns(monkeypatch, ddim, "walk_to_noise"),
        "captioner": record_returns(monkeypatch, BlipCaptioner, "describe"),
        "rewriter": record_returns(monkeypatch, Rewriter, "rewrite"),
    }
    job = Job(draw_picture(1, SIZE), INSTRUCTION, options_of(editor, steps=2))
    made(keeping(editor, tmp_path), [job])
    original, family = stages.weights_key, editor.family
    changed = getattr(family, role)
    monkeypatch.setattr(stages, "weights_key", lambda row: ("other", None) if row == changed else original(row))
    made(keeping(editor, tmp_path), [job])
    assert {name: len(found) for name, found in calls.items()} == {name: 2 if name == role else 1 for name in calls}


def test_pictures_made_from_the_cache_are_the_same(editor: Editor, tmp_path: Path) -> None:
    job = Job(draw_picture(1, SIZE), INSTRUCTION, options_of(editor))
    plain, first, kept = (made(one, [job])[0] for one in (editor, *(keeping(editor, tmp_path) for _ in range(2))))
    assert difference_in_levels(plain.image, first.image) == 0
    assert difference_in_levels(first.image, kept.image) == 0
    assert (plain.caption, plain.captions) == (kept.caption, kept.captions)
