"""Pictures in: opens whatever people have, and says in one sentence what is wrong with the rest."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ..errors import InputError
from .colours import plain_rgb
from .file_kinds import begins_like, check_kind, check_not_raw

MAX_PIXELS = 50_000_000

# Only formats that Pillow decodes itself: for EPS and the like it would start other programs on a stranger's file.
# TGA comes last: it has no signature, and some icons look like one.
_INPUT_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO", "TGA")


def open_picture(path: Path | str) -> Image.Image:
    """The picture of a file as plain RGB, upright; of an animation the first frame.

    Raises:
        InputError: no such file, not readable, not a picture, broken, or over `MAX_PIXELS`.
    """
    with opened(Path(path)) as image:
        return plain_rgb(image)


def to_rgb(image: Image.Image) -> Image.Image:
    """A plain RGB copy of a picture of any mode: upright by its EXIF, transparency over white, 16 bits scaled to 8.

    Raises:
        InputError: empty, broken, or over `MAX_PIXELS`.
    """
    _check_pixels(image, "the picture")
    try:
        return plain_rgb(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"the picture cannot be decoded ({error}); open a sound file of it") from error


@contextmanager
def opened(path: Path) -> Generator[Image.Image, None, None]:
    """Opens by the header alone; what goes wrong here or in the body (decoding) becomes an InputError."""
    _require_file(path)
    Image.init()
    formats = [name for name in _INPUT_FORMATS if name in Image.OPEN]  # AVIF depends on Pillow's build
    try:
        check_kind(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=formats) as image:
                check_not_raw(image, path)
                _check_pixels(image, str(path))
                yield image
    except (InputError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path} is larger than {MAX_PIXELS // 10**6} megapixels; scale it down first") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read by this user; change its permissions") from error
    except UnidentifiedImageError as error:
        if begins_like(path, formats):
            raise InputError(_broken(path, "its beginning makes no sense")) from error
        raise InputError(f"{path} is not a picture of a known kind; give a PNG, JPEG, WebP or the like") from error
    except Exception as error:  # decoders raise nearly anything at malformed data
        raise InputError(_broken(path, error)) from error


def _broken(path: Path, reason: object) -> str:
    return f"{path} is broken, incomplete or of a rare kind ({reason}); get a sound copy or save it anew as PNG"


def _require_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"there is no file {path}; check the name and the folder") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read by this user; change the permissions of its folder") from error
    except (OSError, ValueError) as error:  # a name too long, a link that leads to itself
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{str(path)!r} leads to no file ({reason}); give another name") from error
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
