"""The official `openai` client edits pictures through a running server."""

from __future__ import annotations

import base64
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import openai
import psutil
import pytest
from PIL import Image

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.pictures.opening import open_picture
from pix2pix_onthefly.pictures.saving import read_recipe
from tests.evaluation.fixtures import draw_picture
from tests.methods.cases import difference_in_levels
from tests.server.running import QUICK, Running, png, running

SIZE = (80, 60)


def _picture(seed: int) -> tuple[str, bytes]:
    return "cat.png", png(draw_picture(seed, SIZE))


def _sent(text: str | None) -> bytes:
    assert text is not None
    return base64.b64decode(text)


def test_an_edit_is_that_of_the_editor_and_tells_what_was_understood(server: Running, shared_editor: Editor) -> None:
    answer = server.client().images.edit(image=_picture(1), prompt="make it a dog", extra_body=QUICK)
    assert answer.data is not None
    (made,) = answer.data
    options = shared_editor.options(method="sdedit", steps=3, size=64)
    expected = shared_editor.edit(
        draw_picture(1, SIZE), "make it a dog", options=options, caption="a cat", before="a cat", after="a dog"
    )
    assert difference_in_levels(open_picture(_sent(made.b64_json)), expected.image) == 0
    assert (answer.size, answer.output_format) == ("80x60", "png")
    more: Any = made.model_extra
    assert (more["caption"], more["before"], more["after"]) == ("a cat", ["a cat"], ["a dog"])
    assert more["recipe"]["options"]["steps"] == 3
    assert "edit" in more["seconds"]
    assert read_recipe(_sent(made.b64_json))["instruction"] == "make it a dog"


def test_a_jpeg_of_low_quality_is_smaller(server: Running) -> None:
    def bytes_at(quality: int) -> int:
        answer = server.client().images.edit(
            image=_picture(1), prompt="a dog", output_format="jpeg", output_compression=quality, extra_body=QUICK
        )
        assert answer.data is not None
        content = _sent(answer.data[0].b64_json)
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.format == "JPEG"
        return len(content)

    assert bytes_at(10) < bytes_at(95)


def test_a_size_cuts_the_picture(server: Running) -> None:
    given = {name: value for name, value in QUICK.items() if name != "size"}
    answer = server.client().images.edit(image=_picture(1), prompt="a dog", size="96x96", extra_body=given)
    assert answer.data is not None
    assert open_picture(_sent(answer.data[0].b64_json)).size == (96, 96)


def test_n_gives_so_many_different_candidates(server: Running) -> None:
    answer = server.client().images.edit(image=_picture(1), prompt="a dog", n=2, extra_body=QUICK)
    assert answer.data is not None
    first, second = (open_picture(_sent(one.b64_json)) for one in answer.data)
    assert difference_in_levels(first, second) > 1


def test_a_mask_keeps_all_but_what_is_transparent(server: Running) -> None:
    alpha = np.full((60, 80), 255, np.uint8)
    alpha[:, :40] = 0
    mask = draw_picture(2, SIZE)
    mask.putalpha(Image.fromarray(alpha))
    answer = server.client().images.edit(
        image=_picture(1), mask=("mask.png", png(mask)), prompt="a dog", extra_body={**QUICK, "keep": "hard"}
    )
    assert answer.data is not None
    made = np.asarray(open_picture(_sent(answer.data[0].b64_json))).astype(int)
    difference = np.abs(made - np.asarray(draw_picture(1, SIZE)).astype(int)).max(axis=-1)
    assert difference[:, 48:].max() == 0
    assert difference[:, :32].max() > 1


def test_a_stream_shows_pictures_on_the_way_and_ends_with_the_edit(server: Running) -> None:
    body = {**QUICK, "method": "flow", "steps": 6}
    events = list(
        server.client().images.edit(
            image=_picture(1), prompt="a dog", stream=True, partial_images=2, output_format="webp", extra_body=body
        )
    )
    assert [event.type for event in events] == ["image_edit.partial_image"] * 2 + ["image_edit.completed"]
    assert [getattr(event, "partial_image_index", None) for event in events] == [0, 1, None]
    for event in events:
        assert open_picture(_sent(event.b64_json)).size == SIZE
    assert events[-1].model_extra is not None
    assert events[-1].model_extra["after"] == ["a dog"]


def test_an_error_in_a_stream_reaches_the_client(server: Running) -> None:
    with pytest.raises(openai.APIError, match="narrower than 1:8"):
        list(
            server.client().images.edit(
                image=("a.png", png(Image.new("RGB", (900, 20)))), prompt="a dog", stream=True, extra_body=QUICK
            )
        )


@pytest.mark.parametrize(
    ("given", "body", "param", "sentence"),
    [
        ({}, {"stepz": 3}, "stepz", "did you mean 'steps'"),
        ({}, {"steps": 1}, "steps", "between 2 and 999"),
        ({}, {"steps": "many"}, "steps", "whole number"),
        ({"size": "9x9"}, {}, "size", "WIDTHxHEIGHT"),
        ({"n": 99}, {}, "n", "from 1 to 10"),
        ({"output_format": "gif"}, {}, "output_format", "png, jpeg, webp"),
        ({"prompt": " "}, {"before": [], "after": []}, "prompt", "the instruction is empty"),
        ({"image": ("a.png", b"no picture")}, {}, "image", "not a picture"),
        ({"image": [("a.png", b"one"), ("b.png", b"two")]}, {}, "image", "one image is edited at a time"),
        ({"mask": ("a.png", png(Image.new("RGB", SIZE)))}, {}, "mask", "no transparency"),
        ({"mask": ("a.png", png(Image.new("RGBA", (8, 8))))}, {}, "mask", "the mask is 8x8 and the image 80x60"),
    ],
)
def test_a_bad_field_is_named(
    server: Running, given: dict[str, Any], body: dict[str, Any], param: str, sentence: str
) -> None:
    usual: dict[str, Any] = {"image": _picture(1), "prompt": "a dog"}
    quick = {name: value for name, value in QUICK.items() if name not in given}
    with pytest.raises(openai.BadRequestError, match=sentence) as caught:
        server.client().images.edit(**{**usual, **given}, extra_body={**quick, **body})
    error: Any = caught.value.body
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"


def test_what_is_not_understood_comes_with_its_code(server: Running) -> None:
    free = {"method": "sdedit", "steps": 2, "size": "64", "attempts": 1, "constrain": "false"}
    with pytest.raises(openai.BadRequestError) as caught:
        server.client().images.edit(image=_picture(1), prompt="qwertz uiop", extra_body=free)
    assert caught.value.code == "not_understood"


def test_another_model_than_that_here_is_not_found(server: Running) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        server.client().images.edit(image=_picture(1), prompt="a dog", model="gpt-image-1")
    assert caught.value.code == "model_not_found"
    assert [model.id for model in server.client().models.list()] == ["tiny"]
    assert server.client().models.retrieve("tiny").owned_by == "onthefly"


def test_the_key_is_asked_for_everywhere_but_for_health(shared_editor: Editor) -> None:
    with running(shared_editor, key="sesame") as one:
        assert one.client("sesame").models.list().data[0].id == "tiny"
        with pytest.raises(openai.AuthenticationError):
            one.client("sesam").models.list()
        assert [one.get(path).status_code for path in ("/health", "/metrics", "/v1/models")] == [200, 401, 401]
        assert one.edits({}).status_code == 401


def _many_at_once(server: Running, clients: int, pictures: int) -> None:
    """Every client gets its own picture's edit: its recipe holds the digest of the picture and the instruction."""
    start = threading.Barrier(clients)

    def edit(number: int) -> tuple[str, str]:
        start.wait()
        client = server.client()
        body = {**QUICK, "seed": number}
        answer = client.images.edit(image=_picture(number % pictures), prompt=f"dog {number}", extra_body=body)
        assert answer.data is not None
        recipe = read_recipe(_sent(answer.data[0].b64_json))
        options: Any = recipe["options"]
        assert options["seed"] == number
        return str(recipe["instruction"]), str(recipe["source_sha256"])

    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(edit, range(clients)))
    assert [instruction for instruction, _ in found] == [f"dog {number}" for number in range(clients)]
    digests = [digest for _, digest in found]
    assert len(set(digests)) == pictures
    assert all(digest == digests[number % pictures] for number, digest in enumerate(digests))


def test_many_clients_at_once_lose_nothing_and_mix_up_nothing(server: Running) -> None:
    _many_at_once(server, clients=8, pictures=4)


@pytest.mark.slow
def test_sixty_four_clients_at_once_lose_nothing_mix_up_nothing_and_keep_memory_bounded(server: Running) -> None:
    _many_at_once(server, clients=8, pictures=4)  # whatever is loaded at first
    before = psutil.Process().memory_info().rss
    for _ in range(2):
        _many_at_once(server, clients=64, pictures=16)
    grown = (psutil.Process().memory_info().rss - before) / 2**20
    assert grown < 150, f"{grown:.0f} MB more after 128 requests"  # one decoded request is below 1 MB
    assert (server.queue.running, len(server.queue)) == (0, 0)
