"""Our method as the evaluation runs it: in batches, with captions and inversions from the cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pix2pix_onthefly.evaluation.runs.cache import Cache
from pix2pix_onthefly.evaluation.runs.captions import Texts
from pix2pix_onthefly.evaluation.runs.method import Case
from pix2pix_onthefly.evaluation.runs.ours import Ours

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.evaluation.data.magicbrush import load_dataset
from pix2pix_onthefly.evaluation.runs import ours
from pix2pix_onthefly.evaluation.runs.configurations import CAPTIONER, GOLD
from pix2pix_onthefly.records import EditCaptions
from tests.evaluation.fixtures import draw_picture
from tests.evaluation.runs.made import QUICK, write_world
from tests.helpers import record_returns

CAPTIONS = EditCaptions(("a cat on the table",), ("a dog on the table",), "given")
DIFFERENT_CAPTIONS = EditCaptions(("a cat",), ("a blue dog", "a dog"), "given")


@pytest.fixture
def editor(tiny_family: str) -> Editor:
    return Editor.load(tiny_family)


def cases() -> list[Case]:
    """Three edits of two pictures of one size."""
    cat, dog = (draw_picture(seed, (80, 60)) for seed in (1, 2))
    return [
        Case("1", cat, "make it a dog", "a cat", CAPTIONS),
        Case("2", dog, "make it a dog", "a blue cat", CAPTIONS),
        Case("3", cat, "make it blue", "a cat", DIFFERENT_CAPTIONS),
    ]


def method(editor: Editor, folder: Path, **changes: Any) -> Ours:
    return Ours(editor, editor.options(**{**QUICK, "steps": 3, "size": 64, **changes}), Cache(folder))


def noise_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def worst_difference(one: Image.Image, other: Image.Image) -> int:
    assert one.size == other.size
    return int(np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max())


def test_a_batch_makes_what_the_editor_makes_one_by_one(editor: Editor, tmp_path: Path) -> None:
    batched = method(editor, tmp_path)
    made = batched.edit(cases())
    for case, result in zip(cases(), made, strict=True):
        before, after = case.captions.before, case.captions.after
        alone = editor.edit(
            case.picture, "", options=batched.options, caption=case.source_caption, before=before, after=after
        )
        assert worst_difference(alone.image, result.image) <= 1
        assert result.reconstruction is not None
        assert worst_difference(alone.reconstruction, result.reconstruction) <= 1
    assert made[0].image.size == (80, 60)
    assert worst_difference(made[0].image, made[2].image) > 1


def test_kept_noise_gives_the_same_pictures_without_inverting(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = record_returns(monkeypatch, ours, "walk_to_noise")
    first = method(editor, tmp_path).edit(cases())
    assert [len(noise_files(tmp_path)), len(walks)] == [2, 1]
    again = method(editor, tmp_path, captions=4).edit(cases())
    method(editor, tmp_path, guidance_scale=1.5).edit(cases())
    assert len(walks) == 1
    assert [worst_difference(one.image, two.image) for one, two in zip(first, again, strict=True)] == [0, 0, 0]


@pytest.mark.parametrize("change", [{"steps": 4}, {"inversion": "reference"}, {"seed": 1}, {"size": 72}])
def test_noise_is_kept_for_its_own_settings(editor: Editor, tmp_path: Path, change: dict[str, Any]) -> None:
    method(editor, tmp_path).inversions(cases()[:1])
    method(editor, tmp_path, **change).inversions(cases()[:1])
    method(editor, tmp_path).inversions([replace(cases()[0], source_caption="a blue cat")])
    assert len(noise_files(tmp_path)) == 3


def test_a_batch_cut_off_between_two_pictures_is_inverted_as_a_whole_again(editor: Editor, tmp_path: Path) -> None:
    whole = [one.noise for one in method(editor, tmp_path).inversions(cases())]
    noise_files(tmp_path)[0].unlink()
    kept = noise_files(tmp_path)[0]
    stamp = kept.stat().st_mtime_ns
    again = [one.noise for one in method(editor, tmp_path).inversions(cases())]
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))
    assert kept.stat().st_mtime_ns == stamp


def test_a_broken_file_counts_as_missing(editor: Editor, tmp_path: Path) -> None:
    whole = [one.noise for one in method(editor, tmp_path).inversions(cases())]
    noise_files(tmp_path)[1].write_bytes(b"half a file")
    again = [one.noise for one in method(editor, tmp_path).inversions(cases())]
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))
    assert not list(tmp_path.rglob("*.part"))


def test_edits_of_one_picture_share_their_reference(editor: Editor, tmp_path: Path) -> None:
    one, other, third = method(editor, tmp_path).inversions(cases())
    assert one is third
    assert one is not other


def texts(editor: Editor, folder: Path, source: str = CAPTIONER, **changes: Any) -> Texts:
    return Texts(editor, editor.options(**{**QUICK, **changes}), source, Cache(folder))


def test_texts_are_written_once(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = load_dataset(write_world(tmp_path / "world")).turns[0]
    picture = Image.open(turn.source).convert("RGB")
    first = texts(editor, tmp_path)
    caption = first.caption(turn, picture)
    captions = first.rewritten("make it a dog", caption)
    asked = record_returns(monkeypatch, editor.captioner, "describe")
    written = record_returns(monkeypatch, editor.rewriter, "rewrite")
    again = texts(editor, tmp_path, guidance_scale=3.0, steps=9)
    assert again.caption(turn, picture) == caption
    assert again.rewritten("make it a dog", caption) == captions
    assert not asked
    assert not written
    changes: list[dict[str, Any]] = [{"captions": 2}, {"wording": "detailed"}, {"shots": 1}, {"seed": 1}]
    for change in changes:
        texts(editor, tmp_path, **change).rewritten("make it a dog", caption)
    assert len(written) == 4


def test_the_set_can_caption_its_own_pictures(editor: Editor, tmp_path: Path) -> None:
    turn = load_dataset(write_world(tmp_path / "world")).turns[0]
    picture = Image.open(turn.source).convert("RGB")
    assert texts(editor, tmp_path, GOLD).caption(turn, picture) == turn.source_caption
    for missing in (None, " "):
        with pytest.raises(InputError, match="has no description"):
            texts(editor, tmp_path, GOLD).caption(replace(turn, source_caption=missing), picture)
