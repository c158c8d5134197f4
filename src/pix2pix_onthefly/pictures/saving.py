"""Pictures out: saved whole or not at all, with the recipe inside; and the recipe read back."""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from PIL import Image, PngImagePlugin

from ..errors import InputError, OutputError
from ..files import written_whole
from .colours import plain_layers
from .opening import Encoded, name_of, opened
from .standard_streams import check_standard_output, is_dash, write_standard_output

OUTPUT_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_RECIPE_KEY = "onthefly"
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_PLAIN, _PACKED = b"ASCII\0\0\0", b"\0" * 8  # the EXIF codes for "ASCII" and "undefined", the latter for zlib
_COMMENT_LIMIT = 60_000  # EXIF must fit into one JPEG segment of 64 KiB
_UNPACKED_LIMIT = 16_000_000


def check_output(path: Path | str, *, overwrite: bool) -> Path:
    """Makes sure, before any work is done, that a picture can be written; missing folders are created.

    Args:
        path: a file, whose ending says of which kind; or `-`, standard output.
        overwrite: the file may be there.

    Raises:
        OutputError: a folder, an unknown ending, an existing file without `overwrite`, or no place to write; or
            standard output is a terminal or closed.
    """
    target = Path(path)
    if is_dash(target):
        check_standard_output()
        return target
    if os.path.isdir(target):
        raise OutputError(f"{target} is a folder; give a file name, such as {target / 'edited.png'}")
    if target.suffix.lower() not in OUTPUT_FORMATS:
        raise OutputError(f"{target} must end in {', '.join(OUTPUT_FORMATS)}; choose one of these endings")
    if _exists(target) and not overwrite:
        raise OutputError(f"{target} exists already; give another name, or overwrite it (--overwrite)")
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

    PNG and WebP keep its transparency, in JPEG it lies over white. PNG carries the text chunks `onthefly` (JSON) and
    `parameters` (for people and other programs), JPEG and WebP the JSON as EXIF UserComment. What a recipe holds is
    kept as it is, whatever it is: it is for its reader to know.

    Args:
        image: of any mode.
        path: as of `check_output`; to standard output goes a PNG.
        recipe: plain data, or None.
        overwrite: the file may be there.

    Raises:
        OutputError: as of `check_output`, or the writing failed.
    """
    save_all([(image, path, recipe)], overwrite=overwrite)


def save_all(pictures: Sequence[tuple[Image.Image, Path | str, dict[str, object] | None]], *, overwrite: bool) -> None:
    """Writes several pictures with their recipes, as `save` writes one: where one cannot be written, none is.

    Raises:
        OutputError: as of `save`.
    """
    targets = [check_output(path, overwrite=overwrite) for _, path, _ in pictures]
    with ExitStack() as parts:
        for (image, _, recipe), target in sorted(
            zip(pictures, targets, strict=True), key=lambda each: is_dash(each[1])
        ):
            if is_dash(target):  # last, for what was sent cannot be taken back
                write_standard_output(encoded(image, "PNG", recipe))  # whole before its first byte goes out
                continue
            picture, options = _as_saved(image, OUTPUT_FORMATS[target.suffix.lower()], recipe)
            # ValueError is how encoders say that a picture is too large for their format
            whole = written_whole(target, failures=(ValueError,), cure="try another place or PNG")
            with open(parts.enter_context(whole), "xb") as file:  # not tempfile, whose files only their owner may read
                picture.save(file, **options)


def _as_saved(image: Image.Image, kind: str, recipe: dict[str, object] | None) -> tuple[Image.Image, dict[str, Any]]:
    """A picture as a kind of file holds it, and how it is written."""
    rgb, rgba = plain_layers(image)
    picture = rgb if rgba is None or kind == "JPEG" else rgba
    options = _save_options(picture, kind, recipe)
    # by itself WebP forgets the colours of what is not seen
    return picture, {**options, "exact": True} if kind == "WEBP" and rgba is not None else options


def encoded(image: Image.Image, kind: str, recipe: dict[str, object] | None, *, quality: int | None = None) -> bytes:
    """A picture's file as bytes.

    Args:
        image: of any mode.
        kind: one of the values of `OUTPUT_FORMATS`.
        recipe: what it carries, or None.
        quality: 1 to 100, of JPEG and WebP; 95 if not given.

    Raises:
        OutputError: the picture is too large for its kind.
    """
    made = io.BytesIO()
    picture, options = _as_saved(image, kind, recipe)
    if quality is not None and "quality" in options:
        options["quality"] = quality
    try:
        picture.save(made, **options)
    except ValueError as error:  # how encoders say that a picture is too large for their format
        raise OutputError(f"the picture cannot be a {kind} ({error}); try PNG") from error
    return made.getvalue()


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
    edited = "instruction" in recipe
    lines = [
        " ".join(str(recipe.get("instruction" if edited else "prompt", recipe.get("caption", ""))).split()),
        *(["Negative prompt: " + " ".join(str(recipe.get("caption", "")).split())] if edited else []),
        ", ".join(f"{name}: {value}" for name, value in last.items() if value is not None),
    ]
    return "\n".join(lines).encode("utf-8", "replace").decode()  # lone surrogates would break the chunk


def read_recipe(path: Encoded) -> dict[str, object]:
    """The recipe that `save` put into a PNG, JPEG or WebP, all of it; the pixels are not decoded.

    Raises:
        InputError: not a picture, or one without a recipe.
    """
    with opened(path) as image:
        text = image.info.get(_RECIPE_KEY) if image.format == "PNG" else _comment(image)
        try:
            recipe: object = json.loads(text) if isinstance(text, str | bytes) else None
        except ValueError:
            recipe = None
        if not isinstance(recipe, dict):
            raise InputError(
                f"{name_of(path)} holds no recipe; give a picture that was saved by onthefly with its metadata"
            )
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
