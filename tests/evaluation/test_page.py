"""What is stored, and the page made of it: whole, safe, and with nothing from anywhere else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.evaluation import page, store
from pix2pix_onthefly.evaluation.plan import WHOLE
from pix2pix_onthefly.evaluation.report import write_report
from pix2pix_onthefly.evaluation.store import Result, Stored, opened_results
from tests.evaluation.runs import minibrush, result

INSTRUCTION = "<script>alert('a')</script> & make it a \"dog\""


def write(folder: Path, results: Sequence[Result]) -> None:
    """Results and pictures as a run leaves them."""
    for made in results:
        with opened_results(folder, made.configuration, WHOLE) as file:
            file.append([made])
        for place in (made.picture, made.reconstruction, made.source, made.target):
            if place is not None:
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                Image.effect_noise((128, 128), 90).convert("RGB").save(folder / place)


def with_pictures(made: Result) -> Result:
    name = f"{made.configuration}/{made.session}/{made.session}_{made.turn}.png"
    if made.error is not None:
        return made
    return replace(made, picture=f"pictures/{name}", reconstruction=f"reconstructions/{name}")


def page_of(folder: Path, results: Sequence[Result]) -> str:
    write(folder, [with_pictures(made) for made in results])
    return write_report([folder], folder).page.read_text("utf-8")


def test_the_page_holds_everything_and_asks_for_nothing(tmp_path: Path) -> None:
    results = [replace(made, instruction=INSTRUCTION) if made.turn == 2 else made for made in minibrush()]
    text = page_of(tmp_path, results)
    assert not re.findall(r'(?:src|href)="(?!data:image/webp;base64,)', text)
    assert not re.findall(r"url\(|@import|fetch\(|https?://", text)
    assert text.count("<article ") == 4
    assert text.count("<img ") == 3 * 4 + 2
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(&#x27;a&#x27;)&lt;/script&gt; &amp; make it a" in text
    assert text.count("</script>") == 1
    assert "All 4 edits, the worst first." in text
    assert "region wrong: a dog; rest kept" in text
    assert "the prompt takes too many tokens" in text
    for option in ("add", "recolour", "replace", "Pix2Pix-OnTheFly"):
        assert f'<option value="{option}">' in text


def test_the_worst_come_first(tmp_path: Path) -> None:
    text = page_of(tmp_path, minibrush())
    kinds = re.findall(r'<article [^>]*class="(\w*)"', text)
    assert kinds == ["failed", "wrong", "right", "right"]


def test_a_page_that_would_be_too_large_leaves_the_best_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = page_of(tmp_path, minibrush())
    card = re.search(r"<article .*?</article>\n", whole, re.DOTALL)
    assert card is not None
    monkeypatch.setattr(page, "MOST_BYTES", 3 * len(card[0].encode()))
    text = write_report([tmp_path], tmp_path).page.read_text("utf-8")
    assert 1 <= text.count("<article ") < 4
    assert f"The worst {text.count('<article ')} of 4 edits" in text


def test_results_without_their_pictures_still_make_a_page(tmp_path: Path) -> None:
    with opened_results(tmp_path, "a", WHOLE) as file:
        file.append([with_pictures(result(configuration="a"))])
    text = write_report([tmp_path], tmp_path / "elsewhere").page.read_text("utf-8")
    assert text.count("(not here)") == 4


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no results"):
        store.read_results([tmp_path])
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.jsonl").write_bytes(b'{"half')
    with pytest.raises(InputError, match="no finished edit"):
        store.read_results([tmp_path])


def test_the_last_line_on_an_edit_counts(tmp_path: Path) -> None:
    old, new = result(configuration="a", instruction="old"), result(configuration="a", instruction="new")
    with opened_results(tmp_path, "a", WHOLE) as file:
        file.append([old, new])
    assert store.read_results([tmp_path]) == [Stored(tmp_path, new)]
