"""A finished edit: its pictures at their sizes, how well the models know the picture, versions, warnings."""

from __future__ import annotations

from importlib.metadata import version

from PIL import Image
from torch import Tensor

from .. import __version__
from ..methods.method import Method
from ..models.families import EDIT_ROLES, PHOTOGRAPH_FAMILY, Family
from ..pictures import fitting
from ..pictures.digest import picture_digest
from ..pictures.pasting import pasted
from ..records import EditCaptions, EditResult
from .drafts import Draft
from .holding import pixel_weights

_LIBRARIES = ("torch", "diffusers", "transformers", "pillow")


def versions() -> dict[str, str]:
    """Versions of this program and of the libraries that take part."""
    return {"pix2pix-onthefly": __version__, **{name: version(name) for name in _LIBRARIES}}


def warnings_of(name: str, family: Family, agreement: float | None, captions: EditCaptions) -> tuple[str, ...]:
    """Sentences for the user.

    Args:
        name, family: the models.
        agreement: PSNR in dB of the unedited regeneration, or of the picture through the autoencoder, where known.
        captions: how the language model's captions came about.
    """
    found: list[str] = []
    floor = family.reconstruction_floor
    if floor is not None and agreement is not None and agreement < floor:
        found.append(
            f"the models of the family {name} regenerate this picture poorly ({agreement:.1f} dB, below {floor:g}): it "
            f"is outside the world they know; for photographs use --family {PHOTOGRAPH_FAMILY}"
        )
    if captions.note:
        found.append(captions.note)
    return tuple(found)


def models_of(family: Family, method: Method | None = None) -> dict[str, str]:
    """The rows that take part, by role: the family's, or a method's own in their place."""
    rows = {role: str(getattr(family, role)) for role in EDIT_ROLES}
    return rows if method is None else {**rows, **method.models}


def result_of(
    draft: Draft,
    made: Image.Image,
    unedited: Image.Image | None,
    region: Tensor | None,
    *,
    through: Image.Image | None,
    name: str,
    family: Family,
    method: Method,
) -> EditResult:
    """The result of a draft.

    Args:
        made, unedited: the edit and the unedited regeneration, at the working size.
        region: what the edit was held to, in cells of the latents [1, 1, h, w]; None for everywhere.
        through: the picture through the autoencoder alone, which tells of a foreign picture where no regeneration does.
        name, family: the models.
    """
    assert draft.caption is not None
    assert draft.captions is not None
    agreement = None
    if unedited is not None:
        unedited = fitting.restore(unedited, draft.source.size)
        agreement = fitting.psnr(draft.source, unedited)
    known = None if through is None else fitting.psnr(draft.source, fitting.restore(through, draft.source.size))
    image = fitting.restore(made, draft.original.size)
    weights = pixel_weights(region, draft.job.mask, image.size)
    if weights is not None and (draft.options.keep == "hard" or draft.job.mask is not None):
        image = pasted(draft.job.original_rgba or draft.original, image, weights)
    return EditResult(
        image=image,
        source=draft.source,
        reconstruction=unedited,
        instruction=draft.job.instruction,
        caption=draft.caption,
        captions=draft.captions,
        options=draft.options,
        family=name,
        models=models_of(family, method),
        versions=versions(),
        seconds=draft.seconds,
        source_sha256=picture_digest(draft.original),
        reconstruction_psnr=agreement,
        warnings=warnings_of(name, family, known if agreement is None else agreement, draft.captions),
        mask=weights,
        mask_sha256=None if draft.job.mask is None else picture_digest(draft.job.mask),
    )
