"""Pictures in: opens whatever people have, and says in one sentence what is wrong with the rest."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import InputError
from .arrays import image_of_array, image_of_tensor
from .colours import plain_layers
from .file_kinds import HEAD, begins_like, check_kind, check_not_raw
from .standard_streams import is_dash, read_bounded, read_standard_input

if TYPE_CHECKING:
    from torch import Tensor

MAX_PIXELS = 50_000_000

Encoded = Path | str | bytes | bytearray | memoryview | IO[bytes]
"""What holds the file of a picture: its name (`-` is standard input), its bytes, or an open file of them."""

# Only formats that Pillow (or pillow-heif) decodes itself: for EPS and the like it would start other programs on a
# stranger's file. TGA comes last: it has no signature, and some icons look like one.
_INPUT_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO", "HEIF", "TGA")
_MOVING_FORMATS = ("PNG", "WEBP", "GIF", "AVIF")
"""In which several frames are an animation; in a TIFF they are pages, in an MPO the views of a stereo photo."""


@dataclass(frozen=True)
class OpenedPicture:
    """A picture and what is lost in making it plain.

    Attributes:
        image: plain RGB, upright; transparency over white; of an animation the first frame.
        rgba: the same with its opacity, not laid over white: colours as they are stored, also where nothing of them is
            seen; None if it has no transparency data.
        warnings: sentences for the user.
    """

    image: Image.Image
    rgba: Image.Image | None = None
    warnings: tuple[str, ...] = ()

    @property
    def alpha(self) -> Image.Image | None:
        """Its opacity as L of the same size, 255 where it is opaque; None if it has no transparency data."""
        return None if self.rgba is None else self.rgba.getchannel("A")


def picture_of(value: object) -> Image.Image:
    """Anything that people hold a picture in, as plain RGB; else as `opened_of`."""
    return opened_of(value).image


def opened_of(value: object) -> OpenedPicture:
    """Anything that people hold a picture in.

    Args:
        value: a file's name (str or path; `-` is standard input), a PIL image, the bytes of a picture's file or an
            open file of them, a numpy array or a torch tensor. Arrays and tensors are [height, width, 3 or 4] or
            [height, width]; tensors also [3, height, width]; a batch of one is taken as well. uint8, or floating point
            in 0..1. What this gives is taken, too.

    Raises:
        InputError: anything else; or a picture that is empty, broken, or over `MAX_PIXELS`.
    """
    kind = getattr(sys.modules.get("torch"), "Tensor", ())  # who holds a tensor has imported torch; we need not
    if isinstance(value, OpenedPicture):
        return value
    if isinstance(value, Image.Image):
        return _plain(value)
    if isinstance(value, np.ndarray):
        return _plain(image_of_array(cast("np.ndarray[Any, Any]", value), MAX_PIXELS))
    if isinstance(value, kind):
        return _plain(image_of_tensor(cast("Tensor", value), MAX_PIXELS))
    if isinstance(value, os.PathLike):
        value = os.fspath(cast("os.PathLike[str] | os.PathLike[bytes]", value))
        return read_picture(os.fsdecode(value))
    if isinstance(value, str | bytes | bytearray | memoryview) or hasattr(value, "read"):
        return read_picture(cast("Encoded", value))
    raise InputError(
        f"{_named(value)} is not a picture; give a file's name, a PIL image, the bytes of a picture's file, a numpy "
        "array or a torch tensor"
    )


def open_picture(source: Encoded) -> Image.Image:
    """The picture of a file as plain RGB, upright; of an animation the first frame.

    Raises:
        InputError: no such file, not readable, not a picture, broken, or over `MAX_PIXELS`.
    """
    return read_picture(source).image


def alpha_of(source: Encoded) -> Image.Image | None:
    """The opacity of the picture of a file, L, upright; None if it has no transparency data.

    Raises:
        InputError: as of `open_picture`.
    """
    return read_picture(source).alpha


def read_picture(source: Encoded) -> OpenedPicture:
    """The picture of a file, its opacity, and what the user should know about it.

    Raises:
        InputError: as of `open_picture`.
    """
    with opened(source) as image:
        moving = image.format in _MOVING_FORMATS and _has_frames(image)
        rgb, rgba = plain_layers(image)
        notes = (f"{name_of(source)} is animated; its first frame was taken",) if moving else ()
        return OpenedPicture(rgb, rgba, notes)


def _has_frames(image: Image.Image) -> bool:
    with suppress(Exception):  # a broken second frame does not matter
        return bool(getattr(image, "is_animated", False))
    return False


def to_rgb(image: Image.Image) -> Image.Image:
    """A plain RGB copy of a picture of any mode: upright by its EXIF, transparency over white, 16 bits scaled to 8.

    Raises:
        InputError: empty, broken, or over `MAX_PIXELS`.
    """
    return _plain(image).image


def _plain(image: Image.Image) -> OpenedPicture:
    _check_pixels(image, "the picture")
    try:
        return OpenedPicture(*plain_layers(image))
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly anything at malformed data
        reason = str(error) or "its file is closed"  # which Pillow only asserts
        raise InputError(f"the picture cannot be decoded ({reason}); open a sound file of it") from error


@contextmanager
def opened(source: Encoded) -> Generator[Image.Image, None, None]:
    """Opens by the header alone; what goes wrong here or in the body (decoding) becomes an InputError."""
    name = name_of(source)
    formats: list[str] = []
    head = b""
    Image.init()
    try:
        with ExitStack() as stack:
            file = stack.enter_context(_stream(source, name))
            head = file.read(HEAD)
            check_kind(head, name)
            formats += [format_ for format_ in _INPUT_FORMATS if format_ in Image.OPEN]  # some depend on Pillow's build
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = stack.enter_context(Image.open(file, formats=formats))
            check_not_raw(image, name)
            _check_pixels(image, name)
            yield image
    except (InputError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name} is larger than {MAX_PIXELS // 10**6} megapixels; scale it down first") from error
    except PermissionError as error:
        raise InputError(f"{name} may not be read by this user; change its permissions") from error
    except UnidentifiedImageError as error:
        if begins_like(head, formats):
            raise InputError(_broken(name, "its beginning makes no sense")) from error
        raise InputError(f"{name} is not a picture of a known kind; give a PNG, JPEG, WebP or the like") from error
    except Exception as error:  # decoders raise nearly anything at malformed data
        raise InputError(_broken(name, error)) from error


def _stream(source: Encoded, name: str) -> IO[bytes]:
    """The bytes of a picture, to be closed by whoever asked for them; never the caller's own file."""
    if isinstance(source, str | Path) and not is_dash(source):
        _require_file(Path(source))
        return open(source, "rb")
    if isinstance(source, str | Path):
        data = read_standard_input()
    elif isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
    else:
        with suppress(OSError, ValueError, AttributeError):
            source.seek(0)  # it may just have been written
        data = read_bounded(source, name)
    if not data:
        raise InputError(f"{name} is empty (0 bytes); give a picture")
    return io.BytesIO(data)


def name_of(source: Encoded) -> str:
    """What a sentence calls it."""
    if isinstance(source, str | Path):
        return "standard input" if is_dash(source) else str(source)
    return "what was given" if isinstance(source, bytes | bytearray | memoryview) else "the open file"


def _named(value: object) -> str:
    """A value as a sentence may begin with it."""
    if value is None:
        return "None"
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _broken(name: str, reason: object) -> str:
    reason = " ".join(str(reason).split())  # of decoders that write a paragraph
    return f"{name} is broken, incomplete or of a rare kind ({reason}); get a sound copy or save it anew as PNG"


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
