"""What tells one picture from another."""

from __future__ import annotations

import hashlib

from PIL import Image


def picture_digest(picture: Image.Image) -> str:
    """Hash of a picture's size and pixels."""
    head = f"{picture.mode} {picture.width}x{picture.height} "
    return hashlib.sha256(head.encode() + picture.tobytes()).hexdigest()
