"""Settings of the stages before an edit is made: inversion, and captions before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .settings import Options, setting

SEES_PICTURE = "sees-picture"


@dataclass(frozen=True, kw_only=True)
class InversionOptions(Options):
    """How the noise that regenerates a picture is found (paper 3.1).

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    title: ClassVar[str] = "inversion"

    kind: str = setting(
        "aligned",
        "DDIM inversion: `aligned` visits every sampling step, `reference` is pix2pix-zero's own, which drops the "
        "first and the last; `null-text` optimises the empty text besides, so that guided sampling gives the picture "
        "back (methods ddim and prompt-to-prompt).",
        choices=("aligned", "reference", "null-text"),
        flag="inversion",
    )
    regularisation_rounds: int = setting(
        0,
        "Rounds of noise regularisation at each inversion step; pix2pix-zero uses 5, 0 turns it off.",
        minimum=0,
        maximum=50,
    )
    auto_correlation_rolls: int = setting(
        5, "Auto-correlation gradient steps in each round of regularisation.", minimum=0, maximum=50
    )
    auto_correlation_weight: float = setting(
        20.0, "Weight of the auto-correlation term of the regularisation.", minimum=0.0, maximum=1000.0
    )
    kl_weight: float = setting(
        20.0, "Weight of the Kullback-Leibler term of the regularisation.", minimum=0.0, maximum=1000.0
    )

    null_text_steps: int = setting(
        10,
        "Most gradient steps on the empty text at each sampling step of null-text inversion.",
        minimum=1,
        maximum=500,
    )
    null_text_tolerance: float = setting(
        1e-5,
        "Mean squared distance from the inversion's latents at which null-text inversion goes on to the next step; it "
        "grows by 0.001 towards the last.",
        minimum=0.0,
        maximum=1.0,
    )
    null_text_rate: float = setting(
        0.01,
        "Learning rate of null-text inversion at the first step; it falls to half of that.",
        minimum=0.0,
        maximum=1.0,
    )

    @property
    def random(self) -> bool:
        """Whether the noise depends on the seed: only the shifts of the auto-correlation are drawn."""
        return self.regularisation_rounds > 0 and self.auto_correlation_rolls > 0 and self.auto_correlation_weight > 0


@dataclass(frozen=True, kw_only=True)
class RewritingOptions(Options):
    """How the language model turns an instruction into captions (paper 3.2 and 5).

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    title: ClassVar[str] = "captions before and after"

    rewriter: str = setting(
        "language-model",
        "Who writes them: `language-model` reads the instruction and the captioner's caption, `sees-picture` is the "
        "captioner itself, which sees the picture and writes its caption along with them; it needs a chat template.",
        choices=("language-model", SEES_PICTURE),
    )
    captions: int = setting(
        1,
        "How many captions the language model writes for each side (paper: 1, 2, 4).",
        minimum=1,
        maximum=16,
        common=True,
    )
    shots: int = setting(1, "How many examples the prompt holds (paper: 0, 1, 3).", minimum=0, maximum=32, common=True)
    wording: str = setting("terse", "Which wording of the prompt is used (paper 5.1).", choices=("terse", "detailed"))
    lock_first_caption: bool = setting(True, "Give the image's caption as the first before-caption (paper 5.4).")
    attempts: int = setting(
        10, "How often the language model is asked until its reply can be read.", minimum=1, maximum=100
    )
    temperature: float = setting(
        0.0,
        "Sampling temperature of the first reply, 0 for greedy; later attempts sample at 1 or above.",
        minimum=0.0,
        maximum=5.0,
    )
    constrain: bool | None = setting(
        None,
        "Hold the language model's reply to its form, token by token; if not given, where llguidance is installed.",
    )
    as_typed: bool = setting(
        False,
        "Give the instruction to the language model as typed; otherwise capitals, politeness and slips are tidied.",
    )
    full_stops: bool = setting(
        False,
        "Let the text encoder see the full stops that language models end captions with; captioners write none, so "
        "that they would count as part of the change.",
    )
    force: bool = setting(False, "Edit although the instruction was not understood.", common=True)

    @property
    def sees_picture(self) -> bool:
        """Whether the captioner writes all captions."""
        return self.rewriter == SEES_PICTURE
