"""A hub that lies in memory, and the cache on disk that is filled from it, in the layout of huggingface_hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import filter_repo_objects

from pix2pix_onthefly.models import download

NEWEST = "f" * 40
"""The commit that `main` stands for."""


class FakeHub:
    """Stands in for `huggingface_hub.snapshot_download`.

    Attributes:
        cache: the cache's folder.
        models: what the hub holds: id to file name to content.
        downloaded: names of the files that were downloaded, in order.
        error: what a download raises, if anything.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.models: dict[str, Mapping[str, bytes]] = {}
        self.downloaded: list[str] = []
        self.error: BaseException | None = None

    def snapshot_download(
        self, repo_id: str, *, revision: str | None = None, allow_patterns: list[str] | None = None, **_: Any
    ) -> str:
        """Puts the files that match and are not here into the cache."""
        if self.error is not None:
            raise self.error
        there = self.models[repo_id]
        names = filter_repo_objects(there, allow_patterns=allow_patterns)
        return str(self.put(repo_id, {name: there[name] for name in names}, revision))

    def put(self, repo_id: str, files: Mapping[str, bytes], revision: str | None = None) -> Path:
        """The cache's folder of a model, with these files in it."""
        home = self.cache / f"models--{repo_id.replace('/', '--')}"
        snapshot = home / "snapshots" / (revision or NEWEST)
        for folder in (snapshot, home / "blobs", home / "refs"):
            folder.mkdir(parents=True, exist_ok=True)
        if revision is None:
            (home / "refs" / "main").write_text(NEWEST)
        for name, content in files.items():
            link, blob = snapshot / name, home / "blobs" / name.replace("/", "-")
            if not link.exists():
                self.downloaded.append(name)
                link.parent.mkdir(parents=True, exist_ok=True)
                blob.write_bytes(content)
                link.symlink_to(blob)
        return snapshot


def connect(cache: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A fake hub that is online, and an empty cache."""
    hub = FakeHub(cache)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    monkeypatch.setattr(download, "hub_answers", lambda *_: True)
    return hub


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with HF_HUB_OFFLINE=1; a download would fail the test."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("a download was tried"))


def diffusion_files(variants: Iterable[str] = ("", ".fp16"), without: Iterable[str] = ()) -> dict[str, bytes]:
    """What a repository of Stable Diffusion holds, in names."""
    names = ["model_index.json", "README.md", "v1-5-pruned.ckpt", "v1-5-pruned.safetensors"]
    names += ["feature_extractor/preprocessor_config.json", "scheduler/scheduler_config.json"]
    names += [f"tokenizer/{name}" for name in ("vocab.json", "merges.txt", "tokenizer_config.json")]
    stems = {"vae": "diffusion_pytorch_model", "unet": "diffusion_pytorch_model"}
    for part, stem in {**stems, "text_encoder": "model", "safety_checker": "model"}.items():
        names += [f"{part}/config.json"]
        names += [f"{part}/{stem}{variant}.safetensors" for variant in variants]
        names += [f"{part}/pytorch_model.bin", f"{part}/flax_model.msgpack"]
    return {name: b"{}" for name in names if name not in without}


def model_files(weights: Iterable[str] = ("model.safetensors",), kind: str = "phi") -> dict[str, bytes]:
    """What a repository of transformers holds, in names."""
    settings = ["generation_config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"]
    others = ["README.md", "tf_model.h5", "onnx/model.onnx", "own_code.py"]
    config = f'{{"model_type": "{kind}"}}'.encode()
    return {"config.json": config, **dict.fromkeys((*settings, *others, *weights), b"{}")}
