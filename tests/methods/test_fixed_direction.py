"""Fixed directions: between sentences about what changes, whatever else the captions say."""

from __future__ import annotations

import pytest
import torch

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.methods.direction import edit_direction
from pix2pix_onthefly.methods.fixed_direction import FixedDirection
from pix2pix_onthefly.options import EditOptions
from pix2pix_onthefly.pictures.fitting import psnr
from pix2pix_onthefly.records import EditCaptions
from tests.helpers import networks_of, record_returns
from tests.methods.cases import case_of, edited, few_sentences, quick


@pytest.fixture
def options(editor: Editor) -> EditOptions:
    return quick(editor, "pix2pix-zero-fixed")


def method_of(editor: Editor, options: EditOptions) -> FixedDirection:
    method = editor.executor.method(options.method)
    assert isinstance(method, FixedDirection)
    return method


def captions(before: str, after: str) -> EditCaptions:
    return EditCaptions((before,), (after,), "given")


def test_directions_depend_on_the_changed_phrases_alone(
    editor: Editor, options: EditOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_sentences(monkeypatch)
    method, diffusion = method_of(editor, options), networks_of(editor)
    direction = method.direction(diffusion, captions("a cat on the table", "a dog on the table")).hidden
    again = method.direction(diffusion, captions("a cat in the red snow", "a dog in the red snow")).hidden
    assert torch.equal(direction, again)
    assert direction.abs().max() > 0
    other = method.direction(diffusion, captions("a cat on the table", "a cow on the table")).hidden
    assert not torch.equal(direction, other)


def test_the_direction_of_a_phrase_is_computed_once_a_batch(
    editor: Editor, options: EditOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_sentences(monkeypatch)
    method, executor = method_of(editor, options), editor.executor
    from tests.methods.cases import job

    (draft,) = executor.prepared([executor.begun(job(options))], [method], lambda *_: None)
    computed = record_returns(monkeypatch, method, "direction")
    diffusion = networks_of(editor)
    cases = [
        case_of(diffusion, options, picture=draft.prepared(), captions=given)
        for given in (captions("a cat on the table", "a dog on the table"), captions("a cat", "a dog"))
    ]
    method.edit(diffusion, cases, options)
    assert len(computed) == 1


def test_directions_are_those_of_the_sentences(editor: Editor, options: EditOptions) -> None:
    """The rest is the guided edit: the same picture as the paper's method makes with that direction, and the same
    reconstruction."""
    sentences = method_of(editor, options).pool.sentences(("a red cat", "a blue dog"))
    assert len(sentences[0]) == len(sentences[1]) > 200
    assert all("a red cat" in old and "a blue dog" in new for old, new in zip(*sentences, strict=True))
    direction = edit_direction(networks_of(editor), *sentences)
    expected = edited(editor, quick(editor, "attention"), captions=None, direction=direction)
    found = edited(editor, options)
    assert found.image.tobytes() == expected.image.tobytes()
    assert found.reconstruction is not None
    assert expected.reconstruction is not None
    assert found.reconstruction.tobytes() == expected.reconstruction.tobytes()


def test_nothing_changes_where_the_captions_say_the_same(editor: Editor) -> None:
    options = quick(editor, "pix2pix-zero-fixed", cross_attention_guidance=0.0)
    found = edited(editor, options, captions=captions("a cat", "A cat."))
    assert found.reconstruction is not None
    assert psnr(found.image, found.reconstruction) > 50
