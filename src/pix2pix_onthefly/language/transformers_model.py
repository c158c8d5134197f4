"""A causal language model of transformers behind the seam: tokens, chat templates, sampling."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from jinja2 import TemplateError
from torch import Tensor

from .constraint import GrammarConstraint, constraint_vocabulary
from .language_model import Sampling
from .prompts import Message, Prompt


class TransformersModel:
    """A `LanguageModel` on this machine.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer. Where it has a chat template, prompts should be conversations.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer

    @property
    def has_chat_template(self) -> bool:
        """Whether the tokenizer knows how to lay out a conversation."""
        return getattr(self.tokenizer, "chat_template", None) is not None

    @property
    def begins_answers(self) -> bool:
        """It goes on with any text."""
        return True

    @property
    def can_constrain(self) -> bool:
        """Whether the library that holds answers to a grammar is here and can use the tokenizer."""
        return self._vocabulary is not None

    @property
    def longest(self) -> int | None:
        """How many positions the model has; None for models that know none."""
        return getattr(self.model.config, "max_position_embeddings", None)

    def to(self, device: torch.device) -> None:
        """Moves the model."""
        self.model.to(device)

    def count_tokens(self, prompt: Prompt) -> int:
        """How many tokens the prompt takes, those of its chat template included."""
        return self._inputs(prompt)["input_ids"].shape[1]

    def complete(self, prompt: Prompt, sampling: Sampling) -> str:
        """What the model writes behind the prompt; the process's own random numbers are left alone."""
        inputs = {name: one.to(self.model.device) for name, one in self._inputs(prompt).items()}
        begun = inputs["input_ids"].shape[1]
        arguments: dict[str, Any] = {"max_new_tokens": sampling.room, "pad_token_id": self._padding}
        if sampling.temperature > 0:
            arguments |= {"do_sample": True, "temperature": sampling.temperature}
        else:
            # What a model's own settings say about sampling would only draw warnings here.
            arguments |= {"do_sample": False, "temperature": None, "top_k": None, "top_p": None}
        if sampling.stops:
            arguments |= {"stop_strings": list(sampling.stops), "tokenizer": self.tokenizer}
        if sampling.grammar is not None:
            arguments["logits_processor"] = [GrammarConstraint(self._vocabulary, sampling.grammar, begun)]
        with _own_randomness(self.model.device, sampling.seed), torch.no_grad():
            made = self.model.generate(**inputs, **arguments)
        # Cleaning up would take the space before a full stop, but what was written is to be read.
        return self.tokenizer.decode(made[0, begun:], skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def layout(self, prompt: Prompt) -> str:
        """The text that the model gets: of a conversation, with the marks of its chat template."""
        return prompt if isinstance(prompt, str) else self._conversation(prompt)

    def _inputs(self, prompt: Prompt) -> dict[str, Tensor]:
        """Token ids [1, length] with their mask. A chat template writes the special tokens itself."""
        is_text = isinstance(prompt, str)
        ids = self.tokenizer(self.layout(prompt), return_tensors="pt", add_special_tokens=is_text)["input_ids"]
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    def _conversation(self, messages: tuple[Message, ...]) -> str:
        """Laid out so that the model goes on with the last message, which is the beginning of its answer."""
        last = messages[-1].text
        # Templates trim messages: what the model should find behind the beginning is put back.
        beginning = last.rstrip()
        turns = [{"role": message.role, "content": message.text} for message in messages[:-1]]
        begun = [*turns, {"role": messages[-1].role, "content": beginning}]
        try:
            text = self._apply_template(begun, continue_final_message=True)
        except (ValueError, TemplateError):
            text = ""  # a template that rewrites answers, or refuses to begin one
        if text.endswith(beginning):
            return text + last.removeprefix(beginning)
        return self._apply_template(turns, add_generation_prompt=True) + last

    def _apply_template(self, turns: list[dict[str, str]], **arguments: bool) -> str:
        if "enable_thinking" in str(self.tokenizer.chat_template):
            arguments["enable_thinking"] = False  # captions need no pages of thought before them
        return self.tokenizer.apply_chat_template(turns, tokenize=False, **arguments)

    @property
    def _padding(self) -> int | None:
        padding: int | None = getattr(self.tokenizer, "pad_token_id", None)
        return self.tokenizer.eos_token_id if padding is None else padding

    @cached_property
    def _vocabulary(self) -> Any:
        ends: int | list[int] | None = self.model.generation_config.eos_token_id
        listed = ends if isinstance(ends, list) else [ends]
        known = {token for token in (*listed, self.tokenizer.eos_token_id) if token is not None}
        return constraint_vocabulary(self.tokenizer, sorted(known))


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
