"""From what a vision-language model writes to a caption: one line, no preamble, no longer than text encoders read."""

from __future__ import annotations

import re

MOST_TOKENS = 75
"""What CLIP's text encoders read of a text, beside its two marks."""
LETTERS_A_TOKEN = 8
"""Words up to so many letters are mostly one token of CLIP's; longer ones are counted as several, to be safe."""
_PREAMBLE = re.compile(
    r"(?:in )?(?:this|the) (?:image|picture|photo|photograph)"
    r"(?:,| is of| shows| depicts| features| displays| captures)\s+",
    re.IGNORECASE,
)
_PIECE = re.compile(r"\w+|[^\w\s]")
_SENTENCE_END = re.compile(r"[.!?](?=\s)")


def caption_of(text: str) -> str:
    """A caption: lower case, without "the image shows", cut after a sentence or else after a word, no full stop."""
    line = " ".join(text.split()).strip("\"'` ")
    return _cut(_PREAMBLE.sub("", line, count=1) if _PREAMBLE.match(line) else line).lower().rstrip(".,;: ")


def _cut(text: str) -> str:
    end, tokens = len(text), 0
    for piece in _PIECE.finditer(text):
        tokens += -(-len(piece[0]) // LETTERS_A_TOKEN)
        if tokens > MOST_TOKENS:
            end = piece.start()
            break
    if end == len(text):
        return text
    kept = text[:end]
    whole = [found.end() for found in _SENTENCE_END.finditer(kept)]
    return kept[: whole[-1]] if whole else kept.rstrip()
