"""Pix2Pix-OnTheFly as a custom pipeline of diffusers, over `Editor.from_pipeline`.

pipe = DiffusionPipeline.from_pretrained(
    "stabilityai/stable-diffusion-xl-base-1.0", custom_pipeline="integrations/diffusers", trust_remote_code=True
)
pipe(image, "make the cat a dog").images[0]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput
from PIL import Image

from pix2pix_onthefly import Editor, EditResult


@dataclass
class OnTheFlyOutput(BaseOutput):
    """What an edit made.

    Attributes:
        images: the edited picture, and behind it the other candidates where several were asked for.
        result: everything else: captions, region, reconstruction, recipe.
    """

    images: list[Image.Image]
    result: EditResult


class OnTheFlyPipeline(DiffusionPipeline):
    """Edits a picture as an instruction or captions say, with the networks of Stable Diffusion, SDXL, SD3 or FLUX.

    Args:
        vae, scheduler, text_encoder, tokenizer: what all of them have.
        unet, transformer: one of them.
        text_encoder_2, tokenizer_2, text_encoder_3, tokenizer_3: where the model has them.
        force_zeros_for_empty_prompt: of SDXL.
    """

    _optional_components: ClassVar[list[str]] = [
        "unet",
        "transformer",
        "text_encoder_2",
        "tokenizer_2",
        "text_encoder_3",
        "tokenizer_3",
    ]

    def __init__(
        self,
        vae: Any,
        scheduler: Any,
        text_encoder: Any,
        tokenizer: Any,
        unet: Any = None,
        transformer: Any = None,
        text_encoder_2: Any = None,
        tokenizer_2: Any = None,
        text_encoder_3: Any = None,
        tokenizer_3: Any = None,
        force_zeros_for_empty_prompt: bool = True,
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae,
            scheduler=scheduler,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            transformer=transformer,
            text_encoder_2=text_encoder_2,
            tokenizer_2=tokenizer_2,
            text_encoder_3=text_encoder_3,
            tokenizer_3=tokenizer_3,
        )
        self.register_to_config(force_zeros_for_empty_prompt=force_zeros_for_empty_prompt)
        self._made: tuple[tuple[Any, ...], Editor] | None = None

    def editor(self, family: str | None = None) -> Editor:
        """The editor over these networks, kept until they are moved or replaced.

        Args:
            family: whose captioner and language model are used; as of `Editor.from_pipeline`.
        """
        state = (family, self.device, self.dtype, *map(id, self.components.values()))
        if self._made is None or self._made[0] != state:
            self._made = state, Editor.from_pipeline(self, family)
        return self._made[1]

    def __call__(
        self,
        image: Any,
        instruction: str = "",
        *,
        caption: str | None = None,
        before: str | Sequence[str] = (),
        after: str | Sequence[str] = (),
        mask: Any = None,
        family: str | None = None,
        **options: Any,
    ) -> OnTheFlyOutput:
        """Edits one picture.

        Args:
            image: a picture, or the path of one.
            instruction: what should change, for the family's language model.
            caption: what the picture shows; the family's captioner says it if it is not given, or the first
                before-caption does.
            before, after: captions of the picture before and after the edit, in place of an instruction.
            mask: white where something may change.
            family: whose captioner and language model are used.
            options: settings by flat names, such as `steps=50` or `method="attention"`.

        Raises:
            OnTheFlyError: with a sentence for the user.
        """
        editor = self.editor(family)
        if caption is None and before:
            caption = before if isinstance(before, str) else before[0]
        progress_bar: Any = self.progress_bar
        with progress_bar(total=1) as bar:

            def show(stage: str, done: int, total: int) -> None:
                bar.set_description(stage, refresh=False)
                bar.total, bar.n = max(total, 1), done
                bar.refresh()

            result = editor.edit(
                image,
                instruction,
                options=editor.options(**options),
                caption=caption,
                before=before,
                after=after,
                mask=mask,
                progress=show,
            )
        return OnTheFlyOutput(images=[result.image, *(other.image for other in result.others)], result=result)
