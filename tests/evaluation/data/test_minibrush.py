"""MiniBrush: what its splits hold, how it lies on disk, and that it is the same everywhere."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2pix_onthefly.errors import InputError, OptionError, OutputError
from pix2pix_onthefly.evaluation.data import minibrush
from pix2pix_onthefly.evaluation.data.magicbrush import load_dataset
from pix2pix_onthefly.evaluation.data.minibrush import edit_of, read_minibrush, write_minibrush, write_sessions
from pix2pix_onthefly.evaluation.data.minibrush_sessions import SPLITS, Session, Split, make_sessions
from pix2pix_onthefly.evaluation.metrics.preservation import edit_mask
from pix2pix_onthefly.world.captions import describe
from pix2pix_onthefly.world.changes import change_scene, is_possible
from pix2pix_onthefly.world.instructions import EDIT_TYPES, Edit
from pix2pix_onthefly.world.phrasings import SEEN, UNSEEN, UNSPECIFIED_SEEN, UNSPECIFIED_UNSEEN
from pix2pix_onthefly.world.renderer import render_pixels
from pix2pix_onthefly.world.scenes import HELD_OUT_SEED, Scene, SceneObject, sample_scene
from training import scenes as training_scenes

SMALL = Split(8_500_000, (4, 2, 4))
SIDE = 48
APPLE = SceneObject("apple", "red", 0.27, 0.55, 0.42)
OWL = SceneObject("owl", None, 0.73, 0.56, 0.40)


@lru_cache
def _sessions(name: str) -> tuple[Session, ...]:
    return make_sessions(SMALL if name == "small" else SPLITS[name])


def _edits(name: str) -> list[Edit]:
    return [edit for session in _sessions(name) for edit in session.edits]


def _captions(name: str) -> list[tuple[str, str]]:
    return [(describe(edit.source), describe(edit.target)) for edit in _edits(name)]


def _write(folder: Path, **changes: Any) -> Path:
    write_sessions(folder, _sessions("small"), "dev", SMALL.seed, SIDE, **changes)
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write(tmp_path_factory.mktemp("minibrush") / "dev")


def _json(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


def _digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(("name", "turns"), [("dev", (22, 16, 22)), ("test", (61, 34, 57))])
def test_size_and_mix_of_a_split(name: str, turns: tuple[int, int, int]) -> None:
    edits = _edits(name)
    lengths = Counter(len(session.edits) for session in _sessions(name))
    assert (lengths[1], lengths[2], lengths[3]) == turns
    assert len(edits) == {"dev": 120, "test": 300}[name]
    assert set(Counter(edit.type for edit in edits).values()) == {len(edits) // 5}
    for edit_type in EDIT_TYPES:
        assert sum(edit.type == edit_type and not edit.seen for edit in edits) == len(edits) // 15
        assert len({edit.phrasing for edit in edits if edit.type == edit_type}) >= 12
    assert sum(not edit.specified for edit in edits) == len(edits) // 4


@pytest.mark.parametrize("name", ["dev", "test"])
def test_phrasings_come_from_the_right_table_and_fit_the_scene(name: str) -> None:
    for edit in _edits(name):
        tables = (SEEN, UNSPECIFIED_SEEN) if edit.seen else (UNSEEN, UNSPECIFIED_UNSEEN)
        assert edit.phrasing in tables[0 if edit.specified else 1][edit.type]
        if len(edit.source.objects) == 2:
            assert edit.specified
            assert edit.type != "background" or "{a" not in edit.phrasing


@pytest.mark.parametrize("name", ["dev", "test"])
def test_each_turn_starts_where_the_last_one_ended(name: str) -> None:
    for session in _sessions(name):
        assert all(before.target == after.source for before, after in pairwise(session.edits))
        shown = [describe(session.edits[0].source), *(describe(edit.target) for edit in session.edits)]
        assert len(set(shown)) == len(shown)


def test_no_edit_occurs_twice_in_either_split() -> None:
    both = _captions("dev") + _captions("test")
    assert len(set(both)) == len(both) == 420


def test_seeds_are_not_those_of_training() -> None:
    assert training_scenes.HELD_OUT_SEED == HELD_OUT_SEED
    seeds = [session.seed for name in SPLITS for session in _sessions(name)]
    assert min(seeds) > HELD_OUT_SEED
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize(("name", "digest"), [("dev", "afd1012809a865c7"), ("test", "c35aa266416c5b49")])
def test_splits_are_pinned(name: str, digest: str) -> None:
    """A change here makes every published figure incomparable."""
    text = json.dumps([[edit.instruction, describe(edit.source), describe(edit.target)] for edit in _edits(name)])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest


def test_pixels_are_pinned(written: Path) -> None:
    assert _json(written, "minibrush")["pixels_sha256"][:16] == "396c86c8063ce8ed"


def test_two_runs_write_the_same_bytes(written: Path, tmp_path: Path) -> None:
    assert _digest(_write(tmp_path / "again")) == _digest(written)


def test_layout_is_that_of_magicbrush(written: Path) -> None:
    sessions, turns = _json(written, "edit_sessions"), _json(written, "edit_turns")
    assert turns == [turn for group in sessions.values() for turn in group]
    assert len(turns) == 20
    for name, group in sessions.items():
        files = {f"{name}-input.png"} | {turn[key] for turn in group for key in ("mask", "output")}
        assert {path.name for path in (written / "images" / name).iterdir()} == files
        for number, turn in enumerate(group, 1):
            assert list(turn) == ["input", "mask", "output", "instruction"]
            assert turn["input"] == (f"{name}-output{number - 1}.png" if number > 1 else f"{name}-input.png")
            assert (turn["mask"], turn["output"]) == (f"{name}-mask{number}.png", f"{name}-output{number}.png")
    assert {path.name for path in written.iterdir()} == {
        "images",
        "edit_sessions.json",
        "edit_turns.json",
        "global_descriptions.json",
        "local_descriptions.json",
        "minibrush.json",
    }


def test_descriptions_are_exact(written: Path) -> None:
    whole, local, edits = _json(written, "global_descriptions"), _json(written, "local_descriptions"), []
    for session in _sessions("small"):
        captions = [describe(session.edits[0].source), *(describe(edit.target) for edit in session.edits)]
        names = [f"{session.id}-input.png", *(f"{session.id}-output{i + 1}.png" for i in range(len(session.edits)))]
        assert whole[session.id] == dict(zip(names, captions, strict=True))
        assert list(local[session.id]) == names[1:]
        edits += zip(session.edits, local[session.id].values(), strict=True)
    for edit, text in edits:
        assert (text == "") == (edit.type == "remove")
        if edit.type != "background":
            assert text in describe(edit.target)
            assert text == "" or text not in describe(edit.source)


def test_pictures_show_the_scenes(written: Path) -> None:
    for session in _sessions("small"):
        folder = written / "images" / session.id
        for number, edit in enumerate(session.edits, 1):
            with Image.open(folder / f"{session.id}-output{number}.png") as picture:
                assert picture.mode == "RGB"
                assert np.array_equal(np.asarray(picture), render_pixels(edit.target, SIDE))
            with Image.open(folder / f"{session.id}-mask{number}.png") as mask:
                assert mask.mode == "L"
                assert np.array_equal(np.asarray(mask), np.where(edit_mask(edit, SIDE), 255, 0))


def test_the_mask_holds_all_that_changes_and_spares_the_rest() -> None:
    for edit in _edits("dev"):
        mask = edit_mask(edit, 64)
        before, after = (render_pixels(scene, 64).astype(int) for scene in (edit.source, edit.target))
        # Resized sprites are nowhere quite opaque: a trace of the background shines through.
        assert np.abs(before - after)[~mask].max() <= (5 if edit.type == "background" else 0)
        assert 0.02 * 64 * 64 < mask.sum() < 0.98 * 64 * 64


def test_reading_gives_the_edits_back(written: Path) -> None:
    edits = read_minibrush(written)
    assert list(edits.values()) == _edits("small")
    assert list(edits) == [turn["output"] for turn in _json(written, "edit_turns")]


def test_a_loaded_turn_knows_its_edit(written: Path) -> None:
    turns = load_dataset(written).turns
    assert [edit_of(turn) for turn in turns] == _edits("small")
    with pytest.raises(InputError, match="not of MiniBrush"):
        edit_of(replace(turns[0], extra={}))


def test_a_whole_split_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(minibrush.SPLITS, "dev", SMALL)
    write_minibrush(tmp_path / "above" / "dev", "dev", seed=8_600_000, size=32)
    facts = _json(tmp_path / "above" / "dev", "minibrush")
    assert (facts["version"], facts["split"], facts["seed"], facts["size"]) == (1, "dev", 8_600_000, 32)
    assert len(facts["turns"]) == 20
    assert list(read_minibrush(tmp_path / "above" / "dev").values()) != _edits("small")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"split": "train"}, "choose one of dev, test"),
        ({"split": "dev", "seed": 6_999_999}, "belongs to training"),
        ({"split": "dev", "size": 8}, "size of 32"),
    ],
)
def test_refuses_what_makes_no_sense(tmp_path: Path, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        write_minibrush(tmp_path / "folder", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_overwrites_nothing_but_minibrush_and_only_if_allowed(tmp_path: Path) -> None:
    folder = _write(tmp_path / "dev")
    with pytest.raises(OutputError, match="not empty"):
        _write(folder)
    (folder / "images" / "old").mkdir()
    _write(folder, overwrite=True)
    assert not (folder / "images" / "old").exists()
    (folder / "results.csv").write_text("dear")
    with pytest.raises(OutputError, match=r"results\.csv"):
        _write(folder, overwrite=True)
    assert (folder / "results.csv").read_text() == "dear"
    (tmp_path / "others" / "images").mkdir(parents=True)
    with pytest.raises(OutputError, match="something other"):
        _write(tmp_path / "others", overwrite=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be a folder"):
        _write(tmp_path / "file")


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert len(read_minibrush(_write(tmp_path))) == 20


def test_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError("no space left on device")

    folder = _write(tmp_path / "dev")
    before = _digest(tmp_path)
    monkeypatch.setattr(minibrush, "edit_mask", full_disk)
    with pytest.raises(OutputError, match="no space left"):
        _write(folder, overwrite=True)
    with pytest.raises(OutputError, match="no space left"):
        _write(tmp_path / "new")
    assert _digest(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["dev"]


def test_reading_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no MiniBrush"):
        read_minibrush(tmp_path / "nowhere")
    file = _write(tmp_path / "dev") / "minibrush.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps({**facts, "version": 7}))
    with pytest.raises(InputError, match="version 7"):
        read_minibrush(tmp_path / "dev")
    facts["turns"][0]["source"]["background"] = "moon"
    for content in (json.dumps(facts), "[]", "{", '{"version": 1}'):
        file.write_text(content)
        with pytest.raises(InputError, match="is broken"):
            read_minibrush(tmp_path / "dev")


@pytest.mark.parametrize(
    ("scene", "possible"),
    [
        (Scene("snow", (APPLE, OWL)), {"replace", "recolour", "background", "remove"}),
        (Scene("snow", (APPLE,)), {"replace", "recolour", "background", "add"}),
        (Scene("snow", (OWL,)), {"replace", "background"}),
        (Scene("snow", (SceneObject("apple", "red", 0.5, 0.53, 0.6),)), {"replace", "recolour", "background"}),
    ],
)
def test_which_edits_can_start_from_a_scene(scene: Scene, possible: set[str]) -> None:
    for edit_type in EDIT_TYPES:
        assert is_possible(scene, edit_type) == (edit_type in possible)
        if edit_type in possible:
            change = change_scene(random.Random(1), scene, edit_type)
            assert change.source == scene
            assert describe(change.target) != describe(scene)
        else:
            with pytest.raises(ValueError, match="cannot start"):
                change_scene(random.Random(1), scene, edit_type)


def test_drawing_scenes_is_as_it_was() -> None:
    """Training and every figure depend on it."""
    assert describe(sample_scene(random.Random(7_000_000))) == "a green shirt on a green background"
