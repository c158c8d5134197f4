"""The commands evaluate, sweep and tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pix2pix_onthefly.cli import countdown
from pix2pix_onthefly.cli.app import app
from pix2pix_onthefly.errors import OnTheFlyError
from tests.evaluation.runs.made import QUICK, answer_at_once, write_world

SETTINGS = [
    word
    for name, value in QUICK.items()
    if not isinstance(value, bool)  # the command edits all the same by itself
    for word in (f"--{name}", str(value))
]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_at_once(monkeypatch)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_family: str) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_world(tmp_path / "world", (1, 1, 0))


def onthefly(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def evaluate(*arguments: str) -> Result:
    result = onthefly("evaluate", "world", "--out", "out", *SETTINGS, *arguments)
    assert result.exit_code == 0, result.output
    return result


def test_evaluate_prints_its_table_and_where_the_page_is(world: Path) -> None:
    result = evaluate()
    assert result.stdout.startswith("### MiniBrush dev, single turns: methods\n")
    assert "| Pix2Pix-OnTheFly |   3 |" in result.stdout
    assert "package:mini/clip" in result.stdout
    assert "Evaluating: 0 of 3 edits done" in result.stderr
    assert "Evaluating: 3 of 3 edits done" in result.stderr
    assert "Tables: out/tables.md, page: out/page.html" in result.stderr
    assert Path("out/tables.md").read_text("utf-8").rstrip("\n") == result.stdout.rstrip("\n")


def test_json_is_one_object_on_one_line(world: Path) -> None:
    result = evaluate("--json", "--setting", "both", "--limit", "3")
    [line] = result.stdout.splitlines()
    found = json.loads(line)
    assert set(found) >= {"success", "background_psnr", "clip_t", "clip_i", "n", "failed", "configuration", "multi"}
    assert (found["n"], found["setting"], found["multi"]["n"]) == (3, "single", 2)


def test_tables_are_made_of_what_is_stored(world: Path) -> None:
    first = evaluate()
    evaluate("--caption-source", "gold")
    tables = onthefly("tables", "out")
    assert tables.exit_code == 0, tables.output
    assert "captioner caption" in tables.stdout
    assert "gold caption" in tables.stdout
    assert "differences" in tables.stdout
    again = onthefly("tables", "out", "--out", "elsewhere", "--json")
    assert len(json.loads(again.stdout)["rows"]) == 2
    assert Path("elsewhere/tables.md").read_bytes() == Path("out/tables.md").read_bytes()
    assert evaluate().stdout == first.stdout


def test_shares_of_a_run_say_when_there_is_nothing_for_them(world: Path) -> None:
    result = evaluate("--shard", "2/2")
    assert result.stdout == ""
    assert "This share holds no session" in result.stderr
    assert "|   3 |" in evaluate("--shard", "1/2").stdout


def test_the_sweep_prints_the_papers_table(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pix2pix_onthefly.evaluation.runs import configurations

    monkeypatch.setattr(configurations, "SHOTS", (1,))
    arguments = ("--steps", "2", "--attempts", "1", "--limit", "1")
    result = onthefly("sweep", "paper", "world", "--out", "out", *arguments)
    assert result.exit_code == 0, result.output
    assert "CLIP-T local / CLIP-I by shots and captions" in result.stdout
    assert "1, oracle" in result.stdout
    assert "10 of 10 edits done" in result.stderr


def test_minibrush_is_made_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_family: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("evaluate", "minibrush:dev", "--out", "out", "--limit", "1", *SETTINGS)
    for _ in range(2):
        result = onthefly(*arguments, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["n"] == 1
    assert len(list(Path("out/cache/minibrush-dev/images").iterdir())) == 60


def test_settings_of_a_methods_own(world: Path) -> None:
    """They are used and told, and such a run has its own results."""
    arguments = ("--method", "ddim", "--limit", "1")
    evaluate(*arguments)
    [plain] = Path("out/results").glob("ddim-*.jsonl")
    own = ("--negative", "source", "--guidance-scale", "10")
    table = evaluate(*arguments, *own).stdout
    [changed] = set(Path("out/results").glob("ddim-*.jsonl")) - {plain}
    first, second = (json.loads(path.read_text("utf-8"))["settings"] for path in (plain, changed))
    assert (first["negative"], second["negative"]) == ("empty", "source")
    assert (first["guidance_scale"], second["guidance_scale"]) == (7.5, 10.0)
    assert "| ddim " in table
    assert "ddim, guidance scale 10.0, negative source" in onthefly("tables", "out").stdout
    evaluate(*arguments, *own[2:], *own[:2])
    assert len(list(Path("out/results").glob("ddim-*.jsonl"))) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("evaluate", "nowhere", "--out", "out"), "there is no file or folder nowhere"),
        (("evaluate", "world", "--out", "out", "--setting", "triple"), "setting must be one of single, multi, both"),
        (("evaluate", "world", "--out", "out", "--shard", "3/2"), "is not of the form i/n"),
        (("evaluate", "world", "--out", "out", "--caption-source", "me"), "caption-source must be one of captioner"),
        (("evaluate", "world", "--out", "out", "--method", "magic"), "there is no method 'magic'"),
        (
            ("evaluate", "world", "--out", "out", "--negative", "source"),
            "the method flow has no option 'negative'; choose the method ddim",
        ),
        (("evaluate", "world", "--out", "out", "--method", "hive"), "name the folder in ONTHEFLY_HIVE"),
        (("evaluate", "world", "--out", "out", "--steps", "1"), "steps must lie between"),
        (("evaluate", "minibrush:train", "--out", "out"), "there is no split 'train'"),
        (("evaluate", "world", "--out", "world/edit_turns.json"), "world/edit_turns.json"),
        (("sweep", "everything", "world", "--out", "out"), "there is no grid 'everything'"),
        (("tables", "world"), "world holds no results"),
        (("evaluate", "world"), "Missing option '--out'"),
    ],
)
def test_bad_input_is_one_sentence(world: Path, arguments: tuple[str, ...], sentence: str) -> None:
    result = onthefly(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert not list(Path().glob("out/results/*.jsonl"))


def test_a_limit_below_the_first_chain_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_family: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_world(Path("world"), (0, 1, 0))
    result = onthefly("evaluate", "world", "--out", "out", "--setting", "multi", "--limit", "1")
    assert result.exit_code == 2
    assert "no session lies wholly within the limit" in result.stderr


def test_missing_pandas_is_said_before_any_work(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise OnTheFlyError(f"the package {name} is not installed")

    from pix2pix_onthefly.evaluation.report import writing

    monkeypatch.setattr(writing, "import_extra", missing)
    result = onthefly("evaluate", "world", "--out", "out")
    assert result.exit_code == 2
    assert "the package pandas is not installed" in result.stderr
    assert not Path("out").exists()


def test_the_time_left_is_told_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(countdown.time, "monotonic", lambda: now)
    show = countdown.countdown()
    for done, later in ((40, 0.0), (41, 1.0), (44, 19.0), (44, 1.0), (50, 129.0), (100, 100.0)):
        now += later
        show("evaluate", done, 1000 if done < 100 else 100)
    assert capsys.readouterr().err.splitlines() == [
        "Evaluating: 40 of 1000 edits done",
        "Evaluating: 44 of 1000 edits done, about 80 min left",
        "Evaluating: 50 of 1000 edits done, about 4.0 h left",
        "Evaluating: 100 of 100 edits done",
    ]
