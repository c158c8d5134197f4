"""Sets are read whole from folders, zips and the hub, or refused in a sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pix2pix_onthefly.errors import InputError, OnTheFlyError
from pix2pix_onthefly.evaluation.data.magicbrush import load_dataset
from pix2pix_onthefly.evaluation.data.magicbrush_hub import load_hub_split
from pix2pix_onthefly.evaluation.data.turns import MULTI, SINGLE
from tests.evaluation.fixtures import (
    SESSIONS,
    change_json,
    describe,
    draw_picture,
    texts_of,
    write_json,
    write_set,
)


def test_a_folder_is_read_turn_by_turn(folder: Path) -> None:
    dataset = load_dataset(folder)
    assert [(turn.session, turn.number) for turn in dataset.turns] == [
        ("139", 1), ("139", 2), ("139", 3), ("30", 1), ("242", 1), ("242", 2),
    ]  # fmt: skip
    third = dataset.turns[2]
    pictures = folder / "images" / "139"
    assert (third.source, third.target) == (pictures / "139-output2.png", pictures / "139-output3.png")
    assert third.mask == pictures / "139-mask3.png"
    assert third.instruction == "change 3"
    assert third.source_caption == describe("139", 2)
    assert third.global_caption == describe("139", 3)
    assert third.local_caption == "a " + describe("139", 3)
    assert dataset.name == "MagicBrush"


def test_single_turn_takes_all_and_multi_turn_the_last_of_each_session(folder: Path) -> None:
    dataset = load_dataset(folder)
    assert len(dataset.turns_of(SINGLE)) == 6
    assert [(turn.session, turn.number) for turn in dataset.turns_of(MULTI)] == [("139", 3), ("30", 1), ("242", 2)]
    assert dataset.lengths() == {1: 1, 2: 1, 3: 1}


def test_blank_descriptions_are_kept_and_counted(folder: Path) -> None:
    dataset = load_dataset(folder)
    assert dataset.turns[1].local_caption == ""
    assert [turn.is_blank for turn in dataset.turns] == [False, True, False, False, False, False]
    assert dataset.notes == ("1 of 6 turns have a blank local description",)


@pytest.mark.parametrize("nested", ["test", "release/dev", "release/2025/MagicBrush"])
def test_the_data_may_lie_deeper(tmp_path: Path, nested: str) -> None:
    write_set(tmp_path / nested)
    (tmp_path / "__MACOSX").mkdir()
    dataset = load_dataset(tmp_path)
    assert len(dataset.turns) == 6
    split = Path(nested).name
    assert dataset.name == (f"MagicBrush {split}" if split in ("test", "dev") else "MagicBrush")


@pytest.mark.parametrize("global_file", ["global_description.json", "global_captions.json"])
@pytest.mark.parametrize("local_file", ["local_description.json", "local_captions.json"])
def test_older_file_names_are_known(tmp_path: Path, global_file: str, local_file: str) -> None:
    old = load_dataset(write_set(tmp_path / "old", global_file=global_file, local_file=local_file))
    assert texts_of(old) == texts_of(load_dataset(write_set(tmp_path / "new")))


def test_a_set_without_descriptions_says_so(folder: Path) -> None:
    (folder / "global_descriptions.json").unlink()
    (folder / "local_descriptions.json").unlink()
    dataset = load_dataset(folder)
    assert all(turn.global_caption is turn.local_caption is turn.source_caption is None for turn in dataset.turns)
    assert "6 of 6 turns have no local description" in dataset.notes


def test_facts_of_our_own_set_come_along(folder: Path) -> None:
    turns = json.loads((folder / "edit_turns.json").read_text())
    facts = [{"output": turn["output"], "type": "recolour"} for turn in turns]
    write_json(folder / "minibrush.json", {"version": 1, "split": "test", "turns": facts})
    dataset = load_dataset(folder)
    assert dataset.name == "MiniBrush test"
    assert dataset.is_rendered
    assert dataset.turns[0].extra["type"] == "recolour"
    change_json(folder / "minibrush.json", lambda content: content["turns"].pop())
    with pytest.raises(InputError, match="different turns"):
        load_dataset(folder)


def test_pictures_out_of_their_usual_order_are_noted(folder: Path) -> None:
    def skip_one(content: Any) -> None:
        content["139"][2]["input"] = "139-input.png"

    change_json(folder / "edit_sessions.json", skip_one)
    (folder / "edit_turns.json").unlink()
    assert any("1 of 6 turns do not start from the output before" in note for note in load_dataset(folder).notes)


def _flatten(content: Any) -> Any:
    return {name: text for texts in content.values() for name, text in texts.items()}


def _point(field: str, name: str) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        content["139"][0][field] = name

    return change


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("local_descriptions.json", _flatten, "layout from before 2025.*github"),
        ("local_descriptions.json", lambda content: [1], "holds no texts"),
        ("edit_sessions.json", _point("output", "../139-output1.png"), "bare file name"),
        ("edit_sessions.json", _point("output", "30-output1.png"), "bare file name that starts with '139-'"),
        ("edit_sessions.json", _point("input", "139-/../../x.png"), "bare file name"),
        ("edit_sessions.json", _point("mask", "139-\\mask.png"), "bare file name"),
        ("edit_sessions.json", lambda content: content["139"][0].pop("instruction") and None, "without.*'instruction'"),
        ("edit_sessions.json", lambda content: {"..": content["139"]}, "cannot be the name of a folder"),
        ("edit_sessions.json", lambda content: list(content), "not an object of sessions"),
        ("edit_sessions.json", lambda content: {**content, "139": []}, "no list of turns for session '139'"),
        ("edit_turns.json", lambda content: content[:-1], "disagree about 1 turns, the first that of 242-output2"),
        ("edit_turns.json", lambda content: [*content[:-1], 7], "disagree about 2 turns"),
    ],
)
def test_what_is_not_in_the_layout_is_refused_in_a_sentence(
    folder: Path, file: str, change: Callable[[Any], Any], message: str
) -> None:
    change_json(folder / file, change)
    if file == "edit_sessions.json":
        (folder / "edit_turns.json").unlink()
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["139-input.png", "139-mask2.png", "139-output3.png"])
def test_missing_pictures_are_named(folder: Path, name: str) -> None:
    (folder / "images" / "139" / name).unlink()
    with pytest.raises(InputError, match=f"1 pictures are missing, the first .*{name}"):
        load_dataset(folder)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_broken_json_is_named(folder: Path, content: bytes) -> None:
    (folder / "global_descriptions.json").write_bytes(content)
    with pytest.raises(InputError, match=r"global_descriptions\.json is not sound JSON"):
        load_dataset(folder)


def test_two_descriptions_that_differ_are_refused(folder: Path) -> None:
    write_json(folder / "local_captions.json", {"139": {"139-output1.png": "something else"}})
    with pytest.raises(InputError, match="disagree"):
        load_dataset(folder)


def test_nothing_of_the_kind_and_too_much_of_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file or folder"):
        load_dataset(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no edit_sessions\.json"):
        load_dataset(tmp_path / "empty")
    for split in ("dev", "test"):
        write_set(tmp_path / "both" / split)
    with pytest.raises(InputError, match="several sets"):
        load_dataset(tmp_path / "both")
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(InputError, match="not a sound zip"):
        load_dataset(tmp_path / "note.txt")


def _hub_rows() -> Iterator[dict[str, Any]]:
    for session, count in SESSIONS.items():
        for number in range(count, 0, -1):
            yield {
                "img_id": session,
                "turn_index": number,
                "source_img": draw_picture(int(session) + number - 1),
                "mask_img": draw_picture(0).convert("CMYK"),
                "instruction": f"change {number}",
                "target_img": draw_picture(int(session) + number),
            }


def _stub_library(monkeypatch: pytest.MonkeyPatch, rows: Callable[[], Iterator[dict[str, Any]]]) -> list[Any]:
    calls: list[Any] = []

    def load(*arguments: Any, **named: Any) -> Any:
        calls.append((arguments, named))
        return rows()

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))
    return calls


def test_a_split_of_the_hub_is_kept_in_the_same_layout(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _stub_library(monkeypatch, _hub_rows)
    dataset = load_hub_split(into=tmp_path / "dev")
    assert calls == [(("osunlp/MagicBrush",), {"split": "dev", "streaming": True})]
    assert dataset.name == "MagicBrush dev"
    wanted = load_dataset(folder)
    assert [turn.instruction for turn in dataset.turns] == [turn.instruction for turn in wanted.turns]
    for turn, other in zip(dataset.turns, wanted.turns, strict=True):
        assert turn.source.read_bytes() == other.source.read_bytes()
        assert turn.target.read_bytes() == other.target.read_bytes()
        assert turn.local_caption is turn.global_caption is None
    load_hub_split(into=tmp_path / "dev")
    assert len(calls) == 1


def test_a_split_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks_off() -> Iterator[dict[str, Any]]:
        yield next(_hub_rows())
        raise ConnectionResetError("gone")

    _stub_library(monkeypatch, breaks_off)
    with pytest.raises(InputError, match=r"cannot be had.*connect to the internet"):
        load_hub_split(into=tmp_path / "dev")
    _stub_library(monkeypatch, lambda: iter([{"image": 1}]))
    with pytest.raises(InputError, match=r"row 1 .*no sound 'img_id'"):
        load_hub_split(into=tmp_path / "dev")
    assert not list(tmp_path.iterdir())


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(OnTheFlyError, match=r"pix2pix-onthefly\[evaluate\]"):
        load_hub_split(into=tmp_path / "dev")
