"""Messages lose the folders of the machine they were made on, and nothing else."""

from __future__ import annotations

import pytest

from pix2pix_onthefly.evaluation.report.base_names import base_names


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("/home/someone/set/images/7/7-input.png cannot be read (denied)", "7-input.png cannot be read (denied)"),
        ("/home/someone/my sets/mini brush/7.png cannot be read", "7.png cannot be read"),
        ("'/data/a.png' and /data/b.png differ; see (/tmp/log/)", "'a.png' and b.png differ; see (log)"),
        ("~/weights/clip is no folder", "clip is no folder"),
        ("file:///home/me/a.png is empty", "a.png is empty"),
        (r"C:\Users\John Smith\pic.png is bad", "pic.png is bad"),
        (r"\\server\share\pic.png is bad", "pic.png is bad"),
    ],
)
def test_paths_are_cut_to_their_last_names(message: str, shown: str) -> None:
    assert base_names(message) == shown


@pytest.mark.parametrize(
    "message",
    [
        "see https://host.example/a/b.html",
        "package:mini/clip and openai/clip-vit-base-patch32",
        "turn 1/2 and/or a / b",
        "results/a.jsonl holds no edit",
        "",
    ],
)
def test_what_is_no_absolute_path_stays(message: str) -> None:
    assert base_names(message) == message
