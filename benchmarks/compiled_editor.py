"""Whether compiling the UNet pays for an editor that lives long.

    python -m benchmarks.compiled_editor                  # the first 50 edits of MiniBrush dev, one at a time

Makes the same edits with the UNet as it is and with `torch.compile`, which compiles in the first edits, and prints
the seconds of all edits and of the later half, in which nothing is compiled any more, and how far pixels differ.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.evaluation.data.named_sets import open_dataset
from pix2pix_onthefly.pictures.opening import open_picture

from .machine import describe


def edit_all(editor: Editor, edits: Sequence[tuple[Path, str]]) -> tuple[list[float], list[Image.Image]]:
    """Seconds of each edit, and the pictures; what was not understood is edited all the same."""
    options = editor.options(force=True)
    seconds: list[float] = []
    pictures: list[Image.Image] = []
    for path, instruction in edits:
        started = time.perf_counter()
        pictures.append(editor.edit(path, instruction, options=options).image)
        seconds.append(time.perf_counter() - started)
        print(f"{len(seconds)} of {len(edits)}: {seconds[-1]:.2f} s", file=sys.stderr, flush=True)
    return seconds, pictures


def main() -> None:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50, help="edits, at least 2")
    count = parser.parse_args().count
    if count < 2:
        parser.error("--count must be at least 2")
    with tempfile.TemporaryDirectory() as folder:
        turns = open_dataset("minibrush:dev", Path(folder)).turns[:count]
        edits = [(turn.source, turn.instruction) for turn in turns]
        [open_picture(path) for path, _ in edits]  # rendered before anything is timed
        editor = Editor.load("mini")
        plain, pictures = edit_all(editor, edits)
        network: Any = getattr(editor.models.diffusion, "unet", None)
        network.compile(dynamic=False)
        compiled, others = edit_all(editor, edits)
    differences = [
        int(np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max())
        for one, other in zip(pictures, others, strict=True)
    ]
    half = count // 2
    rows = {"plain": plain, "compiled": compiled}
    print(f"{describe(editor.device)}\n\n| UNet | seconds, {count} edits | an edit of the later half |\n|---|---|---|")
    for name, seconds in rows.items():
        print(f"| {name} | {sum(seconds):.1f} | {sum(seconds[half:]) / (count - half):.2f} |")
    found: dict[str, Any] = {
        name: {"all": sum(seconds), "later": sum(seconds[half:])} for name, seconds in rows.items()
    }
    print(json.dumps({**found, "largest_difference": max(differences)}))


if __name__ == "__main__":
    main()
