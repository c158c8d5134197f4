"""What a result tells beside its pictures: library versions, and warnings."""

from __future__ import annotations

from importlib.metadata import version

from .. import __version__
from ..models.families import PHOTOGRAPH_FAMILY, Family
from ..records import EditCaptions

_LIBRARIES = ("torch", "diffusers", "transformers", "pillow")


def versions() -> dict[str, str]:
    """Versions of this program and of the libraries that take part."""
    return {"pix2pix-onthefly": __version__, **{name: version(name) for name in _LIBRARIES}}


def warnings_of(name: str, family: Family, agreement: float, captions: EditCaptions) -> tuple[str, ...]:
    """Sentences for the user.

    Args:
        name, family: the models.
        agreement: PSNR of the unedited regeneration in dB.
        captions: how the language model's captions came about.
    """
    found: list[str] = []
    floor = family.reconstruction_floor
    if floor is not None and agreement < floor:
        found.append(
            f"the models of the family {name} regenerate this picture poorly ({agreement:.1f} dB, below {floor:g}): it "
            f"is outside the world they know; for photographs use --family {PHOTOGRAPH_FAMILY}"
        )
    if captions.note:
        found.append(captions.note)
    return tuple(found)
