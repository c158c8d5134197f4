"""Trains the CLIP model of the mini family: a picture and its caption meet in one space.

    python -m training.clip                        # from where it stopped, or from the captioner with --fresh
    python -m training.clip --steps 4 --batch 8    # a minute's try-out

The vision tower starts as the captioner's, whose class token already names what a picture shows; its lower half then
stays as it is. Half of each batch differs from another scene of the batch in one thing only, so that colours and
backgrounds count as much as kinds.
"""

from __future__ import annotations

import random
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    BlipForConditionalGeneration,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPProcessor,
    CLIPTokenizer,
)

from pix2pix_onthefly.world.captions import describe, every_caption_word
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, sample_kind, sample_scene
from pix2pix_onthefly.world.vocabulary import BACKGROUNDS, COLOURS

from . import captioner
from .common import PACKAGED, PICTURE_SIDE, save_model
from .compositing import SceneRenderer
from .plan import Plan, read_plan
from .scenes import caption_of, draw_scenes, held_out_scenes, pixels_of
from .trainer import Trainer
from .vocabulary import clip_tokenizer

FOLDER = PACKAGED / "clip"
TOKENS = 32
TEXT = {
    "hidden_size": 160,
    "intermediate_size": 640,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": TOKENS,
    "hidden_act": "quick_gelu",
}
SHARED_WIDTH = 128
FROZEN_LAYERS = 2
"""Vision layers, counted from the picture, that stay as the captioner's."""
SIBLING_SHARE = 0.5
_ANCHOR = 70.0
_HIGHEST_SCALE = 4.6052


def build(tokenizer: CLIPTokenizer) -> CLIPModel:
    """The architecture; the vision tower has the captioner's sizes."""
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text = {**TEXT, **special, "vocab_size": len(tokenizer), "projection_dim": SHARED_WIDTH}
    vision = {**captioner.VISION, "projection_dim": SHARED_WIDTH}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=SHARED_WIDTH))


def build_processor() -> CLIPProcessor:
    """The tokenizer and the picture side, which leaves a rendered picture as `pixels_of` makes it."""
    pictures = CLIPImageProcessorPil(
        size={"shortest_edge": PICTURE_SIDE},
        crop_size={"height": PICTURE_SIDE, "width": PICTURE_SIDE},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return CLIPProcessor(pictures, clip_tokenizer(every_caption_word(), TOKENS))


@torch.no_grad()
def take_vision(model: CLIPModel, source: BlipForConditionalGeneration) -> None:
    """Copies BLIP's vision weights into CLIP's vision tower; afterwards both compute nearly the same."""
    theirs, mine = source.vision_model, model.vision_model
    mine.embeddings.class_embedding.copy_(theirs.embeddings.class_embedding.flatten())
    mine.embeddings.patch_embedding.weight.copy_(theirs.embeddings.patch_embedding.weight)
    positions = mine.embeddings.position_embedding.weight
    positions.copy_(theirs.embeddings.position_embedding[0])
    positions[1:] += theirs.embeddings.patch_embedding.bias  # type: ignore[operator]
    for block, other in zip(mine.encoder.layers, theirs.encoder.layers, strict=True):
        attention, fused = block.self_attn, other.self_attn  # type: ignore[union-attr]
        parts = zip(fused.qkv.weight.chunk(3), fused.qkv.bias.chunk(3), strict=True)  # type: ignore[union-attr, operator]
        for layer, (weight, bias) in zip((attention.q_proj, attention.k_proj, attention.v_proj), parts, strict=True):  # type: ignore[union-attr]
            layer.weight.copy_(weight)  # type: ignore[union-attr]
            layer.bias.copy_(bias)  # type: ignore[union-attr]
        attention.out_proj.load_state_dict(fused.projection.state_dict())  # type: ignore[union-attr]
        for name in ("layer_norm1", "layer_norm2", "mlp"):
            getattr(block, name).load_state_dict(getattr(other, name).state_dict())
    mine.post_layernorm.load_state_dict(theirs.post_layernorm.state_dict())
    _calm_first_norm(model.vision_model)


@torch.no_grad()
def _calm_first_norm(tower: nn.Module) -> None:
    """Makes the normalisation that only CLIP has (pre_layrnorm) pass its input on nearly unchanged.

    Two large constants of opposite sign in every token's position hold each token's spread still; the scale then
    undoes the division and the bias takes the constants away. The mean that is lost reaches no later layer, for each
    of them subtracts it anyway. The constants go where tokens differ least.
    """
    embeddings, norm = tower.embeddings, tower.pre_layrnorm
    tokens = embeddings(pixels_of(draw_scenes(random.Random(1), 64)))  # type: ignore[operator]
    tokens = (tokens - tokens.mean(-1, keepdim=True)).flatten(0, 1)
    anchor = _ANCHOR * float(tokens.square().mean().sqrt())
    quiet = tokens.var(0).argsort()[:2]
    signs = torch.tensor([1.0, -1.0])
    embeddings.position_embedding.weight[:, quiet] += anchor * signs  # type: ignore[union-attr, index, operator]
    tokens[:, quiet] += anchor * signs
    nn.init.constant_(norm.weight, float(tokens.std(-1).mean()))  # type: ignore[union-attr, arg-type]
    nn.init.zeros_(norm.bias)  # type: ignore[union-attr, arg-type]
    norm.bias[quiet] = -anchor * signs  # type: ignore[union-attr, index, operator]


@torch.no_grad()
def feature_gap(model: CLIPModel, source: BlipForConditionalGeneration, count: int = 16) -> float:
    """How far CLIP's vision features lie from BLIP's, relative to how far BLIP's spread over held-out scenes."""
    pixels = pixels_of(held_out_scenes(count))
    theirs = source.vision_model(pixel_values=pixels).last_hidden_state
    mine = model.vision_model.post_layernorm(model.vision_model(pixel_values=pixels).last_hidden_state)
    return float((mine - theirs).norm() / (theirs - theirs.mean(0)).norm())


def load_or_build(fresh: bool) -> tuple[CLIPModel, CLIPProcessor]:
    """The packaged model, or a new one that starts from the packaged captioner where there is one."""
    if (FOLDER / "model.safetensors").exists() and not fresh:
        model = CLIPModel.from_pretrained(FOLDER, dtype=torch.float32)
        return model, CLIPProcessor.from_pretrained(FOLDER, backend="pil")
    torch.manual_seed(0)
    processor = build_processor()
    model = build(processor.tokenizer)  # type: ignore[attr-defined]
    if _captioner_stands():
        source = BlipForConditionalGeneration.from_pretrained(captioner.FOLDER, dtype=torch.float32)
        take_vision(model, source)
        print(f"vision tower from the captioner, features differ by {feature_gap(model, source):.1%}", flush=True)
    return model, processor


def _captioner_stands() -> bool:
    return (captioner.FOLDER / "model.safetensors").exists()


def freeze_lower_vision(model: CLIPModel) -> None:
    """Keeps the embeddings and the first layers of the vision tower as they are."""
    tower = model.vision_model
    for part in (tower.embeddings, tower.pre_layrnorm, *tower.encoder.layers[:FROZEN_LAYERS]):
        part.requires_grad_(False)


def sibling(rng: random.Random, scene: Scene) -> Scene:
    """The scene with another background, or with its first object in another colour or of another kind."""
    if rng.random() < 0.5:
        return replace(scene, background=rng.choice(list(BACKGROUNDS)))
    first, *others = scene.objects
    if first.colour is not None and rng.random() < 0.5:
        changed = replace(first, colour=rng.choice(list(COLOURS)))
    else:
        kind, colour = sample_kind(rng, exclude=tuple(item.kind for item in scene.objects))
        changed = replace(first, kind=kind, colour=colour)
    return replace(scene, objects=(changed, *others))


def distinct_scenes(rng: random.Random, count: int) -> list[Scene]:
    """Scenes of which no two have the same canonical caption, siblings among them."""
    chosen: dict[str, Scene] = {}
    while len(chosen) < count:
        if chosen and rng.random() < SIBLING_SHARE:
            scene = sibling(rng, rng.choice(list(chosen.values())))
        else:
            scene = sample_scene(rng)
        chosen.setdefault(describe(scene), scene)
    return list(chosen.values())


@torch.no_grad()
def retrieval_share(model: CLIPModel, processor: CLIPProcessor, groups: int = 2) -> float:
    """How often a held-out scene's picture finds its canonical caption among a hundred different ones."""
    shares: list[float] = []
    for group in range(groups):
        scenes = {describe(scene): scene for scene in held_out_scenes(200, offset=1000 * group)}
        captions = list(scenes)[:100]
        pictures = [render(scenes[caption], PICTURE_SIDE) for caption in captions]
        inputs = processor(text=captions, images=pictures, padding=True, return_tensors="pt")  # type: ignore[call-arg]
        found = model(**inputs.to(model.device)).logits_per_image.argmax(-1).cpu()
        shares.append(float((found == torch.arange(len(captions))).float().mean()))
    return sum(shares) / groups


def contrastive_loss(logits: Tensor) -> Tensor:
    """Mean of choosing the caption of each picture and the picture of each caption."""
    right = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right)) / 2


def train(plan: Plan) -> None:
    """Trains both towers; saves into the package."""
    model, processor = load_or_build(plan.fresh)
    tokenizer: CLIPTokenizer = processor.tokenizer  # type: ignore[attr-defined]
    if _captioner_stands():
        freeze_lower_vision(model)
    trainer = Trainer("clip", {"clip": model}, plan)
    renderer = SceneRenderer(plan.device)
    if plan.device.type == "cpu":  # there the backward pass of fused attention is slow in bfloat16
        model.set_attn_implementation("eager")

    def loss_of_batch(rng: random.Random) -> Tensor:
        scenes = distinct_scenes(rng, plan.batch)
        tokens = tokenizer([caption_of(rng, scene) for scene in scenes], padding=True, return_tensors="pt").input_ids
        pixels = renderer.pixels_of(scenes).to(torch.bfloat16)
        output = model(input_ids=tokens.to(trainer.device), pixel_values=pixels)
        scale = model.logit_scale.float().clamp(max=_HIGHEST_SCALE).exp()
        return contrastive_loss(output.image_embeds.float() @ output.text_embeds.float().T * scale)

    def finish() -> None:
        save_model(model, FOLDER)
        processor.tokenizer.save_pretrained(FOLDER)  # type: ignore[attr-defined]
        processor.image_processor.save_pretrained(FOLDER)  # type: ignore[attr-defined]
        print(f"held-out captions found {retrieval_share(model, processor):.2f}", flush=True)

    trainer.run(loss_of_batch, finish)


if __name__ == "__main__":
    plan = read_plan(__doc__ or "", steps=320, batch=128, learning_rate=1e-3, cooldown=120, cuda_batch=256)
    train(replace(plan, warmup=50))
