"""Trains the captioner of the mini family: a picture becomes the canonical caption of its scene.

    python -m training.captioner                        # from where it stopped, or from nothing with --fresh
    python -m training.captioner --steps 4 --batch 2    # a minute's try-out

The caption is learned by predicting each next word. One word list a picture teaches a vision transformer slowly, so
while training a linear layer (which is not saved in the package) also names what lies under every patch, and what the
whole picture shows from the class token, which is what CLIP starts from.
"""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipImageProcessorPil, BlipProcessor

from pix2pix_onthefly.world.captions import describe, describe_object, every_caption_word
from pix2pix_onthefly.world.renderer import object_box, render
from pix2pix_onthefly.world.scenes import Scene
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS

from .common import PACKAGED, PICTURE_SIDE, save_model
from .compositing import SceneRenderer
from .plan import Plan, read_plan
from .scenes import draw_scenes, held_out_scenes
from .trainer import Trainer
from .vocabulary import bert_tokenizer

FOLDER = PACKAGED / "captioner"
TOKENS = 32
PATCH = 16
GRID = PICTURE_SIDE // PATCH
VISION = {
    "hidden_size": 160,
    "intermediate_size": 640,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "image_size": PICTURE_SIDE,
    "patch_size": PATCH,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
}
"""The vision transformer; CLIP's has the same sizes."""
DECODER = {
    "hidden_size": 160,
    "intermediate_size": 640,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 2 * TOKENS,
}
"""Positions for a prompt and thirty new tokens, though no caption is that long."""
NAMING_WEIGHT = 0.5
"""Share of the patch-naming losses in the sum; zero leaves the captions alone to teach."""
_OBJECT_RADIUS = 0.42
_WORDS = {word: index for index, word in enumerate(every_caption_word())}


def build(tokenizer: BertTokenizer) -> BlipForConditionalGeneration:
    """The architecture, without dropout: every picture is new."""
    special = {
        "bos_token_id": tokenizer.convert_tokens_to_ids("[DEC]"),
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text = {**DECODER, **special, "vocab_size": len(tokenizer), "layer_norm_eps": 1e-6}
    vision = {**VISION, "initializer_range": 0.02}
    return BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision))


def build_processor() -> BlipProcessor:
    """The tokenizer and the picture side, which leaves a rendered picture as `pixels_of` makes it."""
    pictures = BlipImageProcessorPil(
        size={"height": PICTURE_SIDE, "width": PICTURE_SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    return BlipProcessor(pictures, bert_tokenizer(every_caption_word(), TOKENS))


def load_or_build(fresh: bool) -> tuple[BlipForConditionalGeneration, BlipProcessor]:
    """The packaged captioner, or a new one."""
    if (FOLDER / "model.safetensors").exists() and not fresh:
        model = BlipForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32)
        return model, BlipProcessor.from_pretrained(FOLDER, backend="pil")
    torch.manual_seed(0)
    processor = build_processor()
    return build(processor.tokenizer), processor  # type: ignore[attr-defined]


def write_processor_files(processor: BlipProcessor) -> None:
    """Everything of the folder that does not belong to the model."""
    processor.tokenizer.save_pretrained(FOLDER)  # type: ignore[attr-defined]
    processor.image_processor.save_pretrained(FOLDER)  # type: ignore[attr-defined]


def _word_share(text: str) -> Tensor:
    """The words of a text as a distribution over all words."""
    words = sorted({_WORDS[word] for word in text.split()})
    row = torch.zeros(len(_WORDS))
    row[words] = 1 / len(words)
    return row


def naming_targets(scenes: list[Scene]) -> Tensor:
    """Per picture and vision token a distribution over words: [count, 1 + patches, words].

    The class token names the whole caption, a patch the object or the background that it shows. Patches at the rim of
    an object's box may show either: their rows are zero, so that they add nothing to the loss.
    """
    centres = (np.arange(GRID) + 0.5) * PATCH
    targets = torch.zeros(len(scenes), 1 + GRID * GRID, len(_WORDS))
    for target, scene in zip(targets, scenes, strict=True):
        rows = [torch.zeros(len(_WORDS)), _word_share(BACKGROUNDS[scene.background].phrase)]
        owner = np.ones((GRID, GRID), dtype=np.int64)
        for index, item in enumerate(scene.objects, 2):
            left, top, size = object_box(item, PICTURE_SIDE)
            x, y = (centres - left) / size - 0.5, (centres[:, None] - top) / size - 0.5
            owner[np.maximum(abs(x), abs(y)) < 0.5] = 0
            owner[np.hypot(x, y) < _OBJECT_RADIUS] = index
            rows.append(_word_share(describe_object(item)))
        target[0] = _word_share(describe(scene))
        target[1:] = torch.stack(rows)[torch.from_numpy(owner.reshape(-1))]
    return targets


def naming_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of the class token plus that of the mean patch."""
    losses = -(functional.log_softmax(logits.float(), -1) * targets).sum(-1)
    return losses[:, 0].mean() + losses[:, 1:].mean()


def caption_tokens(tokenizer: BertTokenizer, scenes: list[Scene]) -> tuple[Tensor, Tensor]:
    """Decoder inputs, which start with [DEC], and the tokens to predict, in which pads count for nothing (-100)."""
    tokens = tokenizer([describe(scene) for scene in scenes], padding=True, return_tensors="pt").input_ids
    tokens[:, 0] = tokenizer.convert_tokens_to_ids("[DEC]")
    return tokens[:, :-1], tokens[:, 1:].masked_fill(tokens[:, 1:] == tokenizer.pad_token_id, -100)


@torch.no_grad()
def exact_share(model: BlipForConditionalGeneration, processor: BlipProcessor, count: int = 200) -> float:
    """Share of held-out scenes whose caption greedy generation gets right to the letter."""
    scenes, right = held_out_scenes(count), 0
    for start in range(0, count, 50):
        batch = scenes[start : start + 50]
        pictures = [render(scene, PICTURE_SIDE) for scene in batch]
        inputs = processor(images=pictures, return_tensors="pt")  # type: ignore[call-arg]
        tokens = model.generate(**inputs.to(model.device), max_new_tokens=24, num_beams=1, do_sample=False)
        texts = processor.batch_decode(tokens, skip_special_tokens=True)
        right += sum(text == describe(scene) for text, scene in zip(texts, batch, strict=True))
    return right / count


def train(plan: Plan) -> None:
    """Trains the captioner; saves into the package."""
    model, processor = load_or_build(plan.fresh)
    tokenizer: BertTokenizer = processor.tokenizer  # type: ignore[attr-defined]
    naming = nn.Linear(VISION["hidden_size"], len(_WORDS))  # type: ignore[arg-type]
    trainer = Trainer("captioner", {"captioner": model, "naming": naming}, plan)
    renderer = SceneRenderer(plan.device)

    def loss_of_batch(rng: random.Random) -> Tensor:
        scenes = draw_scenes(rng, plan.batch)
        inputs, wanted = (tokens.to(trainer.device) for tokens in caption_tokens(tokenizer, scenes))
        pixels = renderer.pixels_of(scenes).to(torch.bfloat16)
        output = model(pixel_values=pixels, input_ids=inputs, use_cache=False)
        loss = functional.cross_entropy(output.logits.float().flatten(0, 1), wanted.flatten())
        targets = naming_targets(scenes).to(trainer.device)
        return loss + NAMING_WEIGHT * naming_loss(naming(output.last_hidden_state), targets)

    def finish() -> None:
        save_model(model, FOLDER)
        write_processor_files(processor)
        print(f"held-out captions right {exact_share(model, processor, 100):.2f}", flush=True)

    trainer.run(loss_of_batch, finish)


if __name__ == "__main__":
    train(read_plan(__doc__ or "", steps=2000, batch=32, learning_rate=1.5e-3, cooldown=500, cuda_batch=256))
