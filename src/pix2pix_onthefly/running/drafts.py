"""An edit on its way through the stages: each stage makes a new record of the one before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from PIL import Image
from torch import Tensor

from ..errors import OnTheFlyError
from ..options import MOST_SEED, EditOptions
from ..pictures.digest import picture_digest
from ..records import EditCaptions, Inverted, Prepared, Reconstruction, SourcePredictions
from .jobs import Job

Size = tuple[int, int]


@dataclass(frozen=True)
class Draft:
    """What is known of a job so far.

    Attributes:
        job: as given.
        original, source: the picture at its own size, and at the size it is worked on.
        digest: of `source`: what stages share is known by it, never by where an object lies in memory.
        caption, captions, latents, inverted, reference, predictions: None until their stage is over.
        seconds: spent in each stage; what several jobs share is shared out among them.
        error: why it goes no further.
    """

    job: Job
    original: Image.Image = field(repr=False)
    source: Image.Image = field(repr=False)
    digest: str = ""
    caption: str | None = None
    captions: EditCaptions | None = None
    latents: Tensor | None = field(default=None, repr=False)
    inverted: Inverted | None = field(default=None, repr=False)
    reference: Reconstruction | None = field(default=None, repr=False)
    predictions: SourcePredictions | None = field(default=None, repr=False)
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    error: OnTheFlyError | None = None

    @classmethod
    def begun(cls, job: Job, source: Image.Image | None = None) -> Draft:
        """The draft of a job.

        Args:
            source: its picture at the working size; None for a prepared one, which has it.
        """
        ready = job.picture
        if isinstance(ready, Prepared):
            return cls(
                job,
                ready.original,
                ready.source,
                picture_digest(ready.source),
                ready.caption,
                job.captions,
                ready.latents,
                ready.inverted,
                ready.reference,
                ready.predictions,
                dict(ready.seconds),
            )
        assert source is not None
        return cls(job, ready, source, picture_digest(source), job.caption, job.captions)

    @property
    def options(self) -> EditOptions:
        """Settings of the job."""
        return self.job.options

    @property
    def size(self) -> Size:
        """Width and height that are worked on."""
        return self.source.size

    def candidates(self) -> list[Draft]:
        """A draft for each candidate, with the settings that make it alone; itself where one is asked for."""
        options = self.options
        if options.candidates == 1:
            return [self]
        alone = [
            replace(options, seed=(options.seed + number) % (MOST_SEED + 1), candidates=1, best=False)
            for number in range(options.candidates)
        ]
        return [replace(self, job=replace(self.job, options=own)) for own in alone]

    def timed(self, stage: str, seconds: float) -> Draft:
        """With the time that a stage took added."""
        return replace(self, seconds={**self.seconds, stage: self.seconds.get(stage, 0.0) + seconds})

    def prepared(self) -> Prepared:
        """As the record that methods read."""
        assert self.caption is not None
        return Prepared(
            original=self.original,
            rgba=self.job.original_rgba,
            source=self.source,
            latents=self.latents,
            caption=self.caption,
            options=self.options,
            inverted=self.inverted,
            reference=self.reference,
            predictions=self.predictions,
            seconds=self.seconds,
        )
