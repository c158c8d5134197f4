"""From what a vision-language model writes to a caption."""

from __future__ import annotations

import pytest

from pix2pix_onthefly.captioning.tidying import MOST_TOKENS, caption_of


@pytest.mark.parametrize(
    ("written", "caption"),
    [
        ("A cat on a sofa.", "a cat on a sofa"),
        ("The image shows a cat\non a sofa. It is red.\n", "a cat on a sofa. it is red"),
        ("In this picture, a cat sleeps", "a cat sleeps"),
        ('"A cat"', "a cat"),
        ("The image of a saint in a chapel", "the image of a saint in a chapel"),
        ("", ""),
    ],
)
def test_a_caption_is_one_line_without_preamble_and_full_stop(written: str, caption: str) -> None:
    assert caption_of(written) == caption


def test_what_text_encoders_do_not_read_is_cut_after_a_sentence_or_a_word() -> None:
    sentences = caption_of("A cat sits on a red sofa by the window. " * 20)
    assert sentences.endswith("window")
    assert len(sentences.split()) <= MOST_TOKENS
    words = caption_of("word " * 200)
    assert words == " ".join(["word"] * MOST_TOKENS)
