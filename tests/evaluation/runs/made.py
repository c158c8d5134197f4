"""Small sets of the world, runs of them with tiny random models, and made-up results."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pix2pix_onthefly.captioning.blip import BlipCaptioner
from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.evaluation.data.magicbrush import SESSIONS_FILE, TURNS_FILE, load_dataset
from pix2pix_onthefly.evaluation.data.minibrush import write_sessions
from pix2pix_onthefly.evaluation.data.minibrush_sessions import Session, Split, make_sessions
from pix2pix_onthefly.evaluation.data.turns import SINGLE
from pix2pix_onthefly.evaluation.report.writing import MARKDOWN, PAGE, write_report
from pix2pix_onthefly.evaluation.runs.batches import WHOLE, Shard
from pix2pix_onthefly.evaluation.runs.configurations import Configuration
from pix2pix_onthefly.evaluation.runs.result_files import Result
from pix2pix_onthefly.evaluation.runs.runner import Extent, Ran, run
from pix2pix_onthefly.evaluation.runs.setup import Setup
from pix2pix_onthefly.language.transformers_model import TransformersModel

SIDE = 48
QUICK: dict[str, Any] = {"method": "attention", "steps": 2, "attempts": 1, "shots": 0, "force": True}


@cache
def small_sessions(counts: tuple[int, int, int]) -> tuple[Session, ...]:
    return make_sessions(Split(8_500_000, counts))


def write_world(folder: Path, counts: tuple[int, int, int] = (2, 1, 1)) -> Path:
    """A MiniBrush of so many sessions with one turn, two and three; by default seven turns."""
    write_sessions(folder, small_sessions(counts), "dev", 8_500_000, SIDE)
    return folder


def change_instruction(folder: Path, output: str, instruction: str) -> None:
    """Gives a turn of a written set another instruction."""

    def change(turn: dict[str, str]) -> dict[str, str]:
        return {**turn, "instruction": instruction} if turn["output"] == output else turn

    _rewrite(folder / TURNS_FILE, lambda turns: [change(turn) for turn in turns])
    _rewrite(folder / SESSIONS_FILE, lambda found: {name: [change(turn) for turn in found[name]] for name in found})


def _rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text("utf-8")))), "utf-8")


def answer_at_once(patch: pytest.MonkeyPatch) -> None:
    """Captioner and language model give fixed answers: the tiny ones would write nonsense, and for long."""
    patch.setattr(BlipCaptioner, "describe", lambda *_: "a red cat on the table")
    patch.setattr(
        TransformersModel, "complete", lambda *_: "\nAfter transformation\n\nCaption 1: a blue dog on the table\n"
    )


def setup_of(world: Path, out: Path, **settings: Any) -> Setup:
    return Setup(Editor.load(**settings), load_dataset(world), out)


def evaluate(
    setup: Setup,
    settings: tuple[str, ...] = (SINGLE,),
    *,
    limit: int | None = None,
    shard: Shard = WHOLE,
    **changes: Any,
) -> Ran:
    """One quick run."""
    options = setup.editor.options(**{**QUICK, **changes})
    return run(setup, Configuration(options), Extent(settings, limit, shard))


def result(**changes: Any) -> Result:
    """A made-up result of a photograph; `options` are added to usual ones."""
    options = {"steps": 100, "shots": 1, "captions": 1, "lock_first_caption": True, "wording": "terse"}
    options.update(changes.pop("options", {}))
    given: dict[str, Any] = {
        "configuration": "ours-" + "-".join(str(value) for value in options.values()) + "-0a1b2c3d",
        "dataset": "MagicBrush test",
        "fingerprint": "f" * 64,
        "rendered": False,
        "session": "10",
        "turn": 1,
        "setting": SINGLE,
        "place": 0,
        "final": True,
        "method": "Pix2Pix-OnTheFly",
        "options": options,
        "settings": options,
        "caption_source": "captioner",
        "seed": 0,
        "family": "sd14",
        "precision": "float32",
        "device": "cpu",
        "batch": 4,
        "models": {"diffusion": "CompVis/stable-diffusion-v1-4"},
        "versions": {"pix2pix-onthefly": "0.1.0"},
        "revision": "abc",
        "instruction": "make it a dog",
        "edit_type": None,
        "blank": False,
        "clip": "openai/clip-vit-base-patch32",
        "source": "thumbnails/f/10/10-input.webp",
        "target": "thumbnails/f/10/10-output1.webp",
        "caption": "a cat",
        "captions": {"before": ["a cat"], "after": ["a dog"], "outcome": "complied", "note": ""},
        "scores": scores(),
    }
    return Result(**{**given, **changes})


def scores(**changes: float | None) -> dict[str, Any]:
    return {"l1": 0.1, "l2": 0.02, "clip_i": 0.8, "clip_t_local": 0.27, "clip_t_global": 0.3, "dino": None, **changes}


def rendered(edit_type: str, success: bool, **changes: Any) -> Result:
    """A made-up result of MiniBrush."""
    verdict = {
        "success": success,
        "region_ok": success,
        "outside_ok": True,
        "region_reading": "a dog",
        "background_psnr": 25.0,
        "background_ssim": 0.9,
    }
    more = {"dataset": "MiniBrush dev", "rendered": True, "edit_type": edit_type, "verdict": verdict}
    return result(**{**more, **changes})


def failed(made: Result, sentence: str) -> Result:
    """The same edit, had it failed."""
    nothing = {"captions": None, "scores": None, "verdict": None, "picture": None, "reconstruction": None}
    return replace(made, **nothing, error=sentence)


def minibrush() -> list[Result]:
    """One success, one failure of each kind, and a blank description."""
    return [
        rendered("replace", True, session="1", turn=1, place=0, reconstruction_psnr=30.0),
        rendered("recolour", False, session="1", turn=2, place=1, reconstruction_psnr=28.0),
        rendered("recolour", True, session="2", turn=1, place=2, scores=scores(clip_t_local=0.5), blank=True),
        failed(rendered("add", True, session="3", turn=1, place=3), "the prompt takes too many tokens"),
    ]


def files_of(folder: Path) -> dict[str, bytes]:
    """Tables and page."""
    paths = [folder / MARKDOWN, folder / PAGE, *sorted((folder / "tables").iterdir())]
    return {path.name: path.read_bytes() for path in paths}


def report(*folders: Path, into: Path | None = None) -> dict[str, bytes]:
    write_report(folders, into or folders[0])
    return files_of(into or folders[0])


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """All results as plain data; a line that is being written is left out."""
    paths = sorted((folder / "results").glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_bytes().split(b"\n")[:-1]]
