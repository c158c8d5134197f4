"""The golden files of every form of the prompt: python -m tests.rewriting.golden_prompts writes them anew.

What they hold is the paper's Fig. 3 to 6 with the examples that a request with seed 0 gets. They were checked by eye
against the figures; a change to them is a change of the method.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from pix2pix_onthefly.language.prompts import as_text
from pix2pix_onthefly.rewriting.formats import FORMATS, WORDINGS, build_prompt
from pix2pix_onthefly.rewriting.pool import load_pool, sample_examples

FOLDER = Path(__file__).with_name("golden")
INSTRUCTION = "Make it a dog"
CAPTION = "A photo of an orange cat."


def golden_prompts() -> Iterator[tuple[str, str]]:
    """File name and text of each form."""
    pool = load_pool("photographs")
    for format, wording, count, shots, locked in product(FORMATS, WORDINGS, (1, 2, 4), (0, 1, 3), (True, False)):
        caption = CAPTION if locked else None
        examples = sample_examples(pool, shots, count, seed=0, instruction=INSTRUCTION, caption=caption)
        prompt = build_prompt(
            INSTRUCTION, count=count, wording=wording, examples=examples, first_caption=caption, format=format
        )
        name = f"{format}-{wording}-{count}-captions-{shots}-shots-{'locked' if locked else 'free'}.txt"
        yield name, as_text(prompt)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.glob("*.txt"):
        file.unlink()
    for name, text in golden_prompts():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="")
    print(f"{len(list(FOLDER.iterdir()))} files: {FOLDER}")


if __name__ == "__main__":
    main()
