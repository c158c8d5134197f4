"""Constrained decoding: a language model's answer is held to a grammar, token by token (llguidance).

At every step the tokens with which the answer would leave the grammar are made impossible; among the others the
model chooses as ever. It needs the library llguidance, which the extra `constrain` installs.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, PreTrainedTokenizerFast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llguidance import LLTokenizer


def constraint_vocabulary(tokenizer: Any, ends: Sequence[int]) -> LLTokenizer | None:
    """The tokens as llguidance wants them; None where it is not installed or can't use this kind of tokenizer.

    Takes up to a second for a large vocabulary: keep it.

    Args:
        tokenizer: of transformers.
        ends: the tokens that end an answer.
    """
    if find_spec("llguidance") is None or not isinstance(tokenizer, PreTrainedTokenizerFast):
        return None
    from llguidance.hf import from_tokenizer

    try:
        return from_tokenizer(tokenizer, eos_token=list(ends))
    except (ValueError, RuntimeError):  # a kind of tokenizer that it does not know
        return None


class GrammarConstraint(LogitsProcessor):
    """Makes the tokens impossible that would leave the grammar. For one answer.

    Args:
        vocabulary: of `constraint_vocabulary`.
        grammar: in Lark's notation, as llguidance reads it.
        prompt_length: how many tokens stand before the answer.
    """

    def __init__(self, vocabulary: LLTokenizer, grammar: str, prompt_length: int) -> None:
        from llguidance import LLMatcher

        self._matcher = LLMatcher(vocabulary, LLMatcher.grammar_from_lark(grammar), log_level=0)
        self._read = prompt_length
        self._check()

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The scores [1, vocabulary] with those of impossible tokens at minus infinity."""
        for token in input_ids[0, self._read :].tolist():
            self._matcher.consume_token(token)
        self._read = input_ids.shape[1]
        possible = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8) > 0
        self._check()
        # Weights may have more rows than the tokenizer has tokens, to fill up their matrix.
        impossible = torch.ones(scores.shape[-1], dtype=torch.bool)
        impossible[: len(possible)] = ~possible[: scores.shape[-1]]
        return scores.masked_fill(impossible.to(scores.device), float("-inf"))

    def _check(self) -> None:
        assert not self._matcher.is_error(), self._matcher.get_error()
