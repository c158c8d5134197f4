"""Reads what the language model wrote, strictly: what is kept is as it was written, what is amiss is named.

The form is the paper's (Fig. 5): numbered captions, an empty line, `After transformation`, an empty line, numbered
captions. What real models do to it is read as well: headers with colons, in bold or with hashes, list marks instead of
`Caption 1:`, quotes around captions, the beginning of the answer restated, talk around the answer, a second answer
behind the first, and the form in JSON (`json_form.py`). Unlike the paper's own code, the first answer counts instead of
the last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .formats import AFTER_HEADER, FORMATS, caption_mark
from .full_stop import without_full_stop
from .json_form import as_written

LONGEST_CAPTION = 300
LOOP_REPEATS = 5
LOOP_WORDS = 4

_LEAD = r"[-•+#> \t]*"
_HEADER_TEXT = rf"{_LEAD}(before|after)[ \t]+(?:the[ \t]+)?transformation"
_HEADER = re.compile(rf"{_HEADER_TEXT}[ \t]*[:.]?", re.IGNORECASE)
_HEADER_WITH_MORE = re.compile(rf"^({_HEADER_TEXT}:?)[ \t]+(?=Caption\b)", re.IGNORECASE | re.MULTILINE)
_CAPTION = re.compile(rf"{_LEAD}(?:\d{{1,2}}[.)] *)?caption *#?(\d+)? *[:.)–—-] *(.*)", re.IGNORECASE)
_NUMBERED = re.compile(r"[-•+ ]*\(?(\d{1,2})[.):](?: (.*)|)")
_BULLET = re.compile(r"[-•+–] (.*)")
_MARKDOWN = re.compile(r"\*+|`+")
_RUN_ON = re.compile("|".join(re.escape(stop) for layout in FORMATS.values() for stop in layout.stops), re.IGNORECASE)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“"}


@dataclass(frozen=True)
class ParsedReply:
    """What a reply holds.

    Attributes:
        before, after: the captions, in order; a locked first caption is `before[0]`.
        problems: a plain sentence for everything amiss; empty where exactly the captions asked for were written.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass
class _Answer:
    """The first answer, sorted but not yet judged: number (if it has one) and text of each caption."""

    sides: dict[str, list[tuple[int | None, str]]] = field(default_factory=lambda: {"before": [], "after": []})
    has_after: bool = False
    problems: list[str] = field(default_factory=list[str])


def parse_reply(reply: str, *, count: int, first_caption: str | None) -> ParsedReply:
    """Reads a reply to `formats.build_prompt`. Never raises.

    Args:
        reply: what the model wrote after the prompt.
        count: how many captions were asked for on each side.
        first_caption: the locked first before-caption; None where the prompt ended with the mark of caption 1.
    """
    locked = () if first_caption is None else (first_caption,)
    if not reply.strip():
        return ParsedReply(locked, (), ("the reply is empty",))
    answer = _first_answer(_lines(as_written(reply), begun=first_caption is None), first_caption)
    problems = list(answer.problems)
    before = _judge("before", answer.sides["before"], count, locked, problems)
    after: tuple[str, ...] = ()
    if answer.has_after:
        after = _judge("after", answer.sides["after"], count, (), problems)
    else:
        problems.append(f"the header {AFTER_HEADER!r} is missing")
    if before and after and all(same_caption(old, new) for old, new in zip(before, after, strict=False)):
        problems.append("the captions after the transformation are those before it")
    return ParsedReply(before, after, tuple(problems))


def same_caption(one: str, other: str) -> bool:
    """Whether two captions say the same, whatever their capitals and full stops."""
    return without_full_stop(one).casefold() == without_full_stop(other).casefold()


def _lines(reply: str, *, begun: bool) -> list[str]:
    """Lines without markdown, each holding one header or one caption.

    Args:
        reply: what the model wrote.
        begun: whether the prompt ended with `Caption 1:`, so that the reply's first line is the caption itself, unless
            the model began anew.
    """
    text = "\n".join(re.sub(r"^\s*\*\s+", "- ", line) for line in reply.splitlines())
    text = _HEADER_WITH_MORE.sub(r"\1\n", _MARKDOWN.sub("", text))
    lines = [_collapse(line) for line in text.split("\n")]
    first = next((place for place, line in enumerate(lines) if line), 0)
    anew = _HEADER.fullmatch(lines[first]) or _read_caption(lines[first]) or _RUN_ON.match(lines[first])
    if begun and not anew:
        lines[first] = f"{caption_mark(1)} {lines[first]}"
    return lines


def _first_answer(lines: list[str], first_caption: str | None) -> _Answer:
    answer, side, last_was_caption = _Answer(), "before", False
    for line in lines:
        header, caption = _HEADER.fullmatch(line), _read_caption(line)
        if _RUN_ON.match(line):
            break
        if header:
            # A header that only restates where the answer stands is no second answer.
            name = header[1].lower()
            if (name == "before" and side == "after") or (name == side and answer.sides[side]):
                break
            side = name
            answer.has_after = side == "after"
        elif caption:
            is_first = side == "before" and not answer.sides[side]
            if not (is_first and _restates(caption, first_caption)):
                answer.sides[side].append(caption)
        elif any(letter.isalnum() for letter in line):
            answer.problems += _problems_of_stray(line, last_was_caption)
        last_was_caption = caption is not None
    return answer


def _restates(caption: tuple[int | None, str], first_caption: str | None) -> bool:
    """Whether a model that was given caption 1 writes it once more before it goes on."""
    return first_caption is not None and caption[0] == 1 and same_caption(caption[1], first_caption)


def _read_caption(line: str) -> tuple[int | None, str] | None:
    found = _CAPTION.fullmatch(line) or _NUMBERED.fullmatch(line)
    if found:
        return (int(found[1][:6]) if found[1] else None), _unquoted(found[2] or "")
    bullet = _BULLET.fullmatch(line)
    return (None, _unquoted(bullet[1])) if bullet else None


def _problems_of_stray(line: str, last_was_caption: bool) -> list[str]:
    """Talk around the answer is harmless; a line that may belong to the caption above it is not."""
    loop = _loop(line)
    if loop:
        return [f"the reply repeats {loop!r} over and over"]
    shown = line if len(line) <= 40 else line[:37] + "..."
    return [f"the line {shown!r} below a caption is neither a caption nor a header"] if last_was_caption else []


def _judge(
    side: str, written: list[tuple[int | None, str]], count: int, locked: tuple[str, ...], problems: list[str]
) -> tuple[str, ...]:
    """Keeps the good captions of one side and names what is amiss with the others."""
    kept = dict(enumerate(locked, 1))
    for place, (number, text) in enumerate(written[: max(0, count - len(locked))], len(locked) + 1):
        if number not in (None, place):
            problems.append(f"{side}: caption {number} stands where caption {place} was due")
        fault = _fault(text, kept)
        if fault:
            problems.append(f"{side}: caption {place} {fault}")
        else:
            kept[place] = text
    total = len(locked) + len(written)
    if total != count:
        found = f"{total or 'no'} caption{'' if total < 2 else 's'}"
        cut = ", the extra ones were cut" if total > count else ""
        problems.append(f"{side}: {found} instead of {count}{cut}")
    return tuple(kept.values())


def _fault(text: str, kept: dict[int, str]) -> str:
    if not any(character.isalnum() for character in text):
        return "is empty"
    loop = _loop(text)
    if loop:
        return f"repeats {loop!r} over and over"
    if len(text) > LONGEST_CAPTION:
        return f"is longer than {LONGEST_CAPTION} characters"
    return next((f"repeats caption {place}" for place, other in kept.items() if same_caption(text, other)), "")


def _loop(text: str) -> str:
    """The word, or the few words, that come `LOOP_REPEATS` times in a row; empty if there are none."""
    words = [word.strip(".,;:!?-\"'").casefold() for word in text.split()]
    for length in range(1, LOOP_WORDS + 1):
        alike = 0
        for place in range(length, len(words)):
            alike = alike + 1 if words[place] == words[place - length] else 0
            if alike == length * (LOOP_REPEATS - 1):
                return " ".join(words[place - length + 1 : place + 1])
    return ""


def _collapse(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _unquoted(text: str) -> str:
    """Without the quotes around all of it, which are the model's and not the caption's."""
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and not _quotes_within(text):
        return text[1:-1].strip()
    return text


def _quotes_within(text: str) -> bool:
    """Whether the first quote closes before the end, as in '"stop" beside "go"'; apostrophes do not count."""
    return re.search(rf"(?<!\w){re.escape(text[-1])}|{re.escape(text[-1])}(?!\w)", text[1:-1]) is not None
