"""Captions by a model that sees the picture: the captioner in the rewriter's place (`--rewriter sees-picture`)."""

from __future__ import annotations

from PIL import Image

from ..captioning.captioner import Captioner
from ..captioning.settings import CANNOT_SEE
from ..captioning.vision_language import VisionLanguageCaptioner
from ..errors import OptionError
from ..language.seeing_model import SeeingModel
from ..models.families import Family
from ..rewriting.lexicon import load_lexicon
from ..rewriting.pool import load_pool
from ..rewriting.rewriter import Rewriter


def rewriter_seeing(captioner: Captioner, picture: Image.Image, family: Family) -> Rewriter:
    """A rewriter that asks a family's captioner about a picture, with the family's examples.

    Args:
        picture: RGB.

    Raises:
        OptionError: the captioner cannot be asked in words.
    """
    if not (isinstance(captioner, VisionLanguageCaptioner) and captioner.chats):
        raise OptionError(CANNOT_SEE)
    known = None if family.lexicon is None else load_lexicon(family.lexicon)
    model = SeeingModel(captioner.model, captioner.processor, picture)
    return Rewriter(model, load_pool(family.pool), known, of_picture=True)
