"""From the replies to one instruction to the captions of its edit: those that do what was asked, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..records import EditCaptions
from .full_stop import without_full_stop
from .judgement import NOT_UNDERSTOOD
from .lexicon import Lexicon
from .replies import ParsedReply
from .understanding import UNDERSTOOD_NOTHING, Judged, Wish, judged, with_wish

ANY_PICTURE = "a picture"


@dataclass(frozen=True)
class ReadReply:
    """One reply, read and judged."""

    parsed: ParsedReply
    judged: Judged

    @property
    def is_enough(self) -> bool:
        """Whether the model need not be asked again: all is well, or asking again would not help."""
        return self.complies or self.judged.is_final

    @property
    def complies(self) -> bool:
        return not self.parsed.problems and not self.judged.problem


def read_and_judge(wish: Wish, parsed: ParsedReply, lexicon: Lexicon | None) -> ReadReply:
    """A parsed reply with what is to be said of its captions."""
    return ReadReply(parsed, judged(wish, parsed.before, parsed.after, lexicon))


def choose(
    wish: Wish, replies: Sequence[ReadReply], caption: str | None, count: int, lexicon: Lexicon | None
) -> EditCaptions:
    """The captions of an edit.

    Args:
        wish: what was asked.
        replies: in the order they came; may be empty where the wish is refused.
        caption: of the picture, if known.
        count: how many pairs of captions were asked for.
        lexicon: the closed vocabulary of the family, if it has one.
    """
    best = max(replies, key=_worth, default=None)
    if wish.refusal or best is None or not best.judged.after:
        made = _refused(wish, replies, caption)
    elif best.complies:
        made = EditCaptions(best.judged.before, best.judged.after, "complied", note=best.judged.note)
    else:
        note = _what_was_used(len(best.judged.after), count)
        made = EditCaptions(best.judged.before, best.judged.after, "partial", note=f"{note} {best.judged.note}".strip())
    return with_wish(made, wish, lexicon)


def _worth(reply: ReadReply) -> tuple[bool, int, int]:
    return reply.complies, len(reply.judged.after), -len(reply.parsed.problems)


def _what_was_used(pairs: int, count: int) -> str:
    if pairs < count:
        return f"Of the {count} pairs of captions that were asked for, {pairs} could be used."
    return "The language model's answer was untidy; what could be read of it was used."


def _refused(wish: Wish, replies: Sequence[ReadReply], caption: str | None) -> EditCaptions:
    """Nothing that an edit should be made of; a forced one gets the nearest reply, or the instruction itself."""
    start = caption or ANY_PICTURE
    problems = [reply.judged.problem for reply in replies if reply.judged.problem]
    final = [reply.judged.problem for reply in replies if reply.judged.is_final]
    note = wish.refusal or next(iter([*final, *problems]), NOT_UNDERSTOOD)
    for reply in replies:
        pairs = [pair for pair in zip(reply.parsed.before, reply.parsed.after, strict=False) if pair[0] != pair[1]]
        if pairs and reply.judged.is_final:
            before, after = zip(*pairs, strict=True)
            return EditCaptions(before, after, UNDERSTOOD_NOTHING, note=note)
    return EditCaptions((start,), (f"{without_full_stop(start)}, {wish.text}",), UNDERSTOOD_NOTHING, note=note)
