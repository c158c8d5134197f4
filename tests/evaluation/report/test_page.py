"""What is stored, and the page made of it: whole, safe, and with nothing from anywhere else."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.evaluation.data.turns import MULTI
from pix2pix_onthefly.evaluation.report import page
from pix2pix_onthefly.evaluation.report.thumbnails import KEPT_SIDE, SIDES, Album
from pix2pix_onthefly.evaluation.report.writing import write_report
from pix2pix_onthefly.evaluation.runs import result_files
from pix2pix_onthefly.evaluation.runs.batches import WHOLE
from pix2pix_onthefly.evaluation.runs.result_files import Result, Stored, opened_results
from tests.evaluation.report.made_up import grid
from tests.evaluation.runs.made import failed, minibrush, rendered, result

SCRIPT = "\"'></script></select></article><script>alert(1)</script><img src=x onerror=alert(1)>{{ title }}{% raw %}"


def write(folder: Path, results: Sequence[Result]) -> None:
    """Results and pictures as a run leaves them."""
    for made in results:
        with opened_results(folder, made.configuration, WHOLE) as file:
            file.append([made])
        for place in (made.picture, made.reconstruction, made.mask, made.source, made.target):
            if place is not None and not (folder / place).exists():
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                noise().save(folder / place)


def noise(side: int = 128) -> Image.Image:
    return Image.effect_noise((side, side), 90).convert("RGB")


def with_pictures(made: Result) -> Result:
    name = f"{made.configuration}/{made.session}/{made.session}_{made.turn}.png"
    if made.error is not None:
        return made
    return replace(made, picture=f"pictures/{name}", reconstruction=f"reconstructions/{name}")


def page_of(folder: Path, results: Sequence[Result]) -> str:
    write(folder, [with_pictures(made) for made in results])
    return write_report([folder], folder).page.read_text("utf-8")


def pictures_in(text: str) -> list[Image.Image]:
    """What the page carries, by the places that its cards name."""
    found = re.search(r'<script type="application/json" id="pictures">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in json.loads(found[1])]


def edits_in(text: str) -> list[str]:
    return re.findall(r'<section class="[\w-]+" data-rank.*?</section>', text, re.DOTALL)


class Tags(HTMLParser):
    """All tags of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def two_configurations() -> list[Result]:
    """The same turn, right and wrong."""
    wrong = rendered("add", False, options={"shots": 0}, scores={"clip_i": 0.5})
    return [rendered("add", True), wrong]


def test_the_page_holds_everything_and_asks_for_nothing(tmp_path: Path) -> None:
    text = page_of(tmp_path, minibrush())
    assert not re.findall(r'(?:src|href)="(?!#)', text)
    assert not re.findall(r"url\(|@import|fetch\(|https?://", text)
    assert text.count("<article ") == 4
    images = Tags(text).named("img")
    assert len(images) == 3 * 4 + 2
    assert {int(image["data-picture"] or -1) for image in images} == set(range(len(pictures_in(text))))
    assert all(picture.format == "WEBP" and picture.size == (128, 128) for picture in pictures_in(text))
    assert "All 4 edits. From the worst to the best: failed, then wrong" in text
    assert "edited part wrong, it reads as a dog; the rest is kept" in text
    assert "the prompt takes too many tokens" in text
    assert "reconstruction (none was made)" in text


def test_texts_of_a_stranger_stay_texts(tmp_path: Path) -> None:
    plain = two_configurations()[0]
    captions = {"before": [SCRIPT], "after": [SCRIPT], "outcome": SCRIPT, "note": SCRIPT}
    evil = replace(
        plain,
        **dict.fromkeys(("method", "dataset", "session", "instruction", "edit_type", "clip", "caption"), SCRIPT),
        fingerprint=SCRIPT,
        verdict={**(plain.verdict or {}), "region_reading": SCRIPT},
        captions=captions,
        warnings=[SCRIPT],
    )
    results = [evil, replace(failed(evil, SCRIPT), turn=2), replace(evil, turn=3, configuration="b", dataset="other")]
    write(tmp_path, results)
    text = write_report([tmp_path], tmp_path).page.read_text("utf-8")
    write(tmp_path / "plain", [plain])
    usual = Tags(write_report([tmp_path / "plain"], tmp_path / "plain").page.read_text("utf-8"))
    tags = Tags(text)
    assert len(tags.named("script")) == len(usual.named("script")) == 2
    assert {tag for tag, _ in tags.found} <= {tag for tag, _ in usual.found} | {"br"}
    assert all(not name.startswith("on") for _, attributes in tags.found for name in attributes)
    assert all("src" not in image for image in tags.named("img"))
    assert SCRIPT in [attributes["data-type"] for attributes in tags.named("section") if "data-type" in attributes]
    assert "alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text


def test_the_worst_come_first(tmp_path: Path) -> None:
    text = page_of(tmp_path, minibrush())
    assert re.findall(r'<section class="(\w+)" data-rank="(\d)"', text) == [
        ("failed", "0"),
        ("wrong", "1"),
        ("right", "2"),
        ("right", "3"),
    ]
    assert re.findall(r'<article [^>]*data-place="(\d)"', text) == ["3", "1", "0", "2"]


def test_every_choice_has_a_label_and_says_how_many(tmp_path: Path) -> None:
    text = page_of(tmp_path, minibrush())
    controls = re.findall(r"<label>([\w ]+) <(?:select|input) name=\"(\w+)\"", text)
    assert controls == [
        ("edit type", "type"),
        ("outcome", "outcome"),
        ("words", "words"),
        ("order", "order"),
        ("pictures", "side"),
    ]
    assert '<option value="recolour">recolour (2)</option>' in text
    assert '<option value="failed">failed (1)</option>' in text


def test_configurations_of_one_turn_stand_together_and_share_pictures(tmp_path: Path) -> None:
    text = page_of(tmp_path, two_configurations())
    assert text.count("<article ") == 1
    wrong, right = edits_in(text)
    assert '<b class="badge">wrong</b> Pix2Pix-OnTheFly, 0 shots' in wrong
    assert '<b class="badge">right</b> Pix2Pix-OnTheFly, 1 shot' in right
    own, others = ([int(place) for place in re.findall(r'data-picture="(\d+)"', part)] for part in (wrong, right))
    assert (own[0], own[3]) == (others[0], others[3])
    assert not {own[1], own[2]} & {others[1], others[2]}
    assert len(pictures_in(text)) == 6
    assert '<option value="configurations differ">' in text


def test_a_chained_edit_shows_the_picture_it_came_from(tmp_path: Path) -> None:
    first = with_pictures(rendered("add", True, session="5", setting=MULTI, final=False))
    assert first.picture is not None
    second = rendered("remove", True, session="5", turn=2, setting=MULTI, place=1, source=first.picture)
    text = page_of(tmp_path, [first, second])
    made = re.findall(r'data-picture="(\d+)"[^>]*alt="edit"', text)
    [before] = re.findall(r'data-picture="(\d+)"[^>]*alt="before this turn"', text)
    assert before in made
    assert text.count('alt="original"') == 1


def test_the_four_pictures_of_an_edit_stand_side_by_side_with_their_names(tmp_path: Path) -> None:
    [edit] = edits_in(page_of(tmp_path, [rendered("add", True)]))
    assert re.findall(r'alt="([\w ]+)"><figcaption>([\w ]+)</figcaption>', edit) == [
        (name, name) for name in ("original", "reconstruction", "edit", "gold")
    ]
    assert len(set(re.findall(r'data-picture="(\d+)"', edit))) == 4


def test_bold_figures_show_no_asterisks(tmp_path: Path) -> None:
    write(tmp_path, grid(2))
    text = write_report([tmp_path], tmp_path).page.read_text("utf-8")
    table1 = text.split("CLIP-T local / CLIP-I by shots and captions</h2>")[1].split("</table>")[0]
    assert re.search(r"<td><b>0\.\d{4}</b> \(0\.\d{4}\) / ", table1)
    assert "**" not in text


def test_captions_are_said_once_and_blank_descriptions_are_named(tmp_path: Path) -> None:
    text = page_of(tmp_path, minibrush()[2:3])
    [edit] = edits_in(text)
    assert "<dt>before</dt><dd>a cat</dd>" in edit
    assert "<dt>caption</dt>" not in edit
    assert "CLIP-T local 0.5000</span> (description blank)" in edit
    other = {"before": ["a dog", "a pet"], "after": ["a cat"], "outcome": "partial", "note": "The reply was cut."}
    [edit] = edits_in(page_of(tmp_path / "other", [rendered("add", True, captions=other)]))
    assert "<dt>caption</dt><dd>a cat</dd>" in edit
    assert "<dd>a dog<br>a pet</dd>" in edit
    assert "<dd>partial. The reply was cut.</dd>" in edit


def test_photographs_are_not_judged(tmp_path: Path) -> None:
    worse = result(session="11", place=1, scores={"clip_i": 0.2, "l1": 0.1})
    text = page_of(tmp_path, [result(), worse, result(session="12", place=2, scores=None)])
    assert [re.search(r"session (\d+)", card)[1] for card in text.split("<article ")[1:]] == ["12", "11", "10"]  # type: ignore[index]
    assert 'class="badge"' not in text
    assert "From the worst to the best: failed, then those least like" in text


def test_a_page_that_would_be_too_large_leaves_the_best_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page_of(tmp_path, minibrush())
    monkeypatch.setattr(page, "MOST_BYTES", 40_000)
    text = write_report([tmp_path], tmp_path).page.read_text("utf-8")
    assert 1 < text.count("<article ") < 4
    assert f"The worst {text.count('<article ')} of 4 edits (more would make the page too large)" in text
    assert '<option value="replace">' not in text, "a choice that would show nothing"


def test_the_more_pictures_the_smaller(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        noise(300).save(path)
    roomy = Album(paths, 10**7)
    found = roomy.add(paths[0])
    assert found is not None
    assert (found.width, found.height) == (KEPT_SIDE, KEPT_SIDE)
    assert Album(paths, roomy.size * 2).side == SIDES[1]
    assert Album(paths, 1).side == SIDES[-1]


def test_small_copies_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    noise().save(path, quality=30)
    (tmp_path / "b.webp").write_bytes(path.read_bytes())
    album = Album([path, tmp_path / "b.webp"], 10**6)
    assert album.add(path) == album.add(tmp_path / "b.webp")
    assert json.loads(album.as_json()) == [base64.b64encode(path.read_bytes()).decode()]


def test_results_without_their_pictures_still_make_a_page(tmp_path: Path) -> None:
    made = with_pictures(result(configuration="a"))
    with opened_results(tmp_path, "a", WHOLE) as file:
        file.append([made])
    (tmp_path / made.source).parent.mkdir(parents=True)
    (tmp_path / made.source).write_bytes(b"no picture")
    text = write_report([tmp_path], tmp_path / "elsewhere").page.read_text("utf-8")
    assert text.count("(not here)") == 4


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no results"):
        result_files.read_results([tmp_path])
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.jsonl").write_bytes(b'{"half')
    with pytest.raises(InputError, match="no finished edit"):
        result_files.read_results([tmp_path])


def test_the_last_line_on_an_edit_counts(tmp_path: Path) -> None:
    old, new = result(configuration="a", instruction="old"), result(configuration="a", instruction="new")
    with opened_results(tmp_path, "a", WHOLE) as file:
        file.append([old, new])
    assert result_files.read_results([tmp_path]) == [Stored(tmp_path, new)]


def test_a_mask_is_shown_where_something_held_the_edit(tmp_path: Path) -> None:
    held, free = minibrush()[:2]
    text = page_of(tmp_path, [replace(held, mask="masks/a.png"), free])
    assert text.count("<figcaption>mask</figcaption>") == 1
