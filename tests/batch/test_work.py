"""Carrying out units with the tiny family: what is made, kept, shared and survived."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pix2pix_onthefly.batch.dealing import carried_out
from pix2pix_onthefly.batch.folder import BatchFolder
from pix2pix_onthefly.batch.outcomes import Outcome
from pix2pix_onthefly.batch.units import Unit, Wanted
from pix2pix_onthefly.batch.work import carry_out
from pix2pix_onthefly.captioning.blip import BlipCaptioner
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import OutputError
from pix2pix_onthefly.pictures.saving import read_recipe
from tests.evaluation.fixtures import draw_picture
from tests.helpers import record_returns

QUICK: dict[str, Any] = {"method": "sdedit", "steps": 3, "size": 64, "attempts": 1, "shots": 0, "force": True}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    draw_picture(1, (80, 60)).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> BatchFolder:
    folder = BatchFolder(tmp_path / "out")
    with folder.held():
        return folder


def _unit(editor: Editor, picture: Path, *instructions: str, **changes: Any) -> Unit:
    options = editor.options(**{**QUICK, **changes})
    return Unit(picture, tuple(Wanted(one, options, before=("a cat",), after=("a dog",)) for one in instructions))


def _statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]


def test_an_edit_is_saved_with_its_recipe_and_kept_by_the_next_run(
    editor: Editor, picture: Path, folder: BatchFolder
) -> None:
    unit = _unit(editor, picture, "make it a dog", "make it a pug")
    made = carry_out(editor, [unit], folder)
    assert _statuses(made) == ["made", "made"]
    recipe = read_recipe(folder.path / made[1].pictures[0])
    assert (recipe["instruction"], recipe["source"]) == ("make it a pug", "cat.png")
    before = (folder.path / made[0].pictures[0]).stat().st_mtime_ns
    again = carry_out(editor, [unit], folder)
    assert _statuses(again) == ["kept", "kept"]
    assert [one.pictures for one in again] == [one.pictures for one in made]
    assert (folder.path / made[0].pictures[0]).stat().st_mtime_ns == before


def test_another_picture_instruction_or_option_is_new_work(editor: Editor, picture: Path, folder: BatchFolder) -> None:
    carry_out(editor, [_unit(editor, picture, "make it a dog")], folder)
    changed = [_unit(editor, picture, "make it a pug"), _unit(editor, picture, "make it a dog", seed=7)]
    assert _statuses(carry_out(editor, changed, folder)) == ["made", "made"]
    draw_picture(2, (80, 60)).save(picture)
    assert _statuses(carry_out(editor, [_unit(editor, picture, "make it a dog")], folder)) == ["made"]
    assert len(list(folder.path.glob("*.png"))) == 4


def test_the_same_pixels_under_another_name_are_the_same_work(
    editor: Editor, picture: Path, folder: BatchFolder
) -> None:
    copy = picture.with_name("copy.bmp")
    with Image.open(picture) as image:
        image.save(copy)
    units = [_unit(editor, path, "make it a dog") for path in (picture, copy)]
    outcomes = dict(carried_out(editor, units, folder))
    assert _statuses([outcomes[place] for place in (0, 1)]) == ["made", "kept"]
    assert len(list(folder.path.glob("*.png"))) == 1


def test_a_picture_that_is_gone_is_made_again(editor: Editor, picture: Path, folder: BatchFolder) -> None:
    unit = _unit(editor, picture, "make it a dog")
    (outcome,) = carry_out(editor, [unit], folder)
    (folder.path / outcome.pictures[0]).unlink()
    assert _statuses(carry_out(editor, [unit], folder)) == ["made"]


def test_one_failure_leaves_the_others_and_is_tried_again(
    editor: Editor, picture: Path, folder: BatchFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, thin = tmp_path / "broken.png", tmp_path / "thin.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.new("RGB", (4000, 8)).save(thin)
    units = [_unit(editor, path, "make it a dog") for path in (broken, thin, tmp_path / "none.png", picture)]
    outcomes = carry_out(editor, units, folder)
    assert _statuses(outcomes) == ["failed", "failed", "failed", "made"]
    assert "crop it" in str(outcomes[1].error)
    assert "there is no file" in str(outcomes[2].error)
    draw_picture(3, (80, 60)).save(tmp_path / "none.png")
    assert _statuses(carry_out(editor, units, folder)) == ["failed", "failed", "made", "kept"]


def test_a_fault_of_the_program_at_one_edit_leaves_the_others(
    editor: Editor, picture: Path, folder: BatchFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = editor.executor.map

    def map_jobs(jobs: Any, *more: Any) -> Any:
        if any(job.instruction == "make it a cow" for job in jobs):
            raise ZeroDivisionError("no cows")
        return original(jobs, *more)

    monkeypatch.setattr(editor.executor, "map", map_jobs)
    outcomes = carry_out(editor, [_unit(editor, picture, "make it a dog", "make it a cow")], folder)
    assert _statuses(outcomes) == ["made", "failed"]
    assert "no cows" in str(outcomes[1].error)


def test_a_folder_that_takes_no_more_ends_the_run(
    editor: Editor, picture: Path, folder: BatchFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise OutputError("the disk is full")

    monkeypatch.setattr(BatchFolder, "save", full)
    with pytest.raises(OutputError, match="full"):
        carry_out(editor, [_unit(editor, picture, "make it a dog")], folder)


def test_instructions_of_one_picture_share_its_caption(
    editor: Editor, picture: Path, folder: BatchFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions = record_returns(monkeypatch, BlipCaptioner, "describe")
    carry_out(editor, [_unit(editor, picture, "make it a dog", "make it a pug", "make it a cow")], folder)
    assert len(captions) == 1


def test_a_unit_is_plain_data_that_can_be_sent_elsewhere(editor: Editor, picture: Path) -> None:
    unit = _unit(editor, picture, "make it a dog")
    assert pickle.loads(pickle.dumps(unit)) == unit


def test_an_outcome_survives_its_plain_form() -> None:
    outcome = Outcome(image="a.png", instruction="blue", status="made", pictures=("b.png",), before=("a cat",))
    assert Outcome.of(outcome.plain()) == outcome
    assert "error" not in replace(outcome, error=None).plain()


def test_two_runs_at_once_in_one_folder_are_refused(folder: BatchFolder) -> None:
    with folder.held(), pytest.raises(OutputError, match="another process"), BatchFolder(folder.path).held():
        pass


def test_what_a_killed_run_left_half_written_is_cleared(folder: BatchFolder) -> None:
    part = folder.path / ".onthefly-1234.part"
    part.write_bytes(b"half")
    with folder.held():
        assert not part.exists()
