"""The form of the answer as a grammar, to which a language model can be held while it writes."""

from __future__ import annotations

import json

from .formats import AFTER_HEADER, BEFORE_HEADER, expected_reply

CAPTION_TOKENS = 50
"""The most tokens of a caption. BLIP's have 30, text encoders read 77; some models spell words out."""
_PLACE = "\0"
_HEADERS = "|".join([BEFORE_HEADER, AFTER_HEADER, r"Caption \d"])


def reply_grammar(count: int, *, locked: bool) -> str:
    """What may stand behind `formats.build_prompt`, in Lark's notation: Fig. 5 with captions of one line each.

    A caption begins with a letter or a figure, perhaps in quotes, and holds none of the form's own words.

    Args:
        count: how many captions are asked for on each side.
        locked: whether the prompt ends with the first before-caption.
    """
    captions = (_PLACE,) * count
    form = expected_reply(captions, captions, locked=locked)
    pieces = [json.dumps(piece) for piece in form.rstrip("\n").split(_PLACE)]
    body = " caption ".join(pieces).removesuffix('""').strip()
    return (
        f'start: {body} ("\\n" "\\n"?)?\n'
        f"caption[max_tokens={CAPTION_TOKENS}]: CAPTION\n"
        f'CAPTION: /["“]?[\\p{{L}}\\p{{N}}][^\\p{{Cc}}\\p{{Zl}}\\p{{Zp}}]*/ & ~/(?s:.*)(?i:{_HEADERS})(?s:.*)/\n'
    )
