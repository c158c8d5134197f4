"""Trains the rewriter of the mini family: a small Phi that answers the paper's prompt about the rendered world.

    python -m training.rewriter                       # from where it stopped, or from nothing with --fresh
    python -m training.rewriter --steps 4 --batch 2   # a minute's try-out

Every wording, shot count, number of captions and both ways to begin (first caption locked or not) are mixed. The loss
counts all answers in the prompt, those of the few-shot examples too. What the texts are: `rewriter_text.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
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
from pix2pix_onthefly.world.captions import every_caption_word
from pix2pix_onthefly.world.instructions import EDIT_TYPES, sample_edit
from pix2pix_onthefly.world.scenes import HELD_OUT_SEED
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS

from .common import PACKAGED, save_model
from .plan import Plan, read_plan
from .requests_of_the_world import Request, example_of, sight_of
from .rewriter_text import training_example, words_of_instructions
from .trainer import Trainer
from .vocabulary import byte_symbols, learn_merges

FOLDER = PACKAGED / "rewriter"
END = "<|endoftext|>"
FORMAT = "paper"
LAYERS = 6
TOKENS_A_BATCH = 5000


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


def training_examples(rng: random.Random, shape: Shape) -> list[Example]:
    """As many shots as the shape has, and the request; captions of shots are drawn as in `pool.py`."""
    shots = [training_example(rng, shape.count) for _ in range(shape.shots)]
    return [*(sample_captions(rng, shot, shape.count) for shot in shots), training_example(rng, shape.count)]


def _pieces_behind_a_quote(words: Iterable[str]) -> list[list[str]]:
    """The prompt has the instruction in quotes; there GPT-2's rule cuts words as in `'s` and `'re`: `'re`, `colour`."""
    cut = ByteLevel(add_prefix_space=False).pre_tokenize_str
    return [[*piece] for word in sorted(set(words)) for piece, _ in cut(f"'{word}") if len(piece) > 1]


def build_tokenizer() -> GPT2Tokenizer:
    """Byte-level, as Phi's own; the words of prompts, instructions and captions are one token each."""
    texts = [task("", 1, wording) for wording in WORDINGS]
    texts += [FORMATS[FORMAT].task_mark, FORMATS[FORMAT].answer_mark, answer([""], [""])]
    instructions = words_of_instructions()
    texts += instructions
    texts += [name for background in BACKGROUNDS.values() for name in background.names]
    texts += every_caption_word()
    letters = "".join(character if character.isalpha() else " " for text in texts for character in f" {text}")
    words = sorted(set(letters.split()))
    pieces = [["Ġ", *word] for word in words] + [[*word] for word in words if word[0].isupper()]
    first_words = [text.split()[0] for text in instructions if text[0].isalpha()] + every_caption_word()
    merges = learn_merges([*pieces, *_pieces_behind_a_quote(first_words)])
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
    return PhiForCausalLM(_config(tokenizer)), tokenizer


def _config(tokenizer: GPT2Tokenizer) -> PhiConfig:
    return PhiConfig(
        vocab_size=len(tokenizer),
        hidden_size=160,
        intermediate_size=480,
        num_hidden_layers=LAYERS,
        num_attention_heads=5,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )


@torch.no_grad()
def grown(model: PhiForCausalLM, known: GPT2Tokenizer) -> tuple[PhiForCausalLM, GPT2Tokenizer]:
    """A model of today's size and words that starts where another one stands.

    Words that both know keep their rows, new ones get the mean of the pieces that they were cut into. Layers that are
    added lie in pairs with old ones and write nothing at first, so that the network computes what it computed.
    """
    tokenizer = build_tokenizer()
    torch.manual_seed(0)
    larger = PhiForCausalLM(_config(tokenizer))
    for ours, theirs in _tables(larger, model):
        for token, place in tokenizer.get_vocab().items():
            text = tokenizer.convert_tokens_to_string([token])
            old = known.get_vocab().get(token)
            pieces = [old] if old is not None else known(text, add_special_tokens=False).input_ids
            ours[place] = theirs[pieces].mean(0)
    old_layers, new_layers = list(model.model.layers), list(larger.model.layers)
    for place, layer in enumerate(new_layers):
        source = place * len(old_layers) // len(new_layers)
        layer.load_state_dict(old_layers[source].state_dict())
        if place and source == (place - 1) * len(old_layers) // len(new_layers):
            for writer in (layer.self_attn.dense, layer.mlp.fc2):
                writer.weight.zero_()
                writer.bias.zero_()
    larger.model.final_layernorm.load_state_dict(model.model.final_layernorm.state_dict())
    return larger, tokenizer


def _tables(larger: PhiForCausalLM, model: PhiForCausalLM) -> list[tuple[Tensor, Tensor]]:
    """The weights that have a row a word: of the embedding, of the output and of its bias."""
    return [
        (larger.model.embed_tokens.weight, model.model.embed_tokens.weight),
        (larger.lm_head.weight, model.lm_head.weight),
        (larger.lm_head.bias, model.lm_head.bias),
    ]


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
        request = Request(edit.instruction, sight_of(edit.source), sight_of(edit.target))
        example = example_of(rng, request, shape.count)
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
    if not plan.fresh and (len(build_tokenizer()) != len(tokenizer) or len(model.model.layers) != LAYERS):
        model, tokenizer = grown(model, tokenizer)
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
