"""Whether captions before and after an edit do what the instruction says, as far as that can be told without a model.

For families with a lexicon the check is strict: their captions tell all there is in a picture, in few words. Elsewhere
it only refuses captions that change nothing, and takes the rest with a note where something looks odd.
"""

from __future__ import annotations

from .english import ADDING, STOP_WORDS, STYLES, listed, stem, words_of
from .judgement import NOT_UNDERSTOOD, NOTHING_CHANGED, Judgement, gone, same
from .lexicon import Lexicon
from .mentions import Thing, removed_heads, removed_nouns, shown_in
from .strict_check import StrictCheck


def judge(instruction: str, before: str, after: str, lexicon: Lexicon | None) -> Judgement:
    """Judges one pair of captions.

    Args:
        instruction: as the model was asked.
        before, after: one caption each.
        lexicon: the closed vocabulary of the family, if it has one.
    """
    if lexicon is None:
        return _judged_loosely(instruction, before, after)
    return StrictCheck(instruction, before, after, lexicon).judgement()


def _content(instruction: str) -> list[str]:
    return [word for word in words_of(instruction) if word not in STOP_WORDS]


def _judged_loosely(instruction: str, before: str, after: str) -> Judgement:
    old, new = ({stem(word) for word in words_of(text)} for text in (before, after))
    named = _content(instruction)
    if same(before, after):
        if named and all(stem(word) in old for word in named) and not removed_nouns(instruction):
            return Judgement(f"The picture shows that already ({before}); {NOTHING_CHANGED}.")
        return Judgement(NOT_UNDERSTOOD)
    still = [word for word in removed_heads(instruction) if stem(word) in old & new]
    if still:
        return Judgement(note=f"The caption of the edited picture still has {listed(still)} in it.")
    fresh = [word for word in named if stem(word) not in old]
    if fresh and not removed_heads(instruction) and not new - old - {stem(word) for word in STOP_WORDS}:
        return Judgement(note=f"The caption of the edited picture does not mention {listed(fresh)}.")
    return Judgement()


def kind_of(instruction: str, before: str, after: str, lexicon: Lexicon | None = None) -> str:
    """What sort of edit it is: `replace`, `recolour`, `background`, `add`, `remove`, `style` or `other`; two edits in
    one have both names, joined by a plus."""
    old, new = shown_in(before), shown_in(after)
    if STYLES.search(instruction.casefold()) and (lexicon is None or len(old.things) == len(new.things)):
        return "style"
    left, come = gone(old, new), [thing for thing in new.things if thing not in old.things]
    kinds: list[str] = []
    for thing in list(come):
        twin = next((item for item in left if item.noun == thing.noun), None)
        if twin:
            kinds.append("recolour" if _is_recolouring(instruction, twin, thing) else "other")
            left.remove(twin)
            come.remove(thing)
    if left and come:
        kinds.append("replace")
    if len(come) > len(left) or len(new.things) > len(old.things):
        kinds.append("add")
    if len(left) > len(come):
        kinds.append("remove")
    is_told = lexicon is not None or not kinds or "background" in instruction
    if is_told and set(old.place) != set(new.place):
        kinds.append("background")
    if not kinds:
        kinds.append(_kind_by_words(instruction))
    return "+".join(dict.fromkeys(kinds))


def _is_recolouring(instruction: str, old: Thing, new: Thing) -> bool:
    """Whether only adjectives differ that the instruction names."""
    return bool({*new.adjectives} - {*old.adjectives}) and bool(set(words_of(instruction)) & {*new.adjectives})


def _kind_by_words(instruction: str) -> str:
    if removed_nouns(instruction):
        return "remove"
    if "background" in instruction:
        return "background"
    return "add" if ADDING.search(instruction) else "other"
