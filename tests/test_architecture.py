"""docs/architecture.md tells of the house as it stands: files, folders and names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "pix2pix_onthefly"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def _section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def _rows(title: str) -> list[list[str]]:
    """Cells of a section's table without its head."""
    lines = [line for line in _section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _there(path: str) -> bool:
    return (PACKAGE / path).exists() or (ROOT / path).exists()


def test_every_change_has_exactly_one_file_and_it_is_there() -> None:
    rows = _rows("Where would I change this?")
    assert len(rows) > 50
    for change, place in rows:
        named = re.fullmatch(r"`([^`]+)`", place)
        assert named, f"{change}: {place} is not one file"
        assert _there(named[1]), f"{change}: there is no {named[1]}"
        assert not named[1].endswith("/"), f"{change}: {named[1]} is a folder"


def test_no_change_is_listed_twice() -> None:
    changes = [row[0] for row in _rows("Where would I change this?")]
    assert len(set(changes)) == len(changes)


def test_the_map_has_every_room() -> None:
    named = {name.rstrip("/") for row in _rows("The map") for name in re.findall(r"`([^`]+)`", row[0])}
    rooms = {path.name for path in PACKAGE.iterdir() if not path.name.startswith(("_", "."))}
    assert named == rooms - {"py.typed"}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"[a-z_]+(?:/[a-z_]+)*\.(?:py|html|json)\b", PAGE))))
def test_files_that_are_named_exist(name: str) -> None:
    assert _there(name)


def test_names_in_the_flow_are_those_of_the_code() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    for owner, name in re.findall(r"^ +.*?(\w+)\.(\w+)(?:, \w+\.\w+)? +->", _section("How data flows"), re.MULTILINE):
        assert re.search(rf"def {name}\(", code), f"{owner}.{name}"
        assert re.search(rf"class {owner}\b", code) or list(PACKAGE.rglob(f"{owner}.py")), f"{owner}.{name}"
