"""The processor of an image-text-to-text model: what lays pictures and texts out for it.

transformers loads processors of models that see videos with a part for those, which needs torchvision. Pictures need
none, so that the parts are put together here without it. Classes are always the library's own.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any


class _WithoutVideos:
    """For processor classes: a part that is not there is of the right class, and no conversation asks for it."""

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
        """As of the library, but for what is None."""
        own: Any = super()
        return None if argument is None else own.check_argument_for_proper_class(argument_name, argument)

    def apply_chat_template(self, *arguments: Any, **named: Any) -> Any:
        """As of all processors; SmolVLM's own first asks its part for videos how many pictures a video has."""
        from transformers import ProcessorMixin

        lacks = getattr(self, "video_processor", self) is None  # itself where its kind knows of no videos
        every: Any = ProcessorMixin
        own: Any = super()
        return (partial(every.apply_chat_template, self) if lacks else own.apply_chat_template)(*arguments, **named)


class PictureProcessor:
    """Loads processors for `loading.py`, as the libraries' `Auto` classes do."""

    @staticmethod
    def from_pretrained(folder: str, *, local_files_only: bool, trust_remote_code: bool) -> Any:
        """The processor of the model in a folder, for pictures and texts alone.

        Raises:
            Exception: of any kind, where the files are none of a processor.
        """
        from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer
        from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

        own: dict[str, Any] = {"local_files_only": local_files_only, "trust_remote_code": trust_remote_code}
        settings = AutoConfig.from_pretrained(folder, **own)
        if type(settings) not in PROCESSOR_MAPPING:
            raise ValueError(f"transformers has no processor of pictures and texts for the kind {settings.model_type}")
        known: Any = PROCESSOR_MAPPING[type(settings)]
        kind: Any = type(known.__name__, (_WithoutVideos, known), {})
        parts = {
            "image_processor": AutoImageProcessor.from_pretrained(folder, backend="pil", **own),
            "tokenizer": AutoTokenizer.from_pretrained(folder, **own),
        }
        kept, _ = kind.get_processor_dict(str(Path(folder)), local_files_only=local_files_only)
        return kind.from_args_and_dict([parts.get(name) for name in kind.get_attributes()], kept)
