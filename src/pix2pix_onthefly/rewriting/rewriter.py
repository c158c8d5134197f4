"""Asks a language model for captions of the picture before and after an edit (paper 4 and 5.1 to 5.4).

The model answers the prompt of `prompts.py`; `replies.py` reads the answer. As long as that fails the model is asked
again, and in the end the best of its replies, or the instruction itself, has to do.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, OptionError
from ..options import EditOptions
from ..records import EditCaptions, Progress, no_progress
from .formats import FORMATS, Example, build_prompt
from .choosing import ReadReply, choose, read_and_judge
from .lexicon import Lexicon
from .pool import sample_examples
from .replies import parse_reply
from .understanding import read_wish

LONGEST_INSTRUCTION = 1000
HEADER_TOKENS = 40
TOKENS_A_CAPTION = 60
LEAST_TOKENS_A_CAPTION = 20


def check_instruction(text: str) -> str:
    """The instruction on one line.

    Raises:
        InputError: it is blank or too long.
    """
    instruction = " ".join(text.split())
    if not instruction:
        raise InputError("the instruction is empty; say in words what should change in the picture")
    if len(instruction) > LONGEST_INSTRUCTION:
        raise InputError(
            f"the instruction has {len(instruction)} characters; at most {LONGEST_INSTRUCTION} are possible, shorten it"
        )
    return instruction


class Rewriter:
    """Turns an instruction into captions before and after the edit.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer; where it has a chat template, the prompt is sent as one message of the user.
        examples: the pool that few-shot examples are drawn from. They may hold fewer captions than are asked for and
            are then shown with all they have, since the prompt itself says how many to write.
    """

    def __init__(self, model: Any, tokenizer: Any, examples: Sequence[Example], lexicon: Lexicon | None = None) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.examples = tuple(examples)
        self.lexicon = lexicon

    def to(self, device: torch.device) -> None:
        """Moves the model."""
        self.model.to(device)

    def rewrite(
        self, instruction: str, caption: str | None, options: EditOptions, progress: Progress = no_progress
    ) -> EditCaptions:
        """Asks until a reply can be read, at most `options.attempts` times. The same arguments give the same captions.

        Args:
            instruction: what should change.
            caption: the picture's caption, if known; the first before-caption where the options lock it (paper 5.4).
            options: captions, shots, wording, lock_first_caption, attempts, temperature and seed count here.
            progress: told of each attempt.

        Raises:
            InputError: the instruction is blank or too long.
            OptionError: more shots than the pool holds, or a prompt that leaves no room for the answer.
        """
        instruction = check_instruction(instruction)
        caption = " ".join((caption or "").split()) or None
        locked = caption if options.lock_first_caption else None
        wish = read_wish(instruction, caption, self.lexicon)
        if wish.refusal:
            return choose(wish, (), caption, options.captions, self.lexicon)
        prompt = self._prompt(wish.text, caption, options)
        ids, room = self._tokens(prompt, 2 * options.captions - (locked is not None))
        replies: list[str] = []
        read: list[ReadReply] = []
        for attempt in range(options.attempts):
            progress("rewrite", attempt, options.attempts)
            replies.append(self._ask(ids, room, attempt, options))
            parsed = parse_reply(replies[-1], count=options.captions, first_caption=locked)
            read.append(read_and_judge(wish, parsed, self.lexicon))
            if read[-1].is_enough:
                break
        progress("rewrite", options.attempts, options.attempts)
        made = choose(wish, read, caption, options.captions, self.lexicon)
        return replace(made, prompt=prompt, replies=tuple(replies))

    def _prompt(self, instruction: str, caption: str | None, options: EditOptions) -> str:
        prompt = build_prompt(
            instruction,
            count=options.captions,
            wording=options.wording,
            examples=sample_examples(
                self.examples,
                options.shots,
                options.captions,
                seed=options.seed,
                instruction=instruction,
                caption=caption,
            ),
            first_caption=caption if options.lock_first_caption else None,
        )
        assert isinstance(prompt, str)
        if getattr(self.tokenizer, "chat_template", None) is None:
            return prompt
        message = [{"role": "user", "content": prompt}]
        return self.tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=False)

    def _tokens(self, prompt: str, captions: int) -> tuple[Tensor, int]:
        """The prompt's token ids [1, length], and how many tokens the answer may have."""
        templated = getattr(self.tokenizer, "chat_template", None) is not None
        # A chat template writes the special tokens itself.
        ids = self.tokenizer(prompt, return_tensors="pt", add_special_tokens=not templated)["input_ids"]
        wanted = HEADER_TOKENS + captions * TOKENS_A_CAPTION
        longest: int | None = getattr(self.model.config, "max_position_embeddings", None)
        room = wanted if longest is None else longest - ids.shape[1]
        if room < HEADER_TOKENS + captions * LEAST_TOKENS_A_CAPTION:
            raise OptionError(
                f"the prompt takes {ids.shape[1]} of the language model's {longest} tokens and leaves too little room "
                f"for {captions} captions; lower shots or captions"
            )
        return ids, min(wanted, room)

    def _ask(self, ids: Tensor, room: int, attempt: int, options: EditOptions) -> str:
        temperature = options.temperature if attempt == 0 else max(1.0, options.temperature)
        if temperature > 0:
            sampling: dict[str, Any] = {"do_sample": True, "temperature": temperature}
        else:
            # What a model's own settings say about sampling would only draw warnings here.
            sampling = {"do_sample": False, "temperature": None, "top_k": None, "top_p": None}
        padding = getattr(self.tokenizer, "pad_token_id", None)
        ids = ids.to(self.model.device)
        with _own_randomness(self.model.device, options.seed + attempt), torch.no_grad():
            made = self.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=room,
                stop_strings=list(FORMATS["paper"].stops),
                tokenizer=self.tokenizer,
                pad_token_id=getattr(self.tokenizer, "eos_token_id", None) if padding is None else padding,
                **sampling,
            )
        return self.tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)


@contextmanager
def _own_randomness(device: torch.device, seed: int) -> Generator[None, None, None]:
    """Seeds the random numbers within; those of the process go on afterwards as if nothing had happened."""
    if device.type == "cpu":
        with torch.random.fork_rng(devices=()):
            # torch.manual_seed would also reseed accelerators, whose state is not kept here.
            torch.default_generator.manual_seed(seed)
            yield
    else:
        devices = range(torch.get_device_module(device).device_count())
        with torch.random.fork_rng(devices=devices, device_type=device.type):
            torch.manual_seed(seed)
            yield
