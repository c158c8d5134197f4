"""Asks a language model for captions of the picture before and after an edit (paper 3.2 and 5).

The model answers the prompt of `formats.py`; `replies.py` reads the answer. As long as that fails the model is asked
again, and in the end the best of its replies, or the instruction itself, has to do.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..errors import OptionError
from ..language.language_model import INSTALL_CONSTRAINT, LanguageModel, Sampling
from ..language.prompts import as_text
from ..records import EditCaptions, Progress, no_progress
from .formats import FORMATS, Example
from .full_stop import without_full_stop
from .grammar import reply_grammar
from .replies import ParsedReply, parse_reply, same_caption
from .request import Request, RewritingSettings, build_request
from .request import check_instruction as check_instruction

ANY_PICTURE = "a picture"
HEADER_TOKENS = 40
TOKENS_A_CAPTION = 60
LEAST_TOKENS_A_CAPTION = 20


class Rewriter:
    """Turns an instruction into captions before and after the edit.

    Args:
        language_model: what answers.
        examples: the pool that few-shot examples are drawn from.
    """

    def __init__(self, language_model: LanguageModel, examples: Sequence[Example]) -> None:
        self.language_model = language_model
        self.examples = tuple(examples)

    @property
    def format(self) -> str:
        """The prompt's format: a key of `FORMATS`."""
        return "chat" if self.language_model.has_chat_template else "paper"

    def to(self, device: torch.device) -> None:
        """Moves the language model."""
        self.language_model.to(device)

    def prompt(self, instruction: str, caption: str | None, options: RewritingSettings, seed: int = 0) -> str:
        """The prompt as one text. It is all that captions depend on beside the model and how it is sampled.

        Raises:
            InputError, OptionError: as of `rewrite`.
        """
        return as_text(self._request(instruction, caption, options, seed).prompt)

    def rewrite(
        self,
        instruction: str,
        caption: str | None,
        options: RewritingSettings,
        *,
        seed: int = 0,
        progress: Progress = no_progress,
    ) -> EditCaptions:
        """Asks until a reply can be read, at most `options.attempts` times. The same arguments give the same captions.

        Args:
            instruction: what should change.
            caption: the picture's caption, if known; the first before-caption where the options lock it (paper 5.4).
            options: how it is asked.
            seed: of the choice of examples, and of the sampling.
            progress: told of each attempt.

        Raises:
            InputError: the instruction is blank or too long.
            OptionError: more shots than the pool holds, a prompt that leaves no room for the answer, or a constraint
                that is asked for and cannot be had.
        """
        request = self._request(instruction, caption, options, seed)
        room, grammar = self._room(request), self._grammar(request, options)
        replies: list[str] = []
        parsed: list[ParsedReply] = []
        for attempt in range(options.attempts):
            progress("rewrite", attempt, options.attempts)
            sampling = Sampling(
                room=room,
                temperature=options.temperature if attempt == 0 else max(1.0, options.temperature),
                seed=seed + attempt,
                stops=FORMATS[self.format].stops,
                grammar=grammar,
            )
            replies.append(self.language_model.complete(request.prompt, sampling))
            parsed.append(parse_reply(replies[-1], count=request.captions, first_caption=request.locked))
            if not parsed[-1].problems:
                break
        progress("rewrite", options.attempts, options.attempts)
        before, after, outcome, note = _choose(parsed, request)
        return EditCaptions(before, after, outcome, as_text(request.prompt), tuple(replies), note)

    def _request(self, instruction: str, caption: str | None, options: RewritingSettings, seed: int) -> Request:
        return build_request(instruction, caption, options, seed=seed, examples=self.examples, format=self.format)

    def _room(self, request: Request) -> int:
        """How many tokens the answer may have."""
        captions = 2 * request.captions - (request.locked is not None)
        wanted = HEADER_TOKENS + captions * TOKENS_A_CAPTION
        longest = self.language_model.longest
        if longest is None:
            return wanted
        taken = self.language_model.count_tokens(request.prompt)
        if longest - taken < HEADER_TOKENS + captions * LEAST_TOKENS_A_CAPTION:
            raise OptionError(
                f"the prompt takes {taken} of the language model's {longest} tokens and leaves too little room "
                f"for {captions} captions; lower shots or captions"
            )
        return min(wanted, longest - taken)

    def _grammar(self, request: Request, options: RewritingSettings) -> str | None:
        possible = self.language_model.can_constrain
        if options.constrain and not possible:
            raise OptionError(
                f"constrain needs the library llguidance and a fast tokenizer; {INSTALL_CONSTRAINT}, or leave it out"
            )
        wanted = possible if options.constrain is None else options.constrain
        return reply_grammar(request.captions, locked=request.locked is not None) if wanted else None


def _usable_pairs(reply: ParsedReply) -> int:
    pairs = min(len(reply.before), len(reply.after))
    unchanged = all(map(same_caption, reply.before[:pairs], reply.after[:pairs]))
    return 0 if unchanged else pairs


def _choose(parsed: Sequence[ParsedReply], request: Request) -> tuple[tuple[str, ...], tuple[str, ...], str, str]:
    """Before-captions, after-captions, outcome and note: of the reply that complied, or of what comes next."""
    if not parsed[-1].problems:
        return parsed[-1].before, parsed[-1].after, "complied", ""
    best = max(parsed, key=lambda reply: (_usable_pairs(reply), -len(reply.problems)))
    pairs, asked = _usable_pairs(best), f"{len(parsed)} time{'' if len(parsed) == 1 else 's'}"
    what = "; ".join(best.problems)
    if pairs:
        note = (
            f"The language model was asked {asked} and never answered as it should; the best reply was used, with "
            f"{pairs} of {request.captions} pairs of captions ({what})."
        )
        return best.before[:pairs], best.after[:pairs], "partial", note
    start = request.caption or ANY_PICTURE
    note = (
        f"The language model was asked {asked} and wrote no usable captions ({what}); the instruction itself was put "
        f"behind {'the caption' if request.caption else repr(ANY_PICTURE)} instead."
    )
    return (start,), (f"{without_full_stop(start)}, {request.instruction}",), "fallback", note
