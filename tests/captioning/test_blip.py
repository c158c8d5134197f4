"""The captioner as its row says: beams, lengths, and a prefix that is hidden and taken off again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pix2pix_onthefly.captioning.blip import BlipCaptioner
from pix2pix_onthefly.captioning.settings import CaptioningSettings
from pix2pix_onthefly.models import families, loading
from tests.saved_models import picture, row_of, save_captioner

CPU = torch.device("cpu")


@pytest.fixture
def captioner(tmp_path: Path) -> BlipCaptioner:
    save_captioner(tmp_path, pickled=False)
    loaded = loading.load_captioner(row_of(tmp_path), CPU, torch.float32)
    assert isinstance(loaded, BlipCaptioner)
    return loaded


def asked(captioner: BlipCaptioner, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the model is asked for one picture."""
    seen: dict[str, Any] = {}
    original = captioner.model.generate

    def noting(**arguments: Any) -> Any:
        seen.update(arguments)
        return original(**arguments)

    monkeypatch.setattr(captioner.model, "generate", noting)
    seen["caption"] = captioner.describe(picture())
    return seen


def test_photographs_are_captioned_as_pix2pix_zero_does(
    captioner: BlipCaptioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert families.FAMILIES["sd14"].captioner.captioning == CaptioningSettings(
        beams=3, shortest=10, longest=30, prefix="a picture of"
    )
    assert captioner.settings == families.FAMILIES["sd14"].captioner.captioning
    seen = asked(captioner, monkeypatch)
    assert (seen["num_beams"], seen["min_length"], seen["max_length"]) == (3, 10, 30)
    words = captioner.processor.tokenizer("a picture of")["input_ids"]
    assert seen["input_ids"][0, 1:].tolist() == words[1:]


def test_the_prefix_is_taken_off_again(captioner: BlipCaptioner) -> None:
    bare = captioner.describe(picture())
    tokens = captioner.model.generate(
        **captioner.processor(images=picture(), text="a picture of", return_tensors="pt"),
        num_beams=3,
        min_length=10,
        max_length=30,
    )
    whole = captioner.processor.decode(tokens[0], skip_special_tokens=True)
    assert whole.startswith("a picture of")
    assert bare == " ".join(whole.split()).removeprefix("a picture of").strip()


def test_the_bundled_captioner_has_no_prefix_and_no_least_length(monkeypatch: pytest.MonkeyPatch) -> None:
    row = families.FAMILIES["mini"].captioner
    assert row.captioning is not None
    assert (row.captioning.prefix, row.captioning.shortest) == ("", 0)
    bundled = loading.load_captioner(row, CPU, torch.float32)
    assert isinstance(bundled, BlipCaptioner)
    seen = asked(bundled, monkeypatch)
    assert "input_ids" not in seen
    assert seen["min_length"] == 0
