"""Edits are watched and stopped."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from PIL import Image

from pix2pix_onthefly.web.watching import StoppedError, Watch, Watched


def test_every_change_is_seen_and_the_result_comes_last() -> None:
    stop = threading.Event()

    def work(progress: Watch) -> str:
        for step in range(1, 4):
            progress("edit", step, 3)
            time.sleep(0.02)
        return "made"

    working = Watched(work, Watch(stop), stop)
    seen = list(working)
    assert seen[-1].done == 3
    assert working.made == "made"


def test_a_stop_ends_the_work_at_its_next_step() -> None:
    stop, steps = threading.Event(), []

    def work(progress: Watch) -> None:
        for step in range(1000):
            progress("edit", step, 1000)
            steps.append(step)
            assert step < 3 or stop.wait(60)

    working = Watched(work, Watch(stop), stop)
    for seen in working:
        if seen.done == 3:
            stop.set()
    with pytest.raises(StoppedError, match="Stopped at step 4 of 1000"):
        _ = working.made
    assert steps == [0, 1, 2, 3]


def test_work_stops_when_nobody_looks_any_more() -> None:
    stop = threading.Event()

    def work(progress: Watch) -> None:
        while True:
            progress("edit", 1, 2)
            time.sleep(0.01)

    looking = iter(Watched(work, Watch(stop), stop))
    next(looking)
    looking.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert stop.is_set()


def test_an_error_is_handed_over() -> None:
    def work(progress: Watch) -> None:
        raise ValueError("broken")

    stop = threading.Event()
    working = Watched(work, Watch(stop), stop)
    list(working)
    with pytest.raises(ValueError, match="broken"):
        _ = working.made


def test_latents_on_the_way_are_shown_until_the_last_step() -> None:
    watch = Watch(threading.Event(), lambda latents: Image.new("L", (1, 1), int(latents.sum())))
    watch("edit", 1, 2)
    watch.preview([torch.full((1, 1, 1, 1), 7.0)])
    assert watch.seen.preview is not None
    assert watch.seen.preview.getpixel((0, 0)) == 7
    watch("edit", 2, 2)
    watch.preview([torch.full((1, 1, 1, 1), 9.0)])
    assert watch.seen.preview.getpixel((0, 0)) == 7


def test_decoding_previews_takes_a_fifth_of_an_edit_at_most() -> None:
    now, decoded = [0.0], []

    def decode(latents: torch.Tensor) -> Image.Image:
        decoded.append(now[0])
        now[0] += 1.0
        return Image.new("L", (1, 1))

    watch = Watch(threading.Event(), decode, lambda: now[0])
    for step in range(1, 20):
        watch("edit", step, 20)
        watch.preview([torch.zeros(1, 1, 1, 1)])
        now[0] += 1.0
    assert decoded == [0.0, 5.0, 10.0, 15.0, 20.0]
