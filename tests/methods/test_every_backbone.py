"""Every way of editing on every kind of backbone: it edits a tiny picture, or says in one sentence why it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2pix_onthefly import Editor
from pix2pix_onthefly.cli.reference import refusal_on, ways_of_editing
from pix2pix_onthefly.errors import OptionError
from pix2pix_onthefly.models import loading
from tests.tiny_backbones import BUILDERS, save_backbone

FLOWS = ("sd3", "flux", "flux2")
ON_FLOWS = {"flow", "chord", "sdedit"}
"""What works on predictions alone; all else needs an inversion, random steps, or attention maps."""
CAPTIONS: dict[str, Any] = {"before": "a red cat on the table", "after": "a blue dog on the table"}
SIZE = 64


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each layout."""
    root = tmp_path_factory.mktemp("layouts")
    return {layout: save_backbone(build(), root / layout) for layout, build in BUILDERS.items()}


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8))


@pytest.mark.parametrize("method", ways_of_editing())
@pytest.mark.parametrize("layout", BUILDERS)
def test_it_edits_or_says_why_not(
    layout: str, method: str, folders: dict[str, Path], tiny_family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = Editor.load(tiny_family, device="cpu", diffusion=str(folders[layout]))
    options = editor.options(method=method, steps=4, size=SIZE)
    refusal = refusal_on(method, layout)  # what docs/reference.md says
    assert bool(refusal) == (layout in FLOWS and method not in ON_FLOWS)
    if not refusal:
        made = editor.edit(picture(), "", caption=CAPTIONS["before"], options=options, **CAPTIONS)
        assert made.image.size == (SIZE, SIZE)
        assert np.asarray(made.image).std() > 0
        return
    for loader in ("load_backbone", "load_captioner", "load_rewriter"):
        monkeypatch.setattr(loading, loader, lambda *_, **__: pytest.fail("something was loaded"))
    with pytest.raises(OptionError, match=r"predicts a flow.*--method flow or --method sdedit") as error:
        editor.edit(picture(), "", options=options, **CAPTIONS)
    assert str(error.value) == refusal
    assert "\n" not in refusal


@pytest.mark.parametrize("layout", FLOWS)
def test_a_flow_has_no_reconstruction(layout: str, folders: dict[str, Path], tiny_family: str) -> None:
    editor = Editor.load(tiny_family, device="cpu", diffusion=str(folders[layout]))
    with pytest.raises(OptionError, match="predicts a flow"):
        editor.reconstruct(picture())


@pytest.mark.parametrize("layout", BUILDERS)
def test_flow_edits_in_batches_where_memory_is_short(layout: str, folders: dict[str, Path], tiny_family: str) -> None:
    """Side by side they are what they are alone, pictures of two shapes among them."""
    settings: dict[str, Any] = {"device": "cpu", "diffusion": str(folders[layout])}
    editor = Editor.load(tiny_family, **settings, low_vram=True, batch=2)
    options = editor.options(method="flow", steps=3, size=SIZE, force=True)
    wide = picture().resize((SIZE, 40))
    pictures, wishes = [picture(), picture(), wide], ["make it blue", "make it red", "make it blue"]
    together = editor.edit_many(pictures, wishes, options=options)
    alone = Editor.load(tiny_family, **settings).edit(pictures[1], wishes[1], options=options)
    assert [made.image.size for made in together] == [image.size for image in pictures]
    apart = np.abs(np.asarray(together[1].image, dtype=float) - np.asarray(alone.image, dtype=float))
    assert apart.max() <= 2
