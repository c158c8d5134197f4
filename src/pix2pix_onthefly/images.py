"""Pictures in and out: open, fit, turn into tensors, save with the recipe, read the recipe back."""

from __future__ import annotations

import json
import math
import os
import uuid
import warnings
import zlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps, PngImagePlugin, UnidentifiedImageError

from .errors import InputError, OutputError

MAX_PIXELS = 50_000_000
MAX_ASPECT = 8
PSNR_CAP = 99.0
OUTPUT_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

# Only formats that Pillow decodes itself: for EPS and the like it would start other programs on a stranger's file.
_INPUT_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO")
_RECIPE_KEY = "onthefly"
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_PLAIN, _PACKED = b"ASCII\0\0\0", b"\0" * 8  # the EXIF codes for "ASCII" and "undefined", the latter for zlib
_COMMENT_LIMIT = 60_000  # EXIF must fit into one JPEG segment of 64 KiB
_UNPACKED_LIMIT = 16_000_000
_GAP = 12


def open_picture(path: Path | str) -> Image.Image:
    """The picture of a file as plain RGB, upright; of an animation the first frame.

    Raises:
        InputError: no such file, not readable, not a picture, broken, or over `MAX_PIXELS`.
    """
    with _opened(Path(path)) as image:
        return _plain_rgb(image)


def to_rgb(image: Image.Image) -> Image.Image:
    """A plain RGB copy of a picture of any mode: upright by its EXIF, transparency over white, 16 bits scaled to 8.

    Raises:
        InputError: empty, broken, or over `MAX_PIXELS`.
    """
    _check_pixels(image, "the picture")
    try:
        return _plain_rgb(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"the picture cannot be decoded ({error}); open a sound file of it") from error


@contextmanager
def _opened(path: Path) -> Generator[Image.Image, None, None]:
    """Opens by the header alone; what goes wrong here or in the body (decoding) becomes an InputError."""
    _require_file(path)
    Image.init()
    formats = [name for name in _INPUT_FORMATS if name in Image.OPEN]  # AVIF depends on Pillow's build
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=formats) as image:
                _check_pixels(image, str(path))
                yield image
    except (InputError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path} is larger than {MAX_PIXELS // 10**6} megapixels; scale it down first") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read by this user; change its permissions") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not a picture of a known kind; give a PNG, JPEG, WebP or the like") from error
    except Exception as error:  # decoders raise nearly anything at malformed data
        raise InputError(f"{path} is broken or incomplete ({error}); get a sound copy of it") from error


def _require_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"there is no file {path}; check the name and the folder") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read by this user; change the permissions of its folder") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} cannot be a file name ({error}); give another") from error
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a picture in it")
    if not path.is_file():
        raise InputError(f"{path} is not a regular file; give a picture file")
    if size == 0:
        raise InputError(f"{path} is empty (0 bytes); get a sound copy of it")


def _check_pixels(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height == 0:
        raise InputError(f"{name} has no pixels ({width}x{height}); give another picture")
    if width * height > MAX_PIXELS:
        raise InputError(f"{name} is {width}x{height}, more than {MAX_PIXELS // 10**6} megapixels; scale it down first")


def _plain_rgb(image: Image.Image) -> Image.Image:
    """An RGB copy that carries nothing but its pixels."""
    image.load()
    with suppress(Exception):  # EXIF too broken to hold an orientation; the pixels are sound
        image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bit(image)
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    rgb = image.convert("RGB")
    rgb.info = {}  # Pillow's writers would copy comments and profiles from here
    return rgb


def _eight_bit(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or floating point as L; white is the smallest usual full scale that holds all values."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    peak = float(values.max())
    scales = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    full = next((scale for scale in scales if peak <= scale), peak)
    see_through = image.info.get("transparency")
    if isinstance(see_through, int):
        values = np.where(values == see_through, full, values)
    return Image.fromarray((values * (255.0 / full)).round().clip(0, 255).astype(np.uint8))


@dataclass(frozen=True)
class Fitted:
    """A picture at the size at which it is edited, and the size it had before.

    Attributes:
        image: the working picture, RGB.
        original_size: width and height to restore.
    """

    image: Image.Image
    original_size: tuple[int, int]

    @classmethod
    def of(cls, image: Image.Image, long_side: int, multiple: int = 8) -> Fitted:
        """Fits a picture; arguments and errors as of `fit`."""
        image = _as_rgb(image)
        return cls(fit(image, long_side, multiple), image.size)

    def restore(self, edited: Image.Image) -> Image.Image:
        """The edited working picture at the original size."""
        return restore(edited, self.original_size)


def fit(image: Image.Image, long_side: int, multiple: int = 8) -> Image.Image:
    """Scales a picture, up or down, to a long side of `long_side`, keeping the aspect.

    Both sides are rounded to multiples of `multiple`, at least four of them.

    Raises:
        InputError: longer than `MAX_ASPECT` times its breadth.
    """
    image = _as_rgb(image)
    width, height = image.size
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InputError(f"the picture is {width}x{height}, narrower than 1:{MAX_ASPECT}; crop it first")
    scale = long_side / max(width, height) / multiple
    size = (max(4, round(width * scale)) * multiple, max(4, round(height * scale)) * multiple)
    return image.resize(size, Image.Resampling.LANCZOS)


def restore(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The edited picture scaled back to `size` (width, height)."""
    return _as_rgb(image).resize(size, Image.Resampling.LANCZOS)


def _as_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else to_rgb(image)


def to_tensor(image: Image.Image) -> torch.Tensor:
    """Pixels as [1, 3, height, width], float32 in -1..1."""
    pixels = torch.from_numpy(np.array(_as_rgb(image), dtype=np.float32))
    return (pixels / 127.5 - 1.0).permute(2, 0, 1).unsqueeze(0).contiguous()


def to_image(tensor: torch.Tensor) -> Image.Image:
    """The first picture of a batch [batch, 3, height, width] in -1..1; values beyond are clamped."""
    pixels = tensor[0].detach().to("cpu", torch.float32).permute(1, 2, 0)
    return Image.fromarray(((pixels + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy())


def psnr(a: Image.Image, b: Image.Image) -> float:
    """Agreement of two pictures of one size in dB, at most `PSNR_CAP`.

    Raises:
        ValueError: the sizes differ.
    """
    if a.size != b.size:
        raise ValueError(f"pictures of {a.size} and {b.size} cannot be compared")
    difference = np.asarray(_as_rgb(a), dtype=np.float32) - np.asarray(_as_rgb(b), dtype=np.float32)
    error = float(np.mean(np.square(difference), dtype=np.float64))
    return PSNR_CAP if error == 0 else min(PSNR_CAP, 10 * math.log10(255**2 / error))


def check_output(path: Path | str, *, overwrite: bool) -> Path:
    """Makes sure, before any work is done, that a picture can be written; missing folders are created.

    Raises:
        OutputError: a folder, an unknown ending, an existing file without `overwrite`, or no place to write.
    """
    target = Path(path)
    if os.path.isdir(target):
        raise OutputError(f"{target} is a folder; give a file name, such as {target / 'edited.png'}")
    if target.suffix.lower() not in OUTPUT_FORMATS:
        raise OutputError(f"{target} must end in {', '.join(OUTPUT_FORMATS)}; choose one of these endings")
    if _exists(target) and not overwrite:
        raise OutputError(f"{target} exists already; give another name or allow overwriting")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {target.parent} cannot be made ({error.strerror}); give another") from error
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {target.parent} may not be written to by this user; give another")
    return target


def _exists(target: Path) -> bool:
    try:
        target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise OutputError(f"{str(target)!r} cannot be written ({error}); give another name") from error
    return True


def save(image: Image.Image, path: Path | str, recipe: dict[str, object] | None, *, overwrite: bool) -> None:
    """Writes a picture whole or not at all, with its recipe inside; with None nothing but pixels.

    PNG carries the text chunks `onthefly` (JSON) and `parameters` (for people and other programs), JPEG and WebP the
    JSON as EXIF UserComment.

    Raises:
        OutputError: as of `check_output`, or the writing failed.
    """
    target = check_output(path, overwrite=overwrite)
    picture = _plain_rgb(image)
    options = _save_options(picture, OUTPUT_FORMATS[target.suffix.lower()], recipe)
    part = target.with_name(f".onthefly-{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb") as file:  # not tempfile, whose files only their owner may read
            picture.save(file, **options)
        os.replace(part, target)
    except (OSError, ValueError) as error:
        raise OutputError(f"{target} could not be written ({error}); try another place or PNG") from error
    finally:
        part.unlink(missing_ok=True)


def _save_options(picture: Image.Image, kind: str, recipe: dict[str, object] | None) -> dict[str, Any]:
    options: dict[str, Any] = {"format": kind}
    if kind != "PNG":
        options["quality"] = 95
    if kind == "JPEG":
        options["subsampling"] = 0
    if recipe is None:
        return options
    text = json.dumps(recipe)  # ASCII only, so that every format holds it
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text(_RECIPE_KEY, text)
        chunks.add_text("parameters", _parameters(recipe, picture.size))  # becomes iTXt beyond Latin-1
        return {**options, "pnginfo": chunks}
    comment = _PLAIN + text.encode()
    if len(comment) > _COMMENT_LIMIT:
        comment = _PACKED + zlib.compress(text.encode(), 9)
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = comment
    return {**options, "exif": exif}


def _parameters(recipe: Mapping[str, object], size: tuple[int, int]) -> str:
    """The recipe in the manner of AUTOMATIC1111's web UI, which many viewers show."""
    given = recipe.get("options")
    settings = cast("dict[str, object]", given) if isinstance(given, dict) else {}
    last = {
        "Steps": settings.get("steps"),
        "CFG scale": settings.get("guidance_scale"),
        "Seed": settings.get("seed"),
        "Size": f"{size[0]}x{size[1]}",
        "Model": recipe.get("family"),
    }
    lines = [
        " ".join(str(recipe.get("instruction", "")).split()),
        "Negative prompt: " + " ".join(str(recipe.get("caption", "")).split()),
        ", ".join(f"{name}: {value}" for name, value in last.items() if value is not None),
    ]
    return "\n".join(lines).encode("utf-8", "replace").decode()  # lone surrogates would break the chunk


def read_recipe(path: Path | str) -> dict[str, object]:
    """The recipe that `save` put into a PNG, JPEG or WebP; the pixels are not decoded.

    Raises:
        InputError: not a picture, or one without a recipe.
    """
    with _opened(Path(path)) as image:
        text = image.info.get(_RECIPE_KEY) if image.format == "PNG" else _comment(image)
        try:
            recipe: object = json.loads(text) if isinstance(text, str | bytes) else None
        except ValueError:
            recipe = None
        if not isinstance(recipe, dict):
            raise InputError(f"{path} holds no recipe; give a picture that was saved by onthefly with its metadata")
        return cast("dict[str, object]", recipe)


def _comment(image: Image.Image) -> bytes | None:
    comment: object = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    if not isinstance(comment, bytes):
        return None
    if comment.startswith(_PACKED):
        try:
            return zlib.decompressobj().decompress(comment[len(_PACKED) :], _UNPACKED_LIMIT)
        except zlib.error:
            return None
    return comment.removeprefix(_PLAIN)


def side_by_side(pictures: Sequence[Image.Image], labels: Sequence[str]) -> Image.Image:
    """Pictures in a row at one height of at least 256, each below its label.

    Raises:
        ValueError: no pictures, or not as many labels.
    """
    if not pictures or len(pictures) != len(labels):
        raise ValueError(f"{len(pictures)} pictures and {len(labels)} labels cannot be put side by side")
    tallest = max(picture.height for picture in pictures)
    height = tallest * math.ceil(256 / tallest)
    columns = [restore(image, (max(1, round(image.width * height / image.height)), height)) for image in pictures]
    font = ImageFont.load_default(max(16, height // 24))
    texts = [_wrapped(label, font, column.width) for label, column in zip(labels, columns, strict=True)]
    top = _GAP + math.ceil(max(_text_height(text, font) for text in texts)) + _GAP // 2
    width = sum(column.width + _GAP for column in columns) + _GAP
    sheet = Image.new("RGB", (width, top + height + _GAP), "white")
    left = _GAP
    for column, text in zip(columns, texts, strict=True):
        strip = Image.new("RGB", (column.width, top), "white")  # its own picture, so that a long word is cut off
        ImageDraw.Draw(strip).multiline_text((0, _GAP), text, fill="black", font=font)
        sheet.paste(strip, (left, 0))
        sheet.paste(column, (left, top))
        left += column.width + _GAP
    return sheet


def _wrapped(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    lines: list[str] = []
    for word in label.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines) or " "


def _text_height(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> float:
    return ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, font=font)[3]
