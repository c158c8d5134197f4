"""What a batch is asked for, from folders, globs and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2pix_onthefly.batch.listing import rows_of
from pix2pix_onthefly.batch.units import together, units_of
from pix2pix_onthefly.errors import OnTheFlyError
from pix2pix_onthefly.models.families import FAMILIES


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two pictures by name, a text, and one more picture below."""
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png", "below/c.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "photos"


def _names(sources: list[str]) -> list[str]:
    return [row.image.name for row in rows_of(sources, ["make it blue"])]


def test_a_folder_gives_its_pictures_by_name_and_nothing_else(photos: Path) -> None:
    assert _names([str(photos)]) == ["a.JPG", "b.png"]


def test_a_glob_goes_through_folders(photos: Path) -> None:
    assert _names([f"{photos}/**/*.png"]) == ["b.png", "c.png"]


def test_every_picture_gets_every_instruction(photos: Path) -> None:
    rows = rows_of([str(photos)], ["make it blue", "make it red"])
    assert [(row.image.name, row.instruction) for row in rows[:2]] == [
        ("a.JPG", "make it blue"),
        ("a.JPG", "make it red"),
    ]


def test_a_csv_names_pictures_from_its_own_folder_and_settings_by_flat_names(photos: Path) -> None:
    table = photos / "jobs.csv"
    table.write_text(
        'image,instruction,steps,lock_first_caption,method\nb.png,"red, please",7,no,ddim\na.JPG,blue,,,\n'
    )
    first, second = rows_of([str(table)])
    assert (first.image, first.instruction) == (photos / "b.png", "red, please")
    assert first.settings == {"steps": 7, "lock_first_caption": False, "method": "ddim"}
    assert second.settings == {}


def test_a_jsonl_gives_captions_and_typed_settings(photos: Path) -> None:
    table = photos / "jobs.jsonl"
    table.write_text('{"image": "b.png", "before": "a cat", "after": ["a dog", "a pug"], "seed": 5}\n\n')
    (row,) = rows_of([str(table)])
    assert (row.before, row.after, row.settings) == (("a cat",), ("a dog", "a pug"), {"seed": 5})


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "image,instruction,stepz\nb.png,blue,3\n", "line 2 of .*did you mean 'steps'"),
        ("a.csv", "image,instruction,steps\nb.png,blue,few\n", "line 2 of .*whole number"),
        ("a.csv", "picture,instruction\nb.png,blue\n", "line 2 of .*column 'image'"),
        ("a.csv", "image,instruction\nb.png,blue,3\n", "more fields than the head"),
        ("a.csv", 'image,instruction\nb.png,"blue\n', "no CSV"),
        ("a.csv", "image,instruction\n", "nothing to do"),
        ("a.csv", "image,instruction\nb.png,\n", "column 'instruction'"),
        ("a.jsonl", '{"image": "b.png"\n', "line 1 of .*no JSON"),
        ("a.jsonl", '["b.png"]\n', "line 1 of .*no object"),
        ("a.jsonl", '{"image": "b.png", "instruction": 3}\n', "instruction must be a text"),
        ("a.jsonl", '{"image": "b.png", "before": "a cat"}\n', "both sides"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(OnTheFlyError, match=sentence):
        rows_of([str(tmp_path / name)])


def test_settings_of_a_row_win_over_those_of_the_whole_batch(tmp_path: Path) -> None:
    table = tmp_path / "jobs.jsonl"
    table.write_text(
        '{"image": "b.png", "instruction": "blue", "steps": 5}\n{"image": "b.png", "instruction": "red"}\n'
    )
    (unit,) = units_of(rows_of([str(table)]), FAMILIES["mini"], changes={"steps": 9, "seed": 2})
    assert [(wanted.options.steps, wanted.options.seed) for wanted in unit.edits] == [(5, 2), (9, 2)]


def test_units_run_together_until_they_fill_a_batch(photos: Path) -> None:
    units = units_of(rows_of([f"{photos}/**/*.*g", f"{photos}/*.png"], ["blue"]), FAMILIES["mini"])
    assert [unit.image.name for unit in units] == ["b.png", "c.png"]
    assert [len(unit.edits) for unit in units] == [2, 1]
    assert [len(run) for run in together(units, 2)] == [1, 1]
    assert [len(run) for run in together(units, 3)] == [2]
