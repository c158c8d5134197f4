"""What is downloaded, what counts as being here, and what is said when neither works; with a hub in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.errors
import pytest
import torch

from pix2pix_onthefly.errors import ModelUnavailableError
from pix2pix_onthefly.models import families, hub, loading, parts
from pix2pix_onthefly.models.families import FAMILIES, ModelRow
from tests.fake_hub import FakeHub, connect, diffusion_files, go_offline, model_files

SD14 = FAMILIES["sd14"].diffusion
BLIP = FAMILIES["sd14"].captioner
PHI = FAMILIES["sd14"].rewriter
OWN = ModelRow("somebody/something", "unknown", 0)
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A hub with the models of sd14 and one more."""
    made = connect(tmp_path / "cache", monkeypatch)
    phi = model_files(SHARDS)
    made.models = {
        SD14.source: diffusion_files(),
        BLIP.source: model_files(("pytorch_model.bin",), "blip"),
        PHI.source: {**phi, SHARDS[-1]: json.dumps({"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}).encode()},
        OWN.source: model_files(),
    }
    return made


def sentence(error: pytest.ExceptionInfo[ModelUnavailableError]) -> str:
    """The message, which is one sentence with a way out."""
    message = str(error.value)
    assert "\n" not in message
    assert not re.search(r"\. [A-Z]", message)
    assert message.endswith("or use --family mini")
    return message


# What is downloaded


@pytest.mark.parametrize(("half", "ending"), [(True, ".fp16.safetensors"), (False, ".safetensors")])
def test_fetch_takes_what_the_loader_needs(fake: FakeHub, half: bool, ending: str) -> None:
    folder = hub.fetch(SD14, "diffusion", half=half)
    weights = {f"vae/diffusion_pytorch_model{ending}", f"unet/diffusion_pytorch_model{ending}"}
    weights |= {f"text_encoder/model{ending}"}
    settings = {f"{part}/config.json" for part in ("vae", "unet", "text_encoder")}
    settings |= {f"tokenizer/{name}" for name in ("vocab.json", "merges.txt", "tokenizer_config.json")}
    assert set(fake.downloaded) == weights | settings | {"scheduler/scheduler_config.json"}
    assert folder.name == SD14.revision
    assert not parts.missing(folder, SD14, "diffusion")


def test_fetch_takes_the_pickle_where_a_row_says_so(fake: FakeHub) -> None:
    hub.fetch(BLIP, "captioner", half=False)
    assert "pytorch_model.bin" in fake.downloaded
    assert not {"tf_model.h5", "onnx/model.onnx", "own_code.py", "README.md"} & set(fake.downloaded)


def test_fetch_takes_weights_in_several_files(fake: FakeHub) -> None:
    hub.fetch(PHI, "rewriter", half=True)
    assert set(SHARDS) < set(fake.downloaded)


@pytest.mark.parametrize("half", [True, False])
def test_fetch_takes_the_other_variant_where_the_hub_lacks_one(fake: FakeHub, half: bool) -> None:
    wanted, other = (".fp16", "") if half else ("", ".fp16")
    stem = "vae/diffusion_pytorch_model"
    fake.models[SD14.source] = diffusion_files(without=[f"{stem}{wanted}.safetensors"])
    hub.fetch(SD14, "diffusion", half=half)
    assert f"{stem}{other}.safetensors" in fake.downloaded
    assert f"unet/diffusion_pytorch_model{wanted}.safetensors" in fake.downloaded
    assert f"unet/diffusion_pytorch_model{other}.safetensors" not in fake.downloaded


def test_fetch_does_not_take_a_pickle_for_an_unknown_model(fake: FakeHub) -> None:
    fake.models[OWN.source] = model_files(("pytorch_model.bin",))
    with pytest.raises(ModelUnavailableError) as error:
        hub.fetch(OWN, "rewriter", half=False)
    assert "the hub holds no model.safetensors" in sentence(error)
    assert "pytorch_model.bin" not in fake.downloaded


def test_fetch_goes_on_where_it_stopped(fake: FakeHub) -> None:
    files = diffusion_files()
    fake.put(SD14.source, {"unet/config.json": files["unet/config.json"]}, SD14.revision)
    assert hub.presence(SD14, "diffusion").state == "partly"
    hub.fetch(SD14, "diffusion", half=False)
    assert fake.downloaded.count("unet/config.json") == 1
    assert hub.presence(SD14, "diffusion").state == "yes"


@pytest.mark.parametrize(
    ("files", "role"),
    [
        (diffusion_files(), "diffusion"),
        (model_files(kind="blip"), "captioner"),
        (model_files(kind="clip"), "clip"),
        (model_files(kind="llama"), "rewriter"),
    ],
)
def test_the_role_of_an_unknown_model(fake: FakeHub, files: dict[str, bytes], role: str) -> None:
    fake.models[OWN.source] = files
    assert hub.role_of(OWN.source) == role
    assert set(fake.downloaded) <= {"model_index.json", "config.json"}


# What is here


def test_presence(fake: FakeHub) -> None:
    assert hub.presence(PHI, "rewriter") == hub.Presence("no")
    hub.fetch(PHI, "rewriter", half=False)
    found = hub.presence(PHI, "rewriter")
    assert found.state == "yes"
    assert found.size == sum(len(fake.models[PHI.source][name]) for name in fake.downloaded)
    (fake.cache / "models--microsoft--phi-2/snapshots" / str(PHI.revision) / SHARDS[0]).unlink()
    assert hub.presence(PHI, "rewriter").state == "partly"
    assert hub.presence(FAMILIES["mini"].rewriter, "rewriter").state == "bundled"


def test_another_revision_is_not_taken(fake: FakeHub) -> None:
    fake.put(PHI.source, fake.models[PHI.source], "0" * 40)
    assert hub.presence(PHI, "rewriter").state == "no"


def test_what_is_here_is_not_downloaded(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [hub.fetch(row, role, half=True) for row, role in ((SD14, "diffusion"), (OWN, "rewriter"))]
    go_offline(monkeypatch)
    for half in (True, False):
        assert [
            hub.folder_of(row, role, half=half) for row, role in ((SD14, "diffusion"), (OWN, "rewriter"))
        ] == folders


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_loading_offline_in_either_precision(
    fake: FakeHub, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, variant: str | None
) -> None:
    """With plain or half-precision files alone in the cache, both precisions load from it."""
    source = tiny_folder / "diffusion"
    files = {str(file.relative_to(source)): file.read_bytes() for file in source.rglob("*") if file.is_file()}
    middle = f".{variant}.safetensors" if variant else ".safetensors"
    fake.put(SD14.source, {name.replace(".safetensors", middle): file for name, file in files.items()}, SD14.revision)
    go_offline(monkeypatch)
    for dtype in (torch.float16, torch.float32):
        assert loading.load_diffusion(SD14, torch.device("cpu"), dtype).unet.dtype == dtype


# What is said


def answer(status: int) -> Any:
    """The hub's answer to a request, as its errors carry it."""
    from huggingface_hub.utils import get_session

    request = get_session().build_request("GET", "https://hub.invalid/x")
    return type("Answer", (), {"status_code": status, "headers": {}, "request": request})()


ERRORS: dict[str, tuple[Callable[[], BaseException], str]] = {
    "unknown id": (lambda: huggingface_hub.errors.RepositoryNotFoundError("404", response=answer(404)), "has no"),
    "gated": (lambda: huggingface_hub.errors.GatedRepoError("403", response=answer(403)), "licence"),
    "unknown revision": (lambda: huggingface_hub.errors.RevisionNotFoundError("404", response=answer(404)), "has no"),
    "out of reach": (lambda: huggingface_hub.errors.LocalEntryNotFoundError("no"), "cannot be reached"),
    "server error": (lambda: huggingface_hub.errors.HfHubHTTPError("500 oops\nmore", response=answer(500)), "500 oops"),
    "full disk": (lambda: OSError(28, "No space left on device"), "No space left"),
    "transport": (lambda: RuntimeError("stream broke.\nTraceback"), "stream broke)"),
}


@pytest.mark.parametrize(("make", "words"), ERRORS.values(), ids=ERRORS.keys())
@pytest.mark.parametrize("row", [SD14, OWN], ids=["of a family", "unknown"])
def test_a_failed_download_is_one_sentence(
    fake: FakeHub, make: Callable[[], BaseException], words: str, row: ModelRow
) -> None:
    fake.error = make()
    with pytest.raises(ModelUnavailableError) as error:
        hub.folder_of(row, "diffusion", half=False)
    message = sentence(error)
    assert row.source in message
    assert words in message


WITH_PHI = sum(family.rewriter == PHI for family in FAMILIES.values())


@pytest.mark.parametrize(
    ("row", "role", "command"),
    [
        (SD14, "diffusion", "'onthefly models fetch sd14' once"),
        (PHI, "rewriter", f"'onthefly models fetch sd14' (or sd15, sd21-base, sd21 and {WITH_PHI - 4} more) once"),
        (OWN, "rewriter", "'onthefly models fetch somebody/something' once"),
    ],
)
def test_offline_the_command_that_helps_is_named(
    fake: FakeHub, monkeypatch: pytest.MonkeyPatch, row: ModelRow, role: str, command: str
) -> None:
    go_offline(monkeypatch)
    with pytest.raises(ModelUnavailableError) as error:
        hub.folder_of(row, role, half=False)
    assert command in sentence(error)
    assert "HF_HUB_OFFLINE" in sentence(error)


@pytest.mark.parametrize(("row", "role"), [(FAMILIES["sd14"].clip, "clip"), (families.DINO, "dino")])
def test_what_measures_is_fetched_by_itself(
    fake: FakeHub, monkeypatch: pytest.MonkeyPatch, row: ModelRow, role: str
) -> None:
    """No family brings it along, and no other family would help."""
    go_offline(monkeypatch)
    with pytest.raises(ModelUnavailableError) as error:
        hub.folder_of(row, role, half=False)
    assert str(error.value).endswith(f"; run 'onthefly models fetch {row.source}' once while online")


def test_a_partial_cache_out_of_reach(fake: FakeHub) -> None:
    """huggingface_hub gives back what it has where the hub cannot be reached."""
    fake.models[SD14.source] = {"unet/config.json": b"{}"}
    with pytest.raises(ModelUnavailableError) as error:
        hub.folder_of(SD14, "diffusion", half=False)
    assert "could not be reached" in sentence(error)
