"""The preset `paper`: what the language model is sent is the paper's prompt, and the constants are the paper's."""

from __future__ import annotations

import dataclasses

import pytest
from PIL import Image

from pix2pix_onthefly import Editor
from pix2pix_onthefly.models.families import FAMILIES
from pix2pix_onthefly.running.defaults import options_for
from tests.rewriting.golden_prompts import CAPTION, FOLDER, INSTRUCTION


@pytest.mark.parametrize("wording", ["terse", "detailed"])
@pytest.mark.parametrize("captions", [1, 2, 4])
@pytest.mark.parametrize("shots", [0, 1])
def test_an_edits_recipe_holds_the_golden_prompt(
    tiny_family: str, monkeypatch: pytest.MonkeyPatch, wording: str, captions: int, shots: int
) -> None:
    editor = Editor.load(tiny_family)
    monkeypatch.setattr(editor.models, "family", dataclasses.replace(editor.family, pool="photographs"))
    options = editor.options(preset="paper", steps=2, attempts=1, wording=wording, captions=captions, shots=shots)
    monkeypatch.setattr("pix2pix_onthefly.language.transformers_model.TransformersModel.longest", None)
    monkeypatch.setattr("pix2pix_onthefly.language.transformers_model.TransformersModel.complete", lambda *_: "")
    result = editor.edit(Image.new("RGB", (64, 64)), INSTRUCTION, caption=CAPTION, options=options)
    name = f"paper-{wording}-{captions}-captions-{shots}-shots-locked.txt"
    assert result.captions.prompt == (FOLDER / name).read_text(encoding="utf-8")


def test_the_constants_are_the_papers() -> None:
    """3.1, 3.3, 5.1 to 5.4 and the best CLIP-T of 6.1; what the paper leaves open is pix2pix-zero's."""
    flat = options_for(FAMILIES["sd14"], named="paper").flat()
    wanted = {
        "method": "attention",
        "steps": 100,
        "captions": 1,
        "shots": 1,
        "wording": "terse",
        "lock_first_caption": True,
        "guidance_scale": 5.0,
        "direction_scale": 1.0,
        "guided_share": 1.0,
        "as_typed": True,
        "full_stops": True,
        "constrain": False,
    }
    assert {name: flat[name] for name in wanted} == wanted
    captioner = FAMILIES["sd14"].captioner.captioning
    assert captioner is not None
    assert (captioner.beams, captioner.shortest, captioner.longest, captioner.prefix) == (3, 10, 30, "a picture of")
