"""The photographs' command end to end: tiny models in the hub's cache, two photographs, two steps."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from pix2pix_onthefly.evaluation.data import photographs
from pix2pix_onthefly.evaluation.data.photographs import PHOTOGRAPHS, photograph_files
from pix2pix_onthefly.evaluation.runs.photograph_edits import PRECISIONS, WAYS
from pix2pix_onthefly.models import families
from tests.cli.helpers import onthefly, said
from tests.conftest import TINY, register_tiny_family
from tests.evaluation.fixtures import write_set, zip_folder
from tests.fake_hub import connect, go_offline

QUICK = ("--limit", "2", "--steps", "2", "--size", "64", "--device", "cpu")


@pytest.fixture
def family(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Tiny models as a hub's cache holds them, offline."""
    hub = connect(tmp_path / "cache", monkeypatch)
    monkeypatch.setattr(families, "FAMILIES", dict(families.FAMILIES))
    register_tiny_family(tiny_folder)
    rows = {}
    for role in ("diffusion", "captioner", "rewriter"):
        files = [path for path in (tiny_folder / role).rglob("*") if path.is_file()]
        named = {path.relative_to(tiny_folder / role).as_posix(): path.read_bytes() for path in files}
        hub.put(f"somebody/{role}", named)
        layout = "stable-diffusion" if role == "diffusion" else ""
        rows[role] = families.ModelRow(f"somebody/{role}", "MIT", 1, layout=layout)
    made = families.FAMILIES[TINY]
    monkeypatch.setitem(families.FAMILIES, TINY, type(made)(**{**vars(made), **rows}))
    go_offline(monkeypatch)
    return TINY


def test_all_photographs_are_inside_the_wheel() -> None:
    """A dozen different ones, which the page shows with whose they are."""
    assert len(photograph_files()) == len({one.name for one in PHOTOGRAPHS}) == 12
    assert all(one.credit and one.instruction for one in PHOTOGRAPHS)


def test_one_command_makes_one_page_that_can_be_sent_back(family: str, tmp_path: Path) -> None:
    """With every edit, the precisions first, and nothing that would be asked for from anywhere; a second run makes the
    same page of what was kept, edits what has gone, and tells so."""
    out = tmp_path / "out"
    result = onthefly("photographs", "--out", str(out), "--family", family, *QUICK)
    assert result.exit_code == 0, result.output
    page = (out / "photographs.html").read_text(encoding="utf-8")
    assert "failed:" not in page
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    assert heads == ["Do float16 and bfloat16 agree with float32 here?", "This machine", "Time and memory", "Edits"]
    assert all(f"<td>{family}</td><td>{precision}</td>" in page for precision in PRECISIONS)
    assert all(f"<td>{family}</td><td>{way}</td><td>2</td><td>0</td>" in page for way in WAYS)
    assert page.count("<img") == len(PRECISIONS) + 2 * (1 + len(WAYS))
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert str(tmp_path) not in page

    records = sorted(out.rglob("*.json"))
    assert len(records) == len(PRECISIONS) + 2 * len(WAYS)
    gone = out / family / "sdedit" / "chelsea.png"
    before = gone.read_bytes()
    gone.unlink()
    again = onthefly("photographs", "--out", str(out), "--family", family, *QUICK)
    assert again.exit_code == 0, again.output
    assert [line for line in said(again) if line.startswith(family)] == [
        f"{family}, sdedit: chelsea, make the cat a fox"
    ]
    assert gone.read_bytes() == before


def test_the_first_thing_the_page_says_is_whether_half_precision_agrees(family: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert onthefly("photographs", "--out", str(out), "--family", family, *QUICK, "--limit", "1").exit_code == 0
    page = (out / "photographs.html").read_text(encoding="utf-8")
    (said_first,) = re.findall(r"</h2>\s*<p><b>(.*?)</b></p>", page)
    verdict = r"(agrees|differs) with float32 \(\d+\.\d dB\)"
    assert re.fullmatch(rf"{family}: bfloat16 {verdict}, float16 {verdict}\.", said_first)


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_magicbrush_stands_on_the_same_page(
    family: str, tmp_path: Path, zipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first turns in the same ways, scored as the evaluation does; a second run makes none of them again."""
    scoring = "pix2pix_onthefly.evaluation.metrics.scoring.FAMILIES"
    home, bundled = (families.FAMILIES[name] for name in (families.PHOTOGRAPH_FAMILY, families.DEFAULT_FAMILY))
    known = {**families.FAMILIES, families.PHOTOGRAPH_FAMILY: dataclasses.replace(home, clip=bundled.clip)}
    monkeypatch.setattr(scoring, known)
    place = write_set(tmp_path / "set", {"139": 2, "30": 1})
    place = zip_folder(place, tmp_path / "test.zip", "MagicBrush/", password="MagicBrush") if zipped else place
    own = ("--out", str(tmp_path / "out"), "--family", family, *QUICK, "--limit", "1")
    result = onthefly("photographs", *own, "--magicbrush", str(place), "--turns", "2")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "photographs.html").read_text(encoding="utf-8")
    methods = page[page.index("single turns: methods</h2>") :]
    for label in ("flow", "Pix2Pix-OnTheFly", "sdedit"):
        assert re.search(rf"<td>[^<]*{label}[^<]*</td><td>2</td>", methods), label
    assert "CLIP-I" in methods
    assert str(tmp_path) not in page
    again = onthefly("photographs", *own, "--magicbrush", str(place), "--turns", "2")
    assert "6 of 6 edits done" in said(again)[-2]


def test_a_magicbrush_that_is_none_is_refused_before_anything_is_edited(family: str, tmp_path: Path) -> None:
    result = onthefly("photographs", "--out", str(tmp_path / "out"), "--family", family, "--magicbrush", "nowhere.zip")
    assert result.exit_code == 2
    assert "there is no file or folder nowhere.zip" in result.stderr
    assert not (tmp_path / "out").exists()


def test_precisions_are_compared_with_the_same_captions(family: str, tmp_path: Path) -> None:
    """And the same kind of edit, by which the default chooses what it does."""
    out = tmp_path / "out"
    assert onthefly("photographs", "--out", str(out), "--family", family, *QUICK, "--limit", "1").exit_code == 0
    found = [json.loads((out / family / name / "chelsea.json").read_bytes()) for name in PRECISIONS]
    assert len({(one["caption"], *one["before"], "->", *one["after"], one["kind"]) for one in found}) == 1
    assert found[0]["kind"]


def test_without_the_photographs_one_sentence_names_the_extra(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "find_spec", lambda _: None)
    result = onthefly("photographs", "--out", str(tmp_path / "out"), "--family", family)
    assert result.exit_code in (1, 2)
    assert "pix2pix-onthefly[photographs]" in result.stderr
    assert not (tmp_path / "out").exists()
