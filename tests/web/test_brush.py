"""What was painted becomes a mask."""

from __future__ import annotations

from PIL import Image

from pix2pix_onthefly.web.brush import painted_mask


def _layer(box: tuple[int, int, int, int], side: int = 16) -> Image.Image:
    layer = Image.new("RGBA", (side, side))
    layer.paste((255, 0, 0, 255), box)
    return layer


def test_nothing_painted_is_no_mask() -> None:
    assert painted_mask(None, (8, 8)) is None
    assert painted_mask({"layers": []}, (8, 8)) is None
    assert painted_mask({"layers": [Image.new("RGBA", (8, 8))]}, (8, 8)) is None


def test_all_layers_count_at_the_pictures_size() -> None:
    mask = painted_mask({"layers": [_layer((0, 0, 4, 4)), _layer((12, 12, 16, 16))]}, (8, 8))
    assert mask is not None
    assert (mask.mode, mask.size) == ("L", (8, 8))
    assert [mask.getpixel(place) for place in ((0, 0), (7, 7), (4, 4))] == [255, 255, 0]
