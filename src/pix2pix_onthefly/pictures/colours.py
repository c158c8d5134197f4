"""Pixels of any kind as plain RGB: upright, eight bits, sRGB, transparency over white; and their opacity."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

_PROFILED_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The mode whose channels a profile describes, by the profile's colour space."""
_WIDENING = {"1": 255, "L;2": 85, "L;4": 17}
"""What Pillow multiplies the few bits of a grey PNG by, by its name for the way they are stored."""
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # a TIFF's tag, and its value for negatives


def plain_rgb(image: Image.Image) -> Image.Image:
    """An RGB copy that carries nothing but its pixels."""
    return plain_layers(image)[0]


def plain_layers(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """An RGB copy over white; and, if the picture has any transparency data, an RGBA copy with its colours as they are,
    also where nothing of them is seen."""
    key_scale = _key_scale(image)
    image.load()
    profile, key = image.info.get("icc_profile"), image.info.get("transparency")
    if isinstance(key, int):
        key *= key_scale
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        pixels, key = _eight_bit(image, key), None  # as LA where a level is transparent
    else:
        pixels = image.copy()
    pixels.info = {} if key is None else {"transparency": key}
    _turn_upright(pixels, image)
    colours, alpha = _split(pixels)
    rgb, rgba = _in_srgb(colours, profile), None
    if alpha is not None:
        rgba = Image.merge("RGBA", (*rgb.split(), alpha))
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    rgb.info = {}  # Pillow's writers would copy comments and profiles from here
    return rgb, rgba


def _key_scale(image: Image.Image) -> int:
    """A PNG names its transparent grey in the bits it stores; Pillow widens the pixels only. Known before loading."""
    tiles: list[Any] = getattr(image, "tile", [])
    return _WIDENING.get(str(tiles[0][3]), 1) if tiles and image.format == "PNG" else 1


def _eight_bit(image: Image.Image, transparent: object) -> Image.Image:
    """Grey of 16 or 32 bits or floating point as L, or LA where a level is transparent.

    White is the smallest usual full scale that holds all values.
    """
    values = np.asarray(image, dtype=np.float32)
    peak = float(values.max(initial=0.0, where=np.isfinite(values)))
    scales = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    full = next((scale for scale in scales if peak <= scale), peak)
    if image.mode.startswith("I;16") and getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        values = full - values  # Pillow does so up to eight bits only
    opaque = np.asarray(values != transparent)
    values = np.nan_to_num(values, nan=0.0, posinf=full, neginf=0.0)
    grey = (values * (255.0 / full)).round().clip(0, 255).astype(np.uint8)
    if not isinstance(transparent, int):
        return Image.fromarray(grey)
    return Image.fromarray(np.stack([grey, np.where(opaque, 255, 0).astype(np.uint8)], axis=2))


def _turn_upright(pixels: Image.Image, image: Image.Image) -> None:
    """As the EXIF of `image` says, of which nothing but the orientation is looked at: it may be broken."""
    with suppress(Exception):
        pixels.getexif()[ExifTags.Base.Orientation] = image.getexif()[ExifTags.Base.Orientation]
    ImageOps.exif_transpose(pixels, in_place=True)


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours as L, CMYK or RGB, and the opacity as L if there is any."""
    grey = image.mode in ("1", "L", "LA", "La")
    plain = "L" if grey else "RGB"
    if not image.has_transparency_data:
        return _converted(image, "CMYK" if image.mode == "CMYK" else plain), None
    if image.mode == "La":  # which Pillow converts to LA only
        image = image.convert("LA")
    with_alpha = _converted(image, "LA" if grey else "RGBA")
    return with_alpha.convert(plain), with_alpha.getchannel("A")


def _converted(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)  # which would copy


def _in_srgb(colours: Image.Image, profile: bytes | None) -> Image.Image:
    """As RGB, by way of the colour profile if it is of use."""
    with suppress(ImportError, OSError, ImageCms.PyCMSError):  # Pillow without it; a broken profile; one not for this
        source: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        if _PROFILED_MODES.get(source.profile.xcolor_space.strip()) == colours.mode:
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(colours, source, target, outputMode="RGB")
            if converted is not None:
                return converted
    return _converted(colours, "RGB")
