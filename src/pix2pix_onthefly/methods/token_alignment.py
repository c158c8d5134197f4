"""Which token of a caption stands for which token of another one (Hertz et al. 2022, 3.2, and their `seq_aligner`).

Captions are compared word by word. A word that is there before and after keeps its maps; where a word has taken the
place of another it takes that one's maps (`replace`) or goes by its own (`refine`); a word that is new goes by its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import torch
from jaxtyping import Float
from torch import Tensor

Span = tuple[int, int] | None
"""Where in a text a token stands; None for tokens that stand for no part of it."""
_WORD = re.compile(r"[\w'-]+|[^\w\s]")


@dataclass(frozen=True)
class TokenAlignment:
    """How the maps of a caption become those of another.

    Attributes:
        mapper: how much of each token's map, before, each token takes, after.
        taken: 1 for the tokens that take maps, 0 for those that go by their own.
        gone, new: 1 for the tokens of words that are in one caption only, before and after.
    """

    mapper: Float[Tensor, "tokens tokens"]
    taken: Float[Tensor, " tokens"]
    gone: Float[Tensor, " tokens"]
    new: Float[Tensor, " tokens"]


def align_tokens(
    texts: tuple[str, str], spans: tuple[Sequence[Span], Sequence[Span]], *, refine: bool = False
) -> TokenAlignment:
    """The alignment of two captions, before and after.

    Args:
        spans: for each, where its tokens stand, as `Backbone.spans` gives them: both of one length.
        refine: words that replace others go by their own maps.
    """
    words = tuple([word for word, _ in _words(text)] for text in texts)
    before, after = (_tokens_by_word(*pair) for pair in zip(texts, spans, strict=True))
    pairs, gone, new = _aligned_words(*words, refine=refine)
    length = len(spans[0])
    mapper = torch.zeros(length, length)
    for one, other in pairs:
        _join_words(mapper, before[one], after[other])
    _join_the_rest(mapper, spans)
    return TokenAlignment(
        mapper, mapper.sum(0).gt(0).float(), _marked(before, gone, length), _marked(after, new, length)
    )


def _words(text: str) -> list[tuple[str, int]]:
    """Words and signs in lower case, and where they end."""
    return [(found[0].lower(), found.end()) for found in _WORD.finditer(text)]


def _tokens_by_word(text: str, spans: Sequence[Span]) -> list[list[int]]:
    """For each word the numbers of its tokens; none where the encoder has cut the text off."""
    ends = [end for _, end in _words(text)]
    found: list[list[int]] = [[] for _ in ends]
    for place, span in enumerate(spans):
        if span is not None:
            found[next(number for number, end in enumerate(ends) if span[1] <= end)].append(place)
    return found


def _aligned_words(
    before: Sequence[str], after: Sequence[str], *, refine: bool
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Pairs of words of which the second takes the first one's maps; the words of one side only."""
    pairs: list[tuple[int, int]] = []
    gone: list[int] = []
    new: list[int] = []
    for kind, start, end, other_start, other_end in SequenceMatcher(None, before, after, False).get_opcodes():
        one, other = range(start, end), range(other_start, other_end)
        if kind == "equal":
            pairs += zip(one, other, strict=True)
            continue
        gone += [place for place in one if before[place][0].isalnum()]
        new += [place for place in other if after[place][0].isalnum()]
        if not refine:  # from the end: of several words it is the last one that names the thing
            pairs += zip(reversed(one), reversed(other), strict=False)
    return pairs, gone, new


def _join_words(mapper: Tensor, one: Sequence[int], other: Sequence[int]) -> None:
    """Token by token where words have as many; else each takes an equal part of all."""
    if len(one) == len(other):
        mapper[list(one), list(other)] = 1
        return
    for place in one:
        mapper[place, list(other)] = 1 / max(len(other), 1)


def _join_the_rest(mapper: Tensor, spans: tuple[Sequence[Span], Sequence[Span]]) -> None:
    """Start, end and padding: what stands as far behind the last word."""
    last, other_last = (max((place for place, span in enumerate(one) if span), default=0) for one in spans)
    length = len(mapper)
    mapper[0, 0] = 1
    for place in range(other_last + 1, length):
        mapper[min(last + place - other_last, length - 1), place] = 1


def _marked(tokens: Sequence[Sequence[int]], words: Sequence[int], length: int) -> Tensor:
    marks = torch.zeros(length)
    for word in words:
        marks[list(tokens[word])] = 1
    return marks
