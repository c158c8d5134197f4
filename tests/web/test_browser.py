"""The page in a real browser: Debian's chromium, headless, driven by Playwright."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pix2pix_onthefly.pictures.saving import read_recipe
from pix2pix_onthefly.world.renderer import render
from pix2pix_onthefly.world.scenes import Scene, SceneObject

pytest.importorskip("gradio", reason="the extra `web` is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed; apt-get install chromium")

LONGEST = 180_000
"""Milliseconds that anything may take, on a busy machine."""
INSTRUCTION = "#instruction :is(textarea, input)"
PAIR = Scene("white", (SceneObject("car", "red", 0.27, 0.56, 0.44), SceneObject("balloon", "yellow", 0.73, 0.56, 0.42)))


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its files."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def address(temporary: Path) -> Iterator[str]:
    """The page, served by the command."""
    command = [sys.executable, "-m", "pix2pix_onthefly", "web", "--port", "0", "--family", "mini", "--device", "cpu"]
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.search(r"http://\S+", line):
                yield found[0]
                break
        server.terminate()
        server.wait(60)
    assert not list(temporary.glob("onthefly-web-*")), "files of visits outlive the server"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, freshly opened, that must fetch nothing from elsewhere and raise no error in the browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(LONGEST)
    fetched: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda one: fetched.append(one.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(address)
    opened.wait_for_selector("#edit")
    yield opened
    context.close()
    assert [url for url in fetched if not url.startswith((address, "data:", "blob:"))] == []
    assert errors == []


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    render(PAIR, 128).save(tmp_path / "pair.png")
    return tmp_path / "pair.png"


def _drop(page: Any, path: Path) -> None:
    page.set_input_files("#picture input[type=file]", str(path))
    page.wait_for_selector("#picture img")
    page.wait_for_timeout(500)  # until the page has told the server


def _ended(page: Any, start: Any) -> float:
    """Seconds that an edit takes once something has started it."""
    started = time.perf_counter()
    start()
    page.wait_for_selector("#stop:not([disabled])")
    page.wait_for_selector("#edit:not([disabled])")
    return time.perf_counter() - started


def _texts(page: Any) -> list[str]:
    return [page.input_value(f"#{name} textarea") for name in ("caption", "before", "after")]


def test_drop_ask_back_correct_undo_and_download(page: Any, pair: Path, tmp_path: Path) -> None:
    """The whole of a visit: each step needs what the one before it left."""
    _drop(page, pair)
    page.fill(INSTRUCTION, "make it blue")
    first = _ended(page, lambda: page.press(INSTRUCTION, "Enter"))
    caption, before, after = _texts(page)
    assert caption == before == "a red car next to a yellow balloon on a white background"
    assert after == "a blue car next to a yellow balloon on a white background"
    answers = page.locator("#question button:visible")
    assert answers.all_inner_texts() == ["the red car", "the yellow balloon"]

    _ended(page, answers.nth(1).click)
    assert _texts(page)[2] == "a red car next to a blue balloon on a white background"
    assert not page.is_visible("#question")

    page.fill("#after textarea", "a red car next to a green balloon on a white background")
    again = _ended(page, lambda: page.click("#again"))
    told = page.inner_text("#status")
    assert "edit" in told
    assert not re.search("caption|rewrite|reconstruct|invert", told)
    assert again < first, f"an edit with corrected captions took {again:.1f} s, the first one {first:.1f} s"
    assert page.locator("#history img").count() == 3

    page.click("#undo")
    page.wait_for_function("document.querySelector('#after textarea').value.includes('blue balloon')")
    assert page.locator("#history img").count() == 3
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "edited.png")
    recipe: Any = read_recipe(tmp_path / "edited.png")
    assert recipe["instruction"] == "make it blue"
    assert recipe["captions"]["after"] == ["a red car next to a blue balloon on a white background"]

    page.reload()
    page.wait_for_selector("#edit")
    _drop(page, tmp_path / "edited.png")
    page.wait_for_selector("#notices >> text=carries a recipe")
    assert page.input_value(INSTRUCTION) == "make it blue"


def test_an_edit_shows_its_steps_and_pictures_on_the_way_and_stops_within_a_step(page: Any, pair: Path) -> None:
    _drop(page, pair)
    page.click("#settings > button")
    _fill_setting(page, "steps", "999")
    page.fill(INSTRUCTION, "make the car blue")
    page.click("#edit")
    page.wait_for_selector("#status >> text=/step [0-9]+ of/")
    first = _preview(page)
    page.wait_for_function("src => document.querySelector('#preview img')?.src !== src", arg=first["src"])
    assert _preview(page)["size"] == [128, 128]
    page.wait_for_function("() => document.querySelector('#status progress')?.value > 0")
    before = _step(page.inner_text("#status"))
    page.click("#stop")
    page.wait_for_selector("#status >> text=/Stopped at step [0-9]+ of [0-9]+/")
    assert before <= _step(page.inner_text("#status")) < before + 300
    assert page.is_enabled("#edit")
    assert not page.is_visible("#preview")
    _fill_setting(page, "steps", "9999")
    page.click("#edit")
    page.wait_for_selector("#notices >> text=Steps must lie between 2 and 999")


def _fill_setting(page: Any, name: str, value: str) -> None:
    page.fill(f"#setting-{name} :is(textarea, input)", value)


def _step(status: str) -> int:
    found = re.search(r"step ([0-9]+) of", status)
    assert found, status
    return int(found[1])


def _preview(page: Any) -> Any:
    """Address and size in pixels of the picture on its way."""
    return page.wait_for_function(
        """() => {
            const image = document.querySelector('#preview img');
            return image?.naturalWidth && {src: image.src, size: [image.naturalWidth, image.naturalHeight]};
        }"""
    ).json_value()


def test_what_is_painted_limits_the_edit_and_candidates_can_be_chosen(page: Any, pair: Path) -> None:
    _drop(page, pair)
    page.click("#brush_box > button")
    canvas = page.locator("#brush canvas").first
    canvas.wait_for()
    page.wait_for_timeout(2000)  # the picture is laid under the brush
    box = canvas.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    for step in range(10):
        page.mouse.move(middle[0] - 6 * step, middle[1] + step % 2)
    page.mouse.up()
    page.wait_for_timeout(1500)
    page.click("#settings > button")
    _fill_setting(page, "candidates", "2")
    _fill_setting(page, "steps", "6")
    page.fill(INSTRUCTION, "make the car blue")
    _ended(page, lambda: page.click("#edit"))
    page.click("#recipe_box > button")
    assert "mask_sha256" in page.inner_text("#recipe")
    chosen = page.locator("#candidates img").nth(1).get_attribute("src")
    page.locator("#candidates button.thumbnail-item").nth(1).click()
    page.wait_for_function("src => document.querySelector('#pictures').innerHTML.includes(src)", arg=chosen)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(browser: Any, address: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(LONGEST)
    page.goto(address)
    page.wait_for_selector("#edit")
    page.click("#examples tr >> text=make it blue")
    page.wait_for_function("document.querySelector('#instruction').querySelector('textarea, input').value")
    _ended(page, lambda: page.press(INSTRUCTION, "Enter"))
    page.wait_for_timeout(1000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#slider").bounding_box()["width"] <= 390
    dark = page.evaluate("document.body.classList.contains('dark')")
    assert dark == (scheme == "dark")
    context.close()


def test_files_of_visits_are_this_users_alone(page: Any, pair: Path, temporary: Path) -> None:
    _drop(page, pair)
    (folder,) = temporary.glob("onthefly-web-*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert any(folder.rglob("pair.png"))
