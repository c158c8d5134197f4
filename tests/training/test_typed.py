"""The sixty instructions as people type them: done or told, and at most three silently wrong."""

from __future__ import annotations

from collections import Counter

from pix2pix_onthefly import Editor
from training.typed import DONE, WRONG, answers_of, read_typed


def test_at_most_three_of_sixty_are_silently_wrong() -> None:
    answers = answers_of(Editor.load("mini", device="cpu"), read_typed())
    verdicts = Counter(answer.verdict for answer in answers)
    assert len(answers) == 60
    assert verdicts[WRONG] <= 3
    assert verdicts[DONE] >= 30
