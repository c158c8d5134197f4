"""Builds tokenizers whose every word of the world is one token, and any other text falls back to smaller pieces."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from transformers import BertTokenizer, CLIPTokenizer, T5Tokenizer

_BYTES = [*range(33, 127), *range(161, 173), *range(174, 256)]


def byte_symbols() -> list[str]:
    """The 256 printable stand-ins that byte-level tokenizers use, in the order of GPT-2's table."""
    symbols = [chr(value) for value in _BYTES]
    return symbols + [chr(256 + index) for index in range(256 - len(_BYTES))]


def learn_merges(words: Iterable[list[str]]) -> list[tuple[str, str]]:
    """Merges that turn each word (given as its symbols) into one token.

    Words are taken in turn; where the merges so far leave a word in pieces, new ones are appended. A later merge has a
    lower rank, so a word that was whole stays whole.
    """
    merges: dict[tuple[str, str], int] = {}
    for symbols in words:
        pieces = _apply(merges, symbols)
        while len(pieces) > 1:
            merges[(pieces[0], pieces[1])] = len(merges)
            pieces = _apply(merges, symbols)
    return list(merges)


def _apply(merges: dict[tuple[str, str], int], symbols: list[str]) -> list[str]:
    pieces = list(symbols)
    while True:
        ranked = [(merges[pair], pair) for pair in pairwise(pieces) if pair in merges]
        if not ranked:
            return pieces
        _, (left, right) = min(ranked)
        joined: list[str] = []
        for piece in pieces:
            if joined and joined[-1] == left and piece == right:
                joined[-1] = left + right
            else:
                joined.append(piece)
        pieces = joined


def clip_tokenizer(words: Iterable[str], length: int) -> CLIPTokenizer:
    """A `CLIPTokenizer` for sequences of `length` tokens that keeps each given word whole."""
    merges = learn_merges([[*word[:-1], word[-1] + "</w>"] for word in words])
    symbols = byte_symbols()
    tokens = symbols + [symbol + "</w>" for symbol in symbols] + [left + right for left, right in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def bert_tokenizer(words: Iterable[str], length: int) -> BertTokenizer:
    """A `BertTokenizer` with BLIP's special tokens that keeps each given word whole and spells out any other."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]"]
    characters = [chr(value) for value in range(33, 127) if not chr(value).isupper()]
    letters = [f"##{character}" for character in characters if character.isalnum()]
    tokens = dict.fromkeys([*special, *words, *characters, *letters])
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return BertTokenizer(vocab=vocabulary, model_max_length=length, additional_special_tokens=["[DEC]", "[ENC]"])


def t5_tokenizer(words: Iterable[str], length: int) -> T5Tokenizer:
    """A `T5Tokenizer` for sequences of `length` tokens that keeps each given word whole and spells out any other."""
    letters = [chr(value) for value in range(33, 127)]
    whole = [f"▁{word}" for word in words]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [*((word, -1.0) for word in whole), *((letter, -3.0) for letter in letters)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=length)
