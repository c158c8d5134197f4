"""Trains the rewriter of the mini family: a small Phi that answers the paper's prompt about the rendered world.

    python -m training.rewriter                       # from where it stopped, or from nothing with --fresh
    python -m training.rewriter --steps 4 --batch 2   # a minute's try-out

Every wording, shot count, number of captions and both ways to begin (first caption locked or not) are mixed. The loss
counts all answers in the prompt, those of the few-shot examples too. Some instructions get strange words, and some
objects strange names, so that the model learns to look for what it knows and to copy what it does not.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from tokenizers import AddedToken
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor
from transformers import GPT2Tokenizer, PhiConfig, PhiForCausalLM

from pix2pix_onthefly.rewriting.formats import (
    AFTER_HEADER,
    FORMATS,
    WORDINGS,
    Example,
    answer,
    build_prompt,
    expected_reply,
    task,
)
from pix2pix_onthefly.rewriting.pool import sample_captions
from pix2pix_onthefly.world.captions import STYLES, describe, every_caption_word
from pix2pix_onthefly.world.instructions import EDIT_TYPES, SEEN, UNSPECIFIED_SEEN, Edit, sample_edit
from pix2pix_onthefly.world.scenes import HELD_OUT_SEED
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS, KINDS

from .common import PACKAGED, Plan, Trainer, read_plan, save_model
from .vocabulary import byte_symbols, learn_merges

FOLDER = PACKAGED / "rewriter"
END = "<|endoftext|>"
FORMAT = "paper"
TOKENS_A_BATCH = 5000
STRANGE_WORD_SHARE = 0.15
STRANGE_KIND_SHARE = 0.04
TYPE_WEIGHTS = (4, 2, 3, 2, 2)
PAIRS_TO_TRAIN_ON = 0.5  # chains of edits hold more pairs than the world at large


@dataclass(frozen=True)
class Shape:
    """What one batch of prompts looks like."""

    shots: int
    count: int
    wording: str
    locked: bool


def sample_shape(rng: random.Random) -> Shape:
    """Mostly the paper's own settings, now and then any other."""
    shots = rng.choices((0, 1, 3, rng.randrange(5)), weights=(45, 33, 17, 5))[0]
    count = rng.choices((1, 2, 4, rng.randint(3, 16 if shots == 0 else 5)), weights=(50, 24, 20, 6))[0]
    return Shape(shots, count, rng.choice(list(WORDINGS)), rng.random() < 0.75)


def example_of(rng: random.Random, edit: Edit, count: int, *, canonical_first: bool = True) -> Example:
    """Captions of an edit's two scenes in `count` wordings; the first is the captioner's own wording."""
    styles = rng.sample(range(1, len(STYLES)), count - 1)
    styles = [0, *styles] if canonical_first else rng.sample(range(len(STYLES)), count)
    before = tuple(describe(edit.source, style) for style in styles)
    return Example(edit.instruction, before, tuple(describe(edit.target, style) for style in styles))


def _strange_word(rng: random.Random) -> str:
    return "".join(rng.choice("abcdefghijklmnoprstuvwy") for _ in range(rng.randint(2, 8)))


def _with_strange_words(rng: random.Random, edit: Edit) -> str:
    """Puts a strange word before, behind or into an instruction where it hides nothing that counts."""
    words = edit.instruction.split()
    fixed = [i for i, word in enumerate(edit.phrasing.split()) if "{" not in word]
    if rng.random() < 0.5 or len(edit.phrasing.split()) != len(words) or not fixed:
        words.insert(rng.choice((0, len(words))), _strange_word(rng))
    else:
        words[rng.choice(fixed)] = _strange_word(rng)
    return " ".join(words)


def _renamed(rng: random.Random, example: Example) -> Example:
    """Gives one kind of object, wherever the example names it, a strange name."""
    named = [kind for kind in KINDS if f" {kind}" in " ".join(example.before + example.after)]
    kind, name = rng.choice(named), _strange_word(rng)
    article = "an" if name[0] in "aeiou" else "a"

    def rename(text: str) -> str:
        words = text.split(" ")
        for index, word in enumerate(words):
            if word.rstrip("?,") == kind:
                words[index] = word.replace(kind, name)
                if index and words[index - 1] in ("a", "an"):
                    words[index - 1] = article
        return " ".join(words)

    return Example(rename(example.instruction), tuple(map(rename, example.before)), tuple(map(rename, example.after)))


def training_example(rng: random.Random, count: int) -> Example:
    """One edit as the rewriter should see it in training."""
    edit_type = rng.choices(EDIT_TYPES, weights=TYPE_WEIGHTS)[0]
    edit = sample_edit(rng, edit_type, seen=True, pair_share=PAIRS_TO_TRAIN_ON)
    example = example_of(rng, edit, count)
    if rng.random() < STRANGE_WORD_SHARE:
        example = Example(_with_strange_words(rng, edit), example.before, example.after)
    return _renamed(rng, example) if rng.random() < STRANGE_KIND_SHARE else example


def training_examples(rng: random.Random, shape: Shape) -> list[Example]:
    """As many shots as the shape has, and the request; captions of shots are drawn as in `pool.py`."""
    shots = [training_example(rng, shape.count) for _ in range(shape.shots)]
    return [*(sample_captions(rng, shot, shape.count) for shot in shots), training_example(rng, shape.count)]


def _pieces_behind_a_quote(templates: list[str]) -> list[list[str]]:
    """The prompt has the instruction in quotes; there GPT-2's rule cuts words as in `'s` and `'re`: `'re`, `colour`."""
    cut = ByteLevel(add_prefix_space=False).pre_tokenize_str
    first_words = sorted({template.split()[0] for template in templates if template[0] != "{"})
    return [[*piece] for word in first_words for piece, _ in cut(f"'{word}") if len(piece) > 1]


def build_tokenizer() -> GPT2Tokenizer:
    """Byte-level, as Phi's own; the words of prompts, instructions and captions are one token each."""
    texts = [task("", 1, wording) for wording in WORDINGS]
    texts += [FORMATS[FORMAT].task_mark, FORMATS[FORMAT].answer_mark, answer([""], [""])]
    templates = [template for table in (SEEN, UNSPECIFIED_SEEN) for group in table.values() for template in group]
    texts += templates
    texts += [name for background in BACKGROUNDS.values() for name in background.names]
    texts += every_caption_word()
    letters = "".join(character if character.isalpha() else " " for text in texts for character in f" {text}")
    words = sorted(set(letters.split()))
    pieces = [["Ġ", *word] for word in words] + [[*word] for word in words if word[0].isupper()]
    merges = learn_merges([*pieces, *_pieces_behind_a_quote(templates)])
    tokens = [*byte_symbols(), *(left + right for left, right in merges), END]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = GPT2Tokenizer(vocab=vocabulary, merges=merges, unk_token=END, bos_token=END, eos_token=END)
    tokenizer.add_special_tokens({"pad_token": AddedToken(END, special=True)})
    tokenizer.model_max_length = 2048
    return tokenizer


def load_or_build(fresh: bool) -> tuple[PhiForCausalLM, GPT2Tokenizer]:
    """The packaged model, or a new one."""
    if FOLDER.exists() and not fresh:
        model = PhiForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, attn_implementation="eager")
        return model, GPT2Tokenizer.from_pretrained(FOLDER)
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    config = PhiConfig(
        vocab_size=len(tokenizer),
        hidden_size=160,
        intermediate_size=480,
        num_hidden_layers=4,
        num_attention_heads=5,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )
    return PhiForCausalLM(config), tokenizer


def prompt_of(instruction: str, shape: Shape, shots: list[Example], first_caption: str | None) -> str:
    """The prompt as the bundled rewriter gets it."""
    prompt = build_prompt(
        instruction,
        count=shape.count,
        wording=shape.wording,
        examples=shots,
        first_caption=first_caption,
        format=FORMAT,
    )
    assert isinstance(prompt, str), "the bundled rewriter has no chat template"
    return prompt


def first_after_caption(answer: str) -> str:
    """The first caption behind the header `After transformation`, with its mark; empty where there is none."""
    _, header, rest = answer.partition(AFTER_HEADER)
    return rest.strip("\n").split("\n")[0] if header else ""


class Sequences:
    """Turns prompts into token sequences with the answers marked."""

    def __init__(self, tokenizer: GPT2Tokenizer) -> None:
        self.tokenizer = tokenizer

    def _tokens(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def sequence(self, shape: Shape, examples: list[Example]) -> tuple[list[int], list[int]]:
        """Token ids and labels (-100 where nothing is to be learned) of a prompt with its perfect reply."""
        *shots, query = examples
        first = query.before[0] if shape.locked else None
        prompt = prompt_of(query.instruction, shape, shots, first)
        reply = expected_reply(query.before[: shape.count], query.after[: shape.count], locked=shape.locked)
        ids, labels = self._tokens(prompt), []
        labels = self._answers_in_shots(ids) if shots else [-100] * len(ids)
        rest = [*self._tokens(reply), self.tokenizer.eos_token_id]
        return ids + rest, labels + rest

    def _answers_in_shots(self, ids: list[int]) -> list[int]:
        """Labels the after-captions of the few-shot examples."""
        after, task_mark = self._tokens(AFTER_HEADER)[0], self._tokens(FORMATS[FORMAT].task_mark)[0]
        labels, inside = [-100] * len(ids), False
        for place, token in enumerate(ids):
            inside = (inside or token == after) and token != task_mark
            labels[place] = token if inside else -100
        return labels

    def batch(self, rng: random.Random) -> tuple[Tensor, Tensor]:
        """Ids and labels [batch, length] of one shape, about `TOKENS_A_BATCH` tokens in all."""
        shape = sample_shape(rng)
        rows: list[tuple[list[int], list[int]]] = []
        longest = 0
        while not rows or (len(rows) + 1) * longest <= TOKENS_A_BATCH:
            rows.append(self.sequence(shape, training_examples(rng, shape)))
            longest = max(longest, len(rows[-1][0]))
        end = self.tokenizer.eos_token_id
        ids = [row + [end] * (longest - len(row)) for row, _ in rows]
        labels = [row + [-100] * (longest - len(row)) for _, row in rows]
        return torch.tensor(ids), torch.tensor(labels)


@torch.no_grad()
def exact_share(
    model: PhiForCausalLM, tokenizer: GPT2Tokenizer, *, seen: bool, count: int = 200, shape: Shape | None = None
) -> float:
    """Share of held-out edits whose first after-caption comes out exactly right, greedily decoded."""
    shape = shape or Shape(shots=0, count=1, wording="terse", locked=True)
    tokenizer.padding_side = "left"
    prompts, wanted = [], []
    for index in range(count):
        rng = random.Random(HELD_OUT_SEED + index)
        shots = training_examples(rng, shape)[: shape.shots]
        edit = sample_edit(rng, EDIT_TYPES[index % len(EDIT_TYPES)], seen=seen)
        example = example_of(rng, edit, shape.count)
        first = example.before[0] if shape.locked else None
        prompts.append(prompt_of(edit.instruction, shape, shots, first))
        wanted.append(first_after_caption(answer(example.before, example.after)))
    right = 0
    for start in range(0, count, 50):
        tokens = tokenizer(prompts[start : start + 50], return_tensors="pt", padding=True).to(model.device)
        length = 24 + 40 * shape.count
        made = model.generate(**tokens, max_new_tokens=length, do_sample=False, pad_token_id=tokenizer.eos_token_id)
        replies = tokenizer.batch_decode(made[:, tokens.input_ids.shape[1] :], skip_special_tokens=True)
        for reply, caption in zip(replies, wanted[start : start + 50], strict=True):
            right += first_after_caption(reply) == caption
    return right / count


def train(plan: Plan) -> None:
    """Trains the rewriter; saves into the package."""
    model, tokenizer = load_or_build(plan.fresh)
    tokenizer.save_pretrained(FOLDER)
    sequences = Sequences(tokenizer)
    trainer = Trainer("rewriter", {"rewriter": model}, plan)

    def loss_of_batch(rng: random.Random) -> Tensor:
        ids, labels = sequences.batch(rng)
        logits = model(ids.to(trainer.device)).logits[:, :-1].float()
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].to(trainer.device).flatten())

    def finish() -> None:
        save_model(model, FOLDER)
        model.eval()
        seen = exact_share(model, tokenizer, seen=True, count=100)
        unseen = exact_share(model, tokenizer, seen=False, count=100)
        print(f"held-out exact after-captions: seen phrasings {seen:.2f}, unseen {unseen:.2f}", flush=True)
        model.train()

    trainer.run(loss_of_batch, finish)


if __name__ == "__main__":
    train(read_plan(__doc__ or "", steps=3000, batch=32, learning_rate=2e-3, cooldown=450))
