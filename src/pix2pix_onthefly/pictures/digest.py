"""What tells two pictures apart: a hash of their size, mode and pixels."""

from __future__ import annotations

import hashlib

from PIL import Image


def picture_digest(image: Image.Image) -> str:
    """SHA-256 of a picture's size, mode and pixels, in hexadecimal; what else a file holds does not count."""
    head = f"{image.mode} {image.width}x{image.height} "
    return hashlib.sha256(head.encode() + image.tobytes()).hexdigest()
