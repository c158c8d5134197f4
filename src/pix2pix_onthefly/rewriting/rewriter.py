"""Asks a language model for captions of the picture before and after an edit (paper 3.2 and 5).

The model answers the prompt of `formats.py`; `replies.py` reads the answer. As long as that fails the model is asked
again. Before it is asked the instruction is tidied, and behind it captions are held against the instruction
(`understanding.py`): what is not understood changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from ..errors import OptionError
from ..language.language_model import INSTALL_CONSTRAINT, LanguageModel, Sampling
from ..language.prompts import as_text
from ..records import EditCaptions, Progress, no_progress
from .choosing import ReadReply, choose, read_and_judge
from .formats import FORMATS, Example
from .grammar import reply_grammar
from .instructions import check_instruction
from .json_form import reply_schema
from .lexicon import Lexicon
from .replies import parse_reply
from .request import Request, RewritingSettings, build_request
from .understanding import Wish, read_wish

HEADER_TOKENS = 40
TOKENS_A_CAPTION = 60
LEAST_TOKENS_A_CAPTION = 20


class Rewriter:
    """Turns an instruction into captions before and after the edit.

    Args:
        language_model: what answers.
        examples: the pool that few-shot examples are drawn from.
        lexicon: the closed vocabulary of the models that work with it, if they have one.
        of_picture: whether the language model sees the picture that the captions are of, and describes it itself.
    """

    def __init__(
        self,
        language_model: LanguageModel,
        examples: Sequence[Example],
        lexicon: Lexicon | None = None,
        *,
        of_picture: bool = False,
    ) -> None:
        self.language_model = language_model
        self.examples = tuple(examples)
        self.lexicon = lexicon
        self.of_picture = of_picture

    @property
    def format(self) -> str:
        """The prompt's format: a key of `FORMATS`."""
        if self.of_picture:
            return "picture"
        if not self.language_model.has_chat_template:
            return "paper"
        return "chat" if self.language_model.begins_answers else "dialogue"

    def to(self, device: torch.device) -> None:
        """Moves the language model."""
        self.language_model.to(device)

    def prompt(self, instruction: str, caption: str | None, options: RewritingSettings, seed: int = 0) -> str:
        """The prompt as one text. It is all that captions depend on beside the model and how it is sampled.

        Raises:
            InputError, OptionError: as of `rewrite`.
        """
        wish = self._wish(instruction, caption, options)
        return as_text(self._request(wish, caption, options, seed).prompt)

    def rewrite(
        self,
        instruction: str,
        caption: str | None,
        options: RewritingSettings,
        *,
        seed: int = 0,
        answer: str | None = None,
        progress: Progress = no_progress,
    ) -> EditCaptions:
        """Asks until a reply can be read, at most `options.attempts` times. The same arguments give the same captions.

        Args:
            instruction: what should change.
            caption: the picture's caption, if known; the first before-caption where the options lock it (paper 5.4).
            options: how it is asked.
            seed: of the choice of examples, and of the sampling.
            answer: to the `question` of an earlier record of the same instruction; the likeliest if not given.
            progress: told of each attempt.

        Raises:
            InputError: the instruction is blank or too long.
            OptionError: more shots than the pool holds, a prompt that leaves no room for the answer, or a constraint
                that is asked for and cannot be had.
            LanguageModelError, RefusedAnswerError: of a language model behind an endpoint.
        """
        wish = self._wish(instruction, caption, options, answer)
        request = self._request(wish, caption, options, seed)
        if wish.refusal:
            return choose(wish, (), request.caption, request.captions, self.lexicon)
        room = self._room(request)
        replies: list[str] = []
        read: list[ReadReply] = []
        for attempt in range(options.attempts):
            progress("rewrite", attempt, options.attempts)
            sampling = Sampling(
                room=room,
                temperature=options.temperature if attempt == 0 else max(1.0, options.temperature),
                seed=seed + attempt,
                stops=FORMATS[self.format].stops,
                **self._form(request, options),
            )
            replies.append(self.language_model.complete(request.prompt, sampling))
            self._check_constraint(options)  # an endpoint tells only now
            parsed = parse_reply(replies[-1], count=request.captions, first_caption=request.locked)
            read.append(read_and_judge(wish, parsed, self.lexicon))
            if read[-1].is_enough:
                break
        progress("rewrite", options.attempts, options.attempts)
        made = choose(wish, read, request.caption, request.captions, self.lexicon)
        return replace(made, prompt=as_text(request.prompt), replies=tuple(replies))

    def _wish(
        self, instruction: str, caption: str | None, options: RewritingSettings, answer: str | None = None
    ) -> Wish:
        return read_wish(check_instruction(instruction), caption, self.lexicon, answer, as_typed=options.as_typed)

    def _request(self, wish: Wish, caption: str | None, options: RewritingSettings, seed: int) -> Request:
        return build_request(wish.text, caption, options, seed=seed, examples=self.examples, format=self.format)

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

    def _form(self, request: Request, options: RewritingSettings) -> Mapping[str, Any]:
        """What the answer is held to, as arguments of `Sampling`; none where it is left free."""
        self._check_constraint(options)
        wanted = self.language_model.can_constrain if options.constrain is None else options.constrain
        if not wanted:
            return {}
        locked = request.locked is not None
        return {
            "grammar": reply_grammar(request.captions, locked=locked),
            "schema": reply_schema(request.captions, locked=locked),
        }

    def _check_constraint(self, options: RewritingSettings) -> None:
        if options.constrain and not self.language_model.can_constrain:
            raise OptionError(
                "constrain needs the library llguidance and a fast tokenizer, or an endpoint that knows JSON schemas; "
                f"{INSTALL_CONSTRAINT}, or leave it out"
            )
