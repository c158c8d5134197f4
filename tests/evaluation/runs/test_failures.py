"""Edits that fail: they are tried again when a run goes on, and their messages tell nothing of the machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.evaluation.data.turns import MULTI, SETTINGS, SINGLE, Turn
from pix2pix_onthefly.evaluation.report.base_names import base_names
from pix2pix_onthefly.evaluation.runs.setup import Setup
from pix2pix_onthefly.methods.attention_guidance import AttentionGuidance
from pix2pix_onthefly.pictures import saving
from tests.evaluation.runs.made import answer_at_once, evaluate, lines_of, report, setup_of, write_world


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_at_once(monkeypatch)


def refusing(
    monkeypatch: pytest.MonkeyPatch, is_refused: Callable[[Any], bool], sentence: str = "this picture will not do"
) -> list[list[str]]:
    """Makes our method refuse some cases; collects the instructions of every batch."""
    original, batches = AttentionGuidance.edit, list[list[str]]()

    def edit(self: AttentionGuidance, backbone: Any, cases: Any, *more: Any) -> Any:
        batches.append([case.instruction for case in cases])
        if any(is_refused(case) for case in cases):
            raise InputError(sentence)
        return original(self, backbone, cases, *more)

    monkeypatch.setattr(AttentionGuidance, "edit", edit)
    return batches


def turn_of(setup: Setup, length: int, number: int = 1) -> Turn:
    """A turn of the first session of so many."""
    return next(turns for turns in setup.dataset.sessions() if len(turns) == length)[number - 1]


def test_failed_edits_are_tried_again_in_the_same_batches(
    world: Path, tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a run whose failures were mended ends with the tables and pictures of one that had none."""
    refused = turn_of(setup_of(world, tmp_path / "mended"), 3).instruction
    with monkeypatch.context() as patch:
        refusing(patch, lambda case: case.instruction == refused)
        first = evaluate(setup_of(world, tmp_path / "mended"))
    assert [result.instruction for result in first.results if result.error] == [refused]
    with monkeypatch.context() as patch:
        again_batches = refusing(patch, lambda case: False)
        again = evaluate(setup_of(world, tmp_path / "mended"))
    with monkeypatch.context() as patch:
        whole_batches = refusing(patch, lambda case: False)
        evaluate(setup_of(world, tmp_path / "whole"))
    assert not any(result.error for result in again.results)
    (batch,) = again_batches
    assert refused in batch
    assert len(batch) > 1
    assert batch in whole_batches
    assert report(tmp_path / "mended") == report(tmp_path / "whole")
    for result in again.results:
        one, other = (tmp_path / run / str(result.picture) for run in ("mended", "whole"))
        assert saving.read_recipe(one)["configuration"] == saving.read_recipe(other)["configuration"]


def test_an_edit_that_fails_again_is_stored_again_and_the_others_are_not_made_anew_for_ever(
    world: Path, tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = turn_of(setup_of(world, tmp_path), 3).instruction
    refusing(monkeypatch, lambda case: case.instruction == refused)
    first = evaluate(setup_of(world, tmp_path))
    again = evaluate(setup_of(world, tmp_path))
    assert [(result.key, result.error) for result in again.results] == [
        (result.key, result.error) for result in first.results
    ]


def test_a_chain_goes_on_where_its_first_edit_is_mended(
    world: Path, tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = setup_of(world, tmp_path)
    session = turn_of(setup, 3)
    with monkeypatch.context() as patch:
        refusing(patch, lambda case: case.instruction == session.instruction)
        first = evaluate(setup, (MULTI,))
    failed = [result.key for result in first.results if result.error]
    assert failed == [f"{session.session}/{number}/{MULTI}" for number in (1, 2, 3)]
    assert not any(result.error for result in evaluate(setup_of(world, tmp_path), (MULTI,)).results)


def test_a_first_turn_that_failed_in_one_setting_is_mended_by_the_other(
    world: Path, tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First turns are the same in both settings. One that failed in both and was then made in one is copied to the
    other, and the chain behind it is made."""
    session = turn_of(setup_of(world, tmp_path), 3)
    with monkeypatch.context() as patch:
        refusing(patch, lambda case: case.instruction == session.instruction)
        evaluate(setup_of(world, tmp_path), SETTINGS)
    evaluate(setup_of(world, tmp_path), (SINGLE,))
    both = evaluate(setup_of(world, tmp_path), SETTINGS)
    assert [result.key for result in both.results if result.error] == []
    pictures = {result.setting: result.picture for result in both.results if result.session == session.session}
    assert set(pictures) == set(SETTINGS)


def test_stored_messages_hold_no_folders(tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a folder's name holds blanks, and where several files are named; what is no path stays."""
    world = write_world(tmp_path / "my own sets" / "world")
    setup = setup_of(world, tmp_path / "my results")
    turn = setup.dataset.turns[-1]
    sentence = f"{turn.source} and C:\\Users\\me\\b.png are not at https://host.example/x/y or owner/name"
    refusing(monkeypatch, lambda case: case.instruction == turn.instruction, sentence)
    (failed,) = [result for result in evaluate(setup).results if result.error]
    assert failed.error == f"{turn.source.name} and b.png are not at https://host.example/x/y or owner/name"
    for line in lines_of(tmp_path / "my results"):
        assert not any(folder in str(line) for folder in (str(tmp_path), "my own sets", "my results"))


@pytest.mark.parametrize(
    ("message", "stored"),
    [
        ("there is no file /home/me/a.png", "there is no file a.png"),
        ("/home/me/a.png, /home/me/b/c.png: denied", "a.png, c.png: denied"),
        ("(/data/set one/a.png)", "(a.png)"),
        ("C:\\Users\\John Smith\\a.png and D:/b.png", "a.png and b.png"),
        ("\\\\server\\share\\a.png", "a.png"),
        ("see https://host.example/a/b and hf://owner/name", "see https://host.example/a/b and hf://owner/name"),
        ("openai/clip-vit-base-patch32 is not here", "openai/clip-vit-base-patch32 is not here"),
        ("package:mini/clip, 3/4 and and/or", "package:mini/clip, 3/4 and and/or"),
        ("pictures/a/1.png is relative", "pictures/a/1.png is relative"),
    ],
)
def test_messages_lose_folders_and_nothing_else(message: str, stored: str) -> None:
    assert base_names(message) == stored
