"""Runs over a set: what they make, what they leave on disk, and what they do not make twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pix2pix_onthefly.captioning.blip import BlipCaptioner
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.errors import InputError, OptionError
from pix2pix_onthefly.evaluation.data.magicbrush import load_dataset
from pix2pix_onthefly.evaluation.data.turns import MULTI, SETTINGS, SINGLE
from pix2pix_onthefly.evaluation.report.writing import MARKDOWN
from pix2pix_onthefly.evaluation.runs.batches import Shard
from pix2pix_onthefly.evaluation.runs.configurations import GOLD, Configuration, paper_grid
from pix2pix_onthefly.evaluation.runs.official_names import missing_pictures
from pix2pix_onthefly.evaluation.runs.result_files import Result, read_results
from pix2pix_onthefly.evaluation.runs.runner import Extent, run, run_all
from pix2pix_onthefly.evaluation.runs.setup import Setup
from pix2pix_onthefly.inversions import ddim
from pix2pix_onthefly.methods.attention_guidance import AttentionGuidance
from pix2pix_onthefly.models.families import ModelRow
from pix2pix_onthefly.models.identity import weights_key
from pix2pix_onthefly.pictures import fitting, opening, saving
from tests.conftest import TINY
from tests.evaluation.rivals.trained import write_trained
from tests.evaluation.runs.made import (
    QUICK,
    answer_at_once,
    change_instruction,
    evaluate,
    lines_of,
    report,
    setup_of,
    write_world,
)
from tests.helpers import record_returns


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_at_once(monkeypatch)


def test_a_line_tells_all_that_is_needed_to_make_the_edit_again(world: Path, tmp_path: Path, tiny_family: str) -> None:
    setup = setup_of(world, tmp_path)
    ran = evaluate(setup, limit=2)
    first = lines_of(tmp_path)[0]
    turn = setup.dataset.turns[0]
    assert (first["dataset"], first["session"], first["turn"]) == ("MiniBrush dev", turn.session, 1)
    assert first["configuration"] == ran.configuration
    assert first["options"]["steps"] == 2
    assert first["options"]["method"] == "attention"
    assert first["settings"] == setup.editor.options(method="attention").method.flat()
    assert first["captions"]["prompt"].startswith("Instruct: Given the transformation")
    assert len(first["captions"]["replies"]) == 1
    assert first["family"] == TINY
    assert set(first["models"]) == {"diffusion", "captioner", "rewriter"}
    assert first["versions"]["torch"]
    assert set(first["seconds"]) == {"caption", "invert", "rewrite", "edit"}
    assert set(first["verdict"]) >= {"success", "region_reading", "background_psnr"}
    assert first["scores"]["clip_i"] <= 1
    again = setup.editor.edit(
        opening.open_picture(turn.source),
        first["instruction"],
        options=setup.editor.options(**{name: value for name, value in first["options"].items() if value is not None}),
    )
    assert (again.caption, list(again.captions.after)) == (first["caption"], first["captions"]["after"])
    assert fitting.psnr(again.image, opening.open_picture(tmp_path / first["picture"])) > 45
    assert again.reconstruction_psnr == pytest.approx(first["reconstruction_psnr"], abs=0.1)


def test_pictures_bear_official_names_and_their_recipe(world: Path, tmp_path: Path, tiny_family: str) -> None:
    setup = setup_of(world, tmp_path)
    ran = evaluate(setup, SETTINGS)
    pictures = tmp_path / "pictures" / ran.configuration
    assert missing_pictures(pictures, setup.dataset) == ()
    assert {path.name for path in pictures.iterdir()} == {turn.session for turn in setup.dataset.turns}
    for result in ran.results:
        assert result.picture is not None
        recipe = saving.read_recipe(tmp_path / result.picture)
        assert recipe["instruction"] == result.instruction
        with (
            Image.open(tmp_path / result.picture) as picture,
            Image.open(tmp_path / str(result.reconstruction)) as other,
        ):
            assert (picture.size, other.size) == ((48, 48), (64, 64))


def test_both_settings_share_first_turns(
    world: Path, tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = record_returns(monkeypatch, AttentionGuidance, "edit")
    setup = setup_of(world, tmp_path)
    chains = evaluate(setup, (MULTI,))
    assert sum(map(len, made)) == len(chains.results) == 7
    both = evaluate(setup, SETTINGS)
    assert sum(map(len, made)) == 10
    found = {result.key: result for result in both.results}
    last = next(turns[-1] for turns in setup.dataset.sessions() if len(turns) == 3)
    assert [result.final for result in chains.results].count(True) == 4
    for turn in setup.dataset.turns:
        one, chained = (found[f"{turn.session}/{turn.number}/{setting}"] for setting in SETTINGS)
        assert (one.picture == chained.picture) == (turn.number == 1)
        assert chained.final == (turn in setup.dataset.turns_of(MULTI))
    chained = found[f"{last.session}/{last.number}/{MULTI}"]
    assert chained.source == found[f"{last.session}/{last.number - 1}/{MULTI}"].picture


def test_a_finished_run_is_not_made_again(
    world: Path, tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluate(setup_of(world, tmp_path), limit=3)
    monkeypatch.setattr(AttentionGuidance, "edit", None)
    told: list[tuple[int, int]] = []
    setup = setup_of(world, tmp_path)
    extent = Extent((SINGLE,), 3)
    again = run(setup, Configuration(setup.editor.options(**QUICK)), extent, lambda _, *counts: told.append(counts))
    assert again == first
    assert told == [(3, 3)]


def test_an_edit_that_fails_is_stored_and_the_others_are_made(tmp_path: Path, tiny_family: str) -> None:
    world = write_world(tmp_path / "world")
    longest = load_dataset(world).sessions()[
        next(n for n, s in enumerate(load_dataset(world).sessions()) if len(s) == 3)
    ]
    change_instruction(world, longest[0].target.name, "x" * 1001)
    ran = evaluate(setup_of(world, tmp_path / "out"), SETTINGS)
    found = {result.key: result for result in ran.results}
    failed = {key: result.error for key, result in found.items() if result.error}
    session = longest[0].session
    assert set(failed) == {f"{session}/1/{SINGLE}", *(f"{session}/{number}/{MULTI}" for number in (1, 2, 3))}
    assert "the instruction has 1001 characters" in str(failed[f"{session}/1/{SINGLE}"])
    assert "the edit before it in the chain failed" in str(failed[f"{session}/3/{MULTI}"])
    assert found[f"{session}/1/{SINGLE}"].picture_sha256
    tables = report(tmp_path / "out")[MARKDOWN].decode()
    assert "1 of 7 edits failed; they count as unsuccessful" in tables
    assert "1 of 4 edits failed" in tables


def test_a_method_that_refuses_one_picture_makes_the_rest_of_its_batch(
    world: Path, tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = setup_of(world, tmp_path)
    refused = setup.dataset.turns[2]
    original = AttentionGuidance.edit

    def edit(self: AttentionGuidance, backbone: Any, cases: Any, *more: Any) -> Any:
        if any(case.instruction == refused.instruction for case in cases):
            raise InputError("this picture will not do")
        return original(self, backbone, cases, *more)

    monkeypatch.setattr(AttentionGuidance, "edit", edit)
    ran = evaluate(setup)
    assert {result.key: result.error for result in ran.results if result.error} == {
        f"{refused.session}/{refused.number}/{SINGLE}": "this picture will not do"
    }


def test_other_weights_in_the_same_folder_are_told_apart(tmp_path: Path) -> None:
    keys: list[object] = []
    for name, content in (("a", b"weights"), ("b", b"Weights"), ("c", b"weights")):
        (tmp_path / name / "unet").mkdir(parents=True)
        (tmp_path / name / "unet" / "model.safetensors").write_bytes(content * 400_000)
        keys.append(weights_key(ModelRow(str(tmp_path / name), "MIT", 0))[1])
    assert keys[0] == keys[2] != keys[1]


def test_the_set_the_models_and_the_options_make_a_configuration(world: Path, tmp_path: Path, tiny_family: str) -> None:
    other = write_world(tmp_path / "other")
    change_instruction(other, load_dataset(other).turns[0].target.name, "make it snow")

    def name(world: Path, source: str = "captioner", **changes: Any) -> str:
        setup = setup_of(world, tmp_path, **{key: changes.pop(key) for key in ("batch", "family") if key in changes})
        configuration = Configuration(setup.editor.options(**{**QUICK, **changes}), source)
        return setup.name(configuration)

    assert name(world) == name(world, batch=2)
    names = [
        name(world),
        name(other),
        name(world, GOLD),
        name(world, seed=1),
        name(world, family="mini"),
        name(world, steps=3),
    ]
    assert len(set(names)) == len(names)
    assert name(world, GOLD, captions=2, lock_first_caption=False).startswith(
        "attention-0shot-2caption-free-terse-gold-2steps-"
    )


def test_the_papers_grid_shares_captions_and_inversions(
    tmp_path: Path, tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = setup_of(write_world(tmp_path / "world", (1, 0, 0)), tmp_path)
    captions = record_returns(monkeypatch, BlipCaptioner, "describe")
    walks = record_returns(monkeypatch, ddim, "walk_to_noise")
    grid = paper_grid(setup.editor.options(**{**QUICK, "shots": 1}))
    assert len(grid) == len(set(grid)) == 26
    assert sum(configuration.caption_source == GOLD for configuration in grid) == 2
    told: list[tuple[int, int]] = []
    ran = run_all(setup, grid, Extent((SINGLE,)), lambda _, *counts: told.append(counts))
    assert len({one.configuration for one in ran}) == 26
    assert (told[0], told[-1]) == ((0, 26), (26, 26))
    assert len(captions) == 1
    assert len(walks) == 2  # with the captioner's caption and with the set's own
    made = [item.result for item in read_results([tmp_path])]
    assert all(_is_as_planned(result) for result in made)
    tables = report(tmp_path)
    assert "minibrush-dev-single-table1-local.csv" in tables
    assert b"0, oracle" not in tables[MARKDOWN]
    assert b"1, oracle" in tables[MARKDOWN]


def _is_as_planned(result: Result) -> bool:
    """Whether it was made, or is too much for the tiny language model."""
    return result.error is None or "lower shots or captions" in result.error


def test_nothing_to_run_is_said(world: Path, tmp_path: Path, tiny_family: str) -> None:
    setup = setup_of(world, tmp_path)
    configuration = Configuration(setup.editor.options(**QUICK))
    with pytest.raises(OptionError, match="raise --limit"):
        run_all(setup, [configuration], Extent((MULTI,), 0))
    assert run_all(setup, [configuration], Extent((SINGLE,), None, Shard(2, 2)))[0].results == ()


def test_the_set_can_caption_its_own_pictures(tmp_path: Path, tiny_family: str) -> None:
    """Its captions are used as they are; a turn without one fails alone, and says what to do."""
    world = write_world(tmp_path / "world")
    dataset = load_dataset(world)
    without, *others = dataset.turns
    blank = replace(dataset, turns=(replace(without, source_caption=" "), *others))
    setup = Setup(Editor.load(), blank, tmp_path / "out")
    ran = run(setup, Configuration(setup.editor.options(**QUICK), GOLD), Extent((SINGLE,)))
    found = {(result.session, result.turn): result for result in ran.results}
    for turn in others:
        assert found[turn.session, turn.number].caption == turn.source_caption
    failed = found[without.session, without.number]
    assert failed.error == f"{without.source.name} has no description; take the captioner's with --caption-source"


def test_a_rivals_weights_are_told_apart_by_content_and_stored_without_their_folder(
    world: Path, tmp_path: Path, tiny_family: str, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other weights in the same folder make another configuration; lines and recipes name the folder alone."""
    from pix2pix_onthefly.evaluation.rivals import instruct

    weights = write_trained(tiny_folder, tmp_path / "my weights" / "ip2p")
    names: list[str] = []
    for key in ("one", "other"):
        monkeypatch.setattr(instruct, "weights_name", lambda row, key=key: key)
        setup = setup_of(world, tmp_path / "out")
        options = setup.editor.options(method="instruct-pix2pix", steps=2, size=64, weights=str(weights))
        names.append(run(setup, Configuration(options), Extent((SINGLE,), 1)).configuration)
    assert names[0] != names[1]
    for line in lines_of(tmp_path / "out"):
        assert line["settings"]["weights"] == line["options"]["weights"] == "ip2p"
        assert line["models"]["diffusion"] == "folder:ip2p"
        assert "my weights" not in str(saving.read_recipe(tmp_path / "out" / line["picture"]))


def test_what_held_an_edit_lies_beside_its_picture(world: Path, tmp_path: Path, tiny_family: str) -> None:
    ran = evaluate(setup_of(world, tmp_path), (SINGLE,), method="sdedit", keep="hard")
    for result in ran.results:
        assert result.mask is not None
        with Image.open(tmp_path / result.mask) as mask, Image.open(tmp_path / str(result.picture)) as picture:
            assert mask.size == picture.size
