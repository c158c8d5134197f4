"""The executor: many edits in batches, what they share, and what happens where memory or threads run short."""

from __future__ import annotations

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image

from pix2pix_onthefly.captioning.blip import BlipCaptioner
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import InputError, OnTheFlyError
from pix2pix_onthefly.inversions import ddim
from pix2pix_onthefly.methods.attention_guidance import AttentionGuidance
from pix2pix_onthefly.options import AttentionOptions, EditOptions
from pix2pix_onthefly.records import EditResult
from pix2pix_onthefly.running.jobs import Job
from tests.evaluation.fixtures import draw_picture
from tests.helpers import record_returns
from tests.methods.cases import difference_in_levels
from tests.running.cases import CAPTIONS, SIZE, jobs, made, options_of

METHODS = ("attention", "ddim", "sdedit-0.5", "reconstruction")


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_makes_what_the_editor_makes_one_by_one(editor: Editor, method: str) -> None:
    """Edit and unedited regeneration within one level of 255, at the pictures' own size."""
    given = jobs(editor, method=method, **({} if method == "reconstruction" else {"guidance_scale": 3.0}))
    together = made(editor, given)
    for job, result in zip(given, together, strict=True):
        assert job.captions is not None
        before, after = job.captions.before, job.captions.after
        alone = editor.edit(job.picture, "", options=job.options, caption=job.caption, before=before, after=after)
        assert difference_in_levels(alone.image, result.image) <= 1
        assert (alone.reconstruction is None) == (result.reconstruction is None)
        if alone.reconstruction is not None and result.reconstruction is not None:
            assert difference_in_levels(alone.reconstruction, result.reconstruction) <= 1
    assert together[0].image.size == SIZE
    assert (difference_in_levels(together[0].image, together[2].image) > 1) == (method != "reconstruction")


def test_results_come_in_the_order_of_the_jobs_whatever_their_sizes_and_options(editor: Editor) -> None:
    given = [
        Job(draw_picture(seed, size), f"make it {seed}", options_of(editor, method=method), "a cat", CAPTIONS)
        for seed, (size, method) in enumerate(
            [((80, 60), "ddim"), ((64, 64), "attention"), ((80, 60), "attention"), ((64, 64), "sdedit-0.5")]
        )
    ]
    found = made(editor, given)
    assert [result.instruction for result in found] == [job.instruction for job in given]
    assert [result.options.method for result in found] == [job.options.method for job in given]
    assert [result.image.size for result in found] == [(80, 60), (64, 64), (80, 60), (64, 64)]


def test_a_job_that_cannot_be_done_leaves_the_others(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not fit the models, and one that a method refuses amid its batch."""
    original = AttentionGuidance.edit

    def edit(self: AttentionGuidance, backbone: Any, cases: Any, *more: Any) -> Any:
        if any(case.instruction == "make it a cow" for case in cases):
            raise InputError("this picture will not do")
        return original(self, backbone, cases, *more)

    monkeypatch.setattr(AttentionGuidance, "edit", edit)
    given = jobs(editor)
    given.insert(1, replace(given[0], picture=Image.new("RGB", (4000, 8))))
    given.insert(2, replace(given[0], instruction="make it a cow"))
    found = editor.executor.map(given)
    assert isinstance(found[1], InputError)
    assert str(found[2]) == "this picture will not do"
    whole = made(editor, jobs(editor))
    for place, result in zip((0, 3, 4), whole, strict=True):
        one = found[place]
        assert isinstance(one, EditResult)
        assert difference_in_levels(one.image, result.image) <= 1


def test_equal_pictures_in_different_objects_are_captioned_and_inverted_once(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = record_returns(monkeypatch, BlipCaptioner, "describe")
    walked = record_returns(monkeypatch, ddim, "walk_to_noise")
    pictures = [draw_picture(seed, SIZE) for seed in (1, 2, 1)]
    editor.edit_many(pictures, ["make it red"] * 3, options=options_of(editor))
    assert len(described) == 2
    assert [len(trajectory[0]) for trajectory in walked] == [2]


class Fleeting:
    """Pictures that are made when they are asked for, so that one may lie in memory where another lay."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> Image.Image:
        if place >= self.count:
            raise IndexError(place)
        gc.collect()
        return draw_picture(place, (64, 64))


def test_pictures_that_lie_in_memory_where_others_lay_are_not_mixed_up(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures are known by their content: every one has its own noise, though none of the objects is kept."""
    captions = [f"a {colour} cat" for colour in ("red", "blue", "red", "blue", "red")]
    monkeypatch.setattr(BlipCaptioner, "describe", lambda *_: captions[0])
    pictures: Any = Fleeting(len(captions))
    found = editor.edit_many(pictures, ["make it red"] * len(pictures), options=options_of(editor))
    for place, result in enumerate(found):
        alone = editor.edit(draw_picture(place, (64, 64)), "make it red", options=options_of(editor))
        assert result.source_sha256 == alone.source_sha256
        assert result.reconstruction is not None
        assert alone.reconstruction is not None
        assert difference_in_levels(result.reconstruction, alone.reconstruction) <= 1
        assert difference_in_levels(result.image, alone.image) <= 1


def test_batches_do_not_depend_on_where_pictures_lie_in_memory(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal jobs whose pictures were made in another order: the same batches, and the same bytes."""
    batches: list[list[str]] = []
    original = AttentionGuidance.edit

    def edit(self: AttentionGuidance, backbone: Any, cases: Any, *more: Any) -> Any:
        batches.append([case.instruction for case in cases])
        return original(self, backbone, cases, *more)

    monkeypatch.setattr(AttentionGuidance, "edit", edit)

    def run(order: list[int]) -> list[bytes]:
        pictures = {number: draw_picture(number % 3, SIZE) for number in order}
        ids = sorted(pictures, key=lambda number: id(pictures[number]))
        addresses.append(ids)
        given = [
            Job(pictures[number], f"make it {number}", options_of(editor), "a cat", CAPTIONS) for number in range(5)
        ]
        return [result.image.tobytes() for result in made(editor, given)]

    addresses: list[list[int]] = []
    first, second = run([0, 1, 2, 3, 4]), run([4, 2, 0, 3, 1])
    assert first == second
    assert batches[:2] == batches[2:]
    # Edits of one picture go together; pictures in the order in which they were given.
    assert batches[:2] == [["make it 0", "make it 3", "make it 1"], ["make it 4", "make it 2"]]


@pytest.mark.parametrize("low_vram", [False, True])
def test_two_threads_on_one_editor_give_what_each_gives_alone(tiny_family: str, low_vram: bool) -> None:
    """Bit for bit, with the interpreter switching between them as often as it can."""
    methods = ("attention", "sdedit-0.5", "ddim", "attention")

    def edit(editor: Editor, number: int) -> EditResult:
        options = options_of(editor, method=methods[number], guidance_scale=3.0, steps=4)
        return editor.edit(draw_picture(number, (64, 64)), f"make it {number}", options=options)

    def loaded() -> Editor:
        return Editor.load(tiny_family, device="cpu", low_vram=low_vram)

    alone = [edit(loaded(), number) for number in range(len(methods))]
    shared, pause = loaded(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(methods)) as pool:
            together = list(pool.map(lambda number: edit(shared, number), range(len(methods))))
    finally:
        sys.setswitchinterval(pause)
    for one, other in zip(alone, together, strict=True):
        assert (one.caption, one.captions) == (other.caption, other.captions)
        assert one.image.tobytes() == other.image.tobytes()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: you tried to ..."),
        MemoryError(),
    ],
)
@pytest.mark.parametrize(("edits", "advice"), [(1, "; choose --low-vram"), (5, "3 edits at a time; choose a smaller")])
def test_too_little_memory_is_one_sentence(
    editor: Editor, monkeypatch: pytest.MonkeyPatch, error: Exception, edits: int, advice: str
) -> None:
    """It names what needs less: --low-vram, --size, --precision, and for several edits --batch."""

    def edit(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(AttentionGuidance, "edit", edit)
    given = [replace(jobs(editor)[0], instruction=f"make it {number}") for number in range(edits)]
    with pytest.raises(OnTheFlyError) as caught:
        editor.executor.map(given)
    sentence = str(caught.value)
    assert "too little memory" in sentence
    assert advice in sentence
    assert all(flag in sentence for flag in ("--low-vram", "--size", "--precision"))
    assert ("--batch" in sentence) == (edits > 1)
    assert "\n" not in sentence


def test_other_errors_of_the_runtime_are_not_taken_for_a_lack_of_memory(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(*_: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(AttentionGuidance, "edit", edit)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        editor.executor.map(jobs(editor)[:1])


def test_too_little_memory_for_a_preparation_is_one_sentence(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(ddim, "walk_to_noise", walk)
    with pytest.raises(OnTheFlyError, match=r"too little memory; choose --low-vram"):
        editor.prepare(draw_picture(1, SIZE), options=EditOptions.of(AttentionOptions(), steps=2), caption="a cat")
