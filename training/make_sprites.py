"""Packs the sprite sheet from an unpacked copy of the npm package @lobehub/fluent-emoji-3d (MIT).

    npm pack @lobehub/fluent-emoji-3d@1.1.0 && tar xzf lobehub-fluent-emoji-3d-1.1.0.tgz
    python -m training.make_sprites package/assets

Needed only to change the set of kinds: the packed sheet is part of the repository.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from pix2pix_onthefly.world.sprites import SHEET_COLUMNS, SPRITE_SIDE, sheet_box
from pix2pix_onthefly.world.vocabulary import KINDS


def _fit(picture: Image.Image) -> Image.Image:
    """Crops to what is drawn and centres it in the sprite's square."""
    box = picture.getbbox()
    drawn = picture.crop(box)
    scale = SPRITE_SIDE / max(drawn.size)
    size = (round(drawn.width * scale), round(drawn.height * scale))
    sprite = Image.new("RGBA", (SPRITE_SIDE, SPRITE_SIDE))
    offset = ((SPRITE_SIDE - size[0]) // 2, (SPRITE_SIDE - size[1]) // 2)
    sprite.paste(drawn.resize(size, Image.Resampling.LANCZOS), offset)
    return sprite


def main(folder: Path) -> None:
    rows = -(-len(KINDS) // SHEET_COLUMNS)
    sheet = Image.new("RGBA", (SHEET_COLUMNS * SPRITE_SIDE, rows * SPRITE_SIDE))
    for index, kind in enumerate(KINDS.values()):
        picture = Image.open(folder / f"{kind.codepoint}.webp").convert("RGBA")
        sheet.paste(_fit(picture), sheet_box(index))
    target = Path(__file__).parents[1] / "src/pix2pix_onthefly/world/assets/sprites.png"
    sheet.save(target, optimize=True)
    print(f"{len(KINDS)} kinds, {target.stat().st_size / 1e3:.0f} kB: {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
