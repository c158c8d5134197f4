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
            time.sleep(0.01)

    working = Watched(work, Watch(stop), stop)
    for seen in working:
        if seen.done >= 2:
            stop.set()
    with pytest.raises(StoppedError):
        _ = working.made
    assert len(steps) < 20


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
