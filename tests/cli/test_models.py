"""The command line about models: listing, fetching, what the machine can run, and other models than a family's."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from huggingface_hub import constants

from pix2pix_onthefly.cli.requests import EditRequest
from pix2pix_onthefly.errors import InputError
from pix2pix_onthefly.models import doctor, download, families, rows
from pix2pix_onthefly.models.families import DINO, FAMILIES
from pix2pix_onthefly.pictures import saving
from tests.cli import helpers as cli_helpers
from tests.cli.helpers import CAPTIONS, QUICK, onthefly, said
from tests.fake_hub import FakeHub, connect, diffusion_files, go_offline, model_files

here = cli_helpers.here  # a fixture is found by its name in the module of the tests
SD14, BLIP, PHI = (getattr(FAMILIES["sd14"], role) for role in families.EDIT_ROLES)

NOBODY = "http://127.0.0.1:9"
"""An address where nothing listens."""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A hub with the models of sd14."""
    made = connect(tmp_path / "cache", monkeypatch)
    made.models = {
        SD14.source: diffusion_files(),
        BLIP.source: model_files(("pytorch_model.bin",), "blip"),
        PHI.source: model_files(),
        "somebody/llama": model_files(kind="llama"),
    }
    return made


def line_of(printed: str, *words: str) -> str:
    return next(line for line in printed.splitlines() if all(word in line for word in words))


def error_of(*arguments: str) -> str:
    """The one line on stderr of a command that fails."""
    result = onthefly(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = said(result)
    assert len(lines) == 1, result.stderr
    return lines[0]


# Listing and fetching


def test_models_lists_every_row_and_what_is_here(fake: FakeHub) -> None:
    fake.put(PHI.source, fake.models[PHI.source], PHI.revision)
    fake.put(SD14.source, {"unet/config.json": b"{}"}, SD14.revision)
    result = onthefly("models")
    assert result.exit_code == 0, result.output
    printed = result.stdout
    for role, row in families.known_rows():
        line = line_of(printed, role, f" {row.source} ")
        unsure = "?" if "licence" in row.unchecked else ""
        assert re.search(rf"  {re.escape(row.licence + unsure)}  +{'to be accepted' if row.gated else 'open'}", line)
        assert f"  {row.parameters} million" in line
    klein, schnell = (line_of(printed, FAMILIES[name].diffusion.source) for name in ("flux2-klein", "flux-schnell"))
    assert ("  Apache-2.0  " in klein, "  Apache-2.0?  " in schnell) == (True, True)
    assert "15960 MB?" in klein
    assert "from memory" in printed.splitlines()[-1]
    assert " bundled " in line_of(printed, "package:mini/captioner")
    assert " yes " in line_of(printed, PHI.source)
    assert " partly " in line_of(printed, SD14.source)
    assert " no " in line_of(printed, BLIP.source)
    assert SD14.revision[:7] in printed
    assert SD14.revision not in printed


def test_models_as_json(fake: FakeHub) -> None:
    rows = {(row["role"], row["id"]): row for row in json.loads(onthefly("models", "--json").stdout)["models"]}
    assert len(rows) == len(families.known_rows())
    row = rows["diffusion", SD14.source]
    assert row["revision"] == SD14.revision
    assert row["families"] == ["sd14"]
    assert row["unchecked"] == []
    assert rows["diffusion", FAMILIES["flux2-klein"].diffusion.source]["unchecked"] == ["sizes", "gated"]
    assert (row["cached"], row["cached_bytes"]) == ("no", 0)


def test_fetch_a_family(fake: FakeHub) -> None:
    result = onthefly("models", "fetch", "sd14", "--precision", "float16", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == [SD14.source, BLIP.source, PHI.source]
    assert f"Fetching {SD14.source} ({SD14.variant_megabytes} MB) ..." in result.stderr
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in fake.downloaded
    assert "unet/diffusion_pytorch_model.safetensors" not in fake.downloaded
    assert " yes " in line_of(onthefly("models").stdout, PHI.source)


def test_fetch_one_model(fake: FakeHub) -> None:
    for name in (PHI.source, "somebody/llama"):
        fake.downloaded.clear()
        result = onthefly("models", "fetch", name)
        assert result.exit_code == 0, result.output
        assert "model.safetensors" in fake.downloaded
        assert "own_code.py" not in fake.downloaded


def test_fetch_what_evaluation_needs(fake: FakeHub) -> None:
    """DINO's pickle without a processor, and a trained method's networks."""
    dino, trained = families.DINO, families.INSTRUCT_PIX2PIX
    fake.models |= {dino.source: model_files(("pytorch_model.bin",), "vit"), trained.source: diffusion_files()}
    assert onthefly("models", "fetch", dino.source).exit_code == 0
    assert set(fake.downloaded) == {"config.json", "generation_config.json", "pytorch_model.bin"}
    fake.downloaded.clear()
    assert onthefly("models", "fetch", trained.source, "--precision", "float32").exit_code == 0
    assert "unet/diffusion_pytorch_model.safetensors" in fake.downloaded
    printed = onthefly("models").stdout
    for role, row in (("dino", dino), ("diffusion", trained)):
        assert " yes " in line_of(printed, role, row.source, row.licence)


def test_fetch_what_is_bundled() -> None:
    assert "nothing to download" in onthefly("models", "fetch", "mini").stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sd99/x/y", "neither an existing folder nor a hub id"),
        ("somebody/else", "run this command again once you are online"),
        (DINO.source, "run this command again once you are online"),
        ("sd41", "there is no model family 'sd41'; did you mean sd21 or sd15 or sd14?"),
        ("SD-14", "did you mean sd14"),
        ("microsoft/phi2", "did you mean microsoft/phi-2?"),
    ],
)
def test_fetch_in_vain(fake: FakeHub, monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    """What helps is said, which is never the command that has just failed."""
    go_offline(monkeypatch)
    result = onthefly("models", "fetch", name)
    assert result.exit_code == 2
    error = result.stderr.splitlines()[-1]  # a model of the table is announced first
    assert words in error
    assert "onthefly models fetch" not in error


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_the_list_names_the_size_that_fetching_names(fake: FakeHub, precision: str) -> None:
    listed = onthefly("models").stdout
    fetched = onthefly("models", "fetch", "sd14", "--precision", precision, "--device", "cpu").stderr
    for row in (SD14, BLIP, PHI):
        (size,) = re.findall(r"\((\d+ MB)\)", line_of(fetched, row.source))
        assert f" {size} " in line_of(listed, row.source)


def test_families_are_listed_shortly() -> None:
    printed = onthefly("families").stdout
    for name, family in FAMILIES.items():
        assert f"{name}{' (the default)' if name == families.DEFAULT_FAMILY else ''}: {family.about}\n" in printed
        assert family.rewriter.source in printed


# What the machine can run


def test_doctor(fake: FakeHub) -> None:
    printed = onthefly("doctor").stdout
    for word in ("python:", "torch:", "device:", "memory:", "cores", "cache:", str(fake.cache), "downloads:    yes"):
        assert word in printed
    assert " bundled " in line_of(printed, "mini ")
    assert " MB  " in line_of(printed, "sd14 ")
    assert " MB?" in line_of(printed, "flux2-klein ")
    assert "from memory" in printed.splitlines()[-1]


def test_doctor_says_that_downloads_fail_where_the_hub_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", NOBODY)
    assert "downloads:    no: " in onthefly("doctor").stdout


def test_doctor_as_json(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch)
    for row, role in ((SD14, "diffusion"), (BLIP, "captioner")):
        fake.put(row.source, fake.models[row.source], row.revision)
        assert role in families.ROLES
    report = json.loads(onthefly("doctor", "--json").stdout)
    assert report["memory"]["total"] >= report["memory"]["available"] > 0
    assert "HF_HUB_OFFLINE" in report["cache"]["downloads"]
    assert report["families"]["mini"]["cached"] == "bundled"
    assert report["families"]["sd14"]["cached"] == "partly"
    assert report["families"]["sd21"]["cached"] == "partly"  # of which the captioner is here
    assert set(report["families"]) == set(FAMILIES)


def test_doctor_loads_no_model_library() -> None:
    program = (
        "import sys\n"
        "from pix2pix_onthefly.cli.app import app\n"
        "try:\n    app(['doctor'])\n"
        "finally:\n    print(sorted({'diffusers', 'transformers'} & set(sys.modules)))\n"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert made.stdout.rstrip().endswith("[]")


def test_estimated_memory() -> None:
    """All models at once need more than one at a time, full precision twice as much as half; and Stable Diffusion with
    Phi-2 in half precision fits into 16 GB, one at a time into 8 GB, as the weights' sizes alone tell."""
    for family in FAMILIES.values():
        half, full = (doctor.peak_megabytes(family, size) for size in (2, 4))
        assert full - doctor.ALLOWANCE_MEGABYTES == pytest.approx(2 * (half - doctor.ALLOWANCE_MEGABYTES), abs=2)
        assert doctor.peak_megabytes(family, 2, low_vram=True) < half
    assert doctor.peak_megabytes(FAMILIES["sd14"], 2) < 16_000
    assert doctor.peak_megabytes(FAMILIES["sd14"], 2, low_vram=True) < 8_000


@pytest.mark.parametrize(("modern", "precision"), [(True, "bfloat16"), (False, "float16")])
def test_doctor_names_the_precision_of_a_gpu(monkeypatch: pytest.MonkeyPatch, modern: bool, precision: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: modern)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (8 * 10**9, 16 * 10**9))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "some GPU")
    described = doctor.describe_device(torch.device("cuda"))
    assert described == doctor.Device("cuda", "some GPU", precision, 16_000, 8_000)


@pytest.mark.parametrize(("free", "fits"), [(16_000, "yes"), (8_000, "with --low-vram"), (4_000, "no")])
def test_whether_a_family_fits(fake: FakeHub, free: int, fits: str) -> None:
    device = doctor.Device("cuda", "some GPU", "float16", 24_000, free)
    assert doctor.judge(FAMILIES["sd14"], device, 2).fits == fits


# Other models than a family's


@pytest.fixture
def own(tmp_path: Path, tiny_folder: Path) -> Path:
    """A folder of the user's with a diffusion model, a captioner and a language model."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "own"))


def test_models_from_folders(here: Path, own: Path) -> None:
    arguments = (
        "--diffusion",
        str(own / "diffusion"),
        "--captioner",
        "own/captioner",
        "--language-model",
        "own/rewriter",
    )
    result = onthefly("edit", "cat.png", "make it a dog", "--attempts", "1", *QUICK, *arguments)
    assert result.exit_code == 0, result.output
    assert "Describing the picture" in result.stderr
    recipe = saving.read_recipe("cat-edited.png")
    assert recipe["models"] == {
        "diffusion": "folder:diffusion",
        "captioner": "folder:captioner",
        "rewriter": "folder:rewriter",
    }
    assert str(own) not in json.dumps(recipe)


def test_precision_and_low_vram(here: Path) -> None:
    result = onthefly("edit", "cat.png", "make it a dog", *CAPTIONS, *QUICK, "--precision", "bfloat16", "--low-vram")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("flag", ["--diffusion", "--captioner", "--language-model"])
def test_what_is_no_model_is_told_before_any_work(here: Path, flag: str) -> None:
    for source, words in ((".", "the folder has no"), ("somebody/else", "cannot be loaded"), ("./no", "neither")):
        assert words in error_of("edit", "cat.png", "make it a dog", *QUICK, flag, source)


def test_a_model_that_is_not_needed_is_not_looked_for(here: Path) -> None:
    arguments = (*CAPTIONS, *QUICK, "--language-model", "somebody/else", "--captioner", "somebody/else")
    assert onthefly("edit", "cat.png", *arguments).exit_code == 0


@pytest.mark.parametrize(
    ("command", "flag"), [("draw", "--captioner"), ("rewrite", "--diffusion"), ("reconstruct", "--language-model")]
)
def test_commands_offer_the_models_they_use(here: Path, command: str, flag: str) -> None:
    assert "No such option" in error_of(command, "cat.png", flag, "somebody/else")


# Without a network


def test_without_a_network_one_sentence_comes_at_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub would ask six times within 23 seconds, with two lines each."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", NOBODY)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(here / "cache"))
    begun = time.monotonic()
    assert "the hub cannot be reached; run 'onthefly models fetch sd14'" in error_of(
        "draw", "a cat", "--family", "sd14"
    )
    assert time.monotonic() - begun < 5


def test_a_silent_hub_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that drops everything: there is neither an answer nor an error."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        assert not download.hub_answers(0.3)
        assert time.monotonic() - begun < 2


@pytest.mark.parametrize("status", [200, 401, 503])
def test_a_hub_that_answers_is_tried(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        assert download.hub_answers()


def test_a_caption_needs_no_diffusion_model(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the size that it works at counts, which the table knows."""
    tiny = families.FAMILIES["tiny"]
    monkeypatch.setitem(families.FAMILIES, "tiny", replace(tiny, diffusion=SD14))
    result = onthefly("caption", "cat.png")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip()


# Models and --like

RECIPE: dict[str, Any] = {
    "instruction": "make it a dog",
    "caption": "a cat",
    "captions": {"before": ["a cat"], "after": ["a dog"], "outcome": "complied"},
    "options": {},
    "family": "sd14",
    "models": {role: str(getattr(FAMILIES["sd14"], role)) for role in families.EDIT_ROLES},
}


def like(request: EditRequest, **models: str) -> dict[str, Any]:
    return request.like({**RECIPE, "models": {**RECIPE["models"], **models}}, "x.png", same_picture=True).models


def test_like_takes_the_models_of_the_recipe() -> None:
    assert like(EditRequest()) == {"family": "sd14"}
    large, newer = str(rows.BLIP_LARGE), str(rows.STABLE_DIFFUSION_15)
    made = like(EditRequest(), captioner=large, diffusion=newer)
    assert made == {"family": "sd14", "captioner": large, "diffusion": newer}


def test_like_takes_the_models_that_are_given_anew() -> None:
    assert like(EditRequest(models={"language_model": "e/f"}), rewriter="a/b")["language_model"] == "e/f"
    assert like(EditRequest(models={"family": "mini"}), rewriter="a/b") == {"family": "mini"}
    assert like(EditRequest(models={"low_vram": True})) == {"family": "sd14", "low_vram": True}


def test_like_asks_for_a_folder_it_does_not_know() -> None:
    with pytest.raises(InputError, match="in the folder own; give it with --language-model"):
        like(EditRequest(), rewriter="folder:own")
    given = EditRequest(models={"language_model": "elsewhere/own"})
    assert like(given, rewriter="folder:own")["language_model"] == "elsewhere/own"


def test_like_refuses_models_that_are_no_names() -> None:
    with pytest.raises(InputError, match="not that of an edit"):
        EditRequest().like({**RECIPE, "models": {"rewriter": 1}}, "x.png", same_picture=True)
    with pytest.raises(InputError, match="not that of an edit"):
        EditRequest().like({**RECIPE, "models": "phi"}, "x.png", same_picture=True)
