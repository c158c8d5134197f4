"""Whether compiling the UNet pays for an editor that lives long.

    python -m benchmarks.compiled_editor                  # the first 50 edits of MiniBrush dev, one at a time

Makes the same edits with the UNet as it is and with `torch.compile`, which compiles in the first edits, and prints
the seconds of all edits, the processor's seconds of an edit of the later half, in which nothing is compiled any more
(other work on the machine does not change these), and how far pixels differ.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pix2pix_onthefly.editor import Editor
from pix2pix_onthefly.evaluation.data.named_sets import open_dataset
from pix2pix_onthefly.pictures.opening import open_picture

from .machine import describe


@dataclass(frozen=True)
class Edits:
    """Edits one at a time.

    Attributes:
        seconds: of each.
        busy: the processor's, of each.
    """

    seconds: list[float]
    busy: list[float]
    pictures: list[Image.Image]

    def later(self) -> float:
        """The processor's mean seconds an edit, of the later half."""
        return statistics.fmean(self.busy[len(self.busy) // 2 :])


def edit_all(editor: Editor, edits: Sequence[tuple[Path, str]]) -> Edits:
    """Makes the edits; what was not understood is edited all the same."""
    options = editor.options(force=True)
    made = Edits([], [], [])
    for path, instruction in edits:
        started, busy = time.perf_counter(), time.process_time()
        made.pictures.append(editor.edit(path, instruction, options=options).image)
        made.seconds.append(time.perf_counter() - started)
        made.busy.append(time.process_time() - busy)
        print(f"{len(made.seconds)} of {len(edits)}: {made.seconds[-1]:.2f} s", file=sys.stderr, flush=True)
    return made


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
        plain = edit_all(editor, edits)
        network: Any = getattr(editor.models.diffusion, "unet", None)
        network.compile(dynamic=False)
        compiled = edit_all(editor, edits)
    differences = [
        int(np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max())
        for one, other in zip(plain.pictures, compiled.pictures, strict=True)
    ]
    rows = {"plain": plain, "compiled": compiled}
    print(f"{describe(editor.device)}\n\n| UNet | seconds, {count} edits | of the processor, a later edit |")
    print("|---|---|---|")
    for name, made in rows.items():
        print(f"| {name} | {sum(made.seconds):.1f} | {made.later():.2f} |")
    found = {name: {"all": round(sum(made.seconds), 1), "later": round(made.later(), 3)} for name, made in rows.items()}
    print(json.dumps({**found, "largest_difference": max(differences)}))


if __name__ == "__main__":
    main()
