"""Vocabularies of the published sizes: English of the few-shot pool, made-up words, and single letters for the rest."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import AddedToken
from transformers import BertTokenizer, CodeGenTokenizer

from pix2pix_onthefly.rewriting.formats import WORDINGS
from pix2pix_onthefly.rewriting.pool import load_pool
from training.common import write_json
from training.vocabulary import byte_symbols, learn_merges

CLIP_SIZE = 49_408
BERT_SIZE = 30_522
GPT2_SIZE = 50_257
START, END = "<|startoftext|>", "<|endoftext|>"
CLIP_SETTINGS = {
    "bos_token": START,
    "do_lower_case": True,
    "eos_token": END,
    "model_max_length": 77,
    "pad_token": END,
    "tokenizer_class": "CLIPTokenizer",
    "unk_token": END,
}


def words() -> Iterator[str]:
    """Lower-case words: first those of the few-shot pool and the prompts, then made-up ones."""
    texts = [*WORDINGS.values(), "instruct output before after transformation caption"]
    for example in load_pool("photographs"):
        texts += [example.instruction, *example.before, *example.after]
    yield from dict.fromkeys(re.findall("[a-z]+", " ".join(texts).lower()))
    consonants, vowels = "bcdfghjklmnprstvwz", "aeiou"
    for letters in itertools.product(consonants, vowels, consonants, vowels, consonants):
        yield "".join(letters)


def byte_pairs(
    symbols: Iterable[str], spellings: Iterable[list[str]], size: int
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary of `size` tokens and the merges that make them out of single symbols."""
    tokens, merges = dict.fromkeys(symbols), list[tuple[str, str]]()
    for left, right in learn_merges(itertools.islice(spellings, size)):
        if len(tokens) == size:
            break
        tokens[left + right] = None
        merges.append((left, right))
    return {token: index for index, token in enumerate(tokens)}, merges


def write_clip_tokenizer(folder: Path) -> None:
    """As Stable Diffusion has it: vocabulary and merges in files of their own."""
    symbols = byte_symbols()
    spellings = ([*word[:-1], f"{word[-1]}</w>"] for word in words())
    vocabulary, merges = byte_pairs([*symbols, *(f"{letter}</w>" for letter in symbols)], spellings, CLIP_SIZE - 2)
    write_json(folder / "vocab.json", {**vocabulary, START: CLIP_SIZE - 2, END: CLIP_SIZE - 1})
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(folder / "tokenizer_config.json", CLIP_SETTINGS)


def write_blip_tokenizer(folder: Path) -> None:
    """BERT's, without the two tokens [DEC] and [ENC] that BLIP's embedding has beyond it."""
    special = ["[PAD]", *(f"[unused{index}]" for index in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    characters = [chr(value) for value in range(33, 127) if not chr(value).isupper()]
    pieces = [f"##{character}" for character in characters if character.isalnum()]
    tokens = dict.fromkeys(itertools.chain(special, characters, pieces, words()))
    vocabulary = {token: index for index, token in enumerate(itertools.islice(tokens, BERT_SIZE))}
    BertTokenizer(vocab=vocabulary, model_max_length=512).save_pretrained(folder)


def write_phi_tokenizer(folder: Path) -> None:
    """GPT-2's, and runs of blanks and tabs as tokens; the embedding has more rows than there are tokens."""
    spellings = (["Ġ", *word] for word in words())
    vocabulary, merges = byte_pairs(byte_symbols(), spellings, GPT2_SIZE - 1)
    tokenizer = CodeGenTokenizer(vocab={**vocabulary, END: GPT2_SIZE - 1}, merges=merges, model_max_length=2048)  # pyright: ignore
    runs = [" " * count for count in range(31, 1, -1)] + ["\t" * count for count in range(9, 1, -1)]
    tokenizer.add_tokens([AddedToken(run, normalized=True) for run in runs])  # pyright: ignore
    tokenizer.save_pretrained(folder)
