"""What can go wrong for reasons a user can mend. Each message says what is wrong and what to do about it."""

from __future__ import annotations


class OnTheFlyError(Exception):
    """Base of all errors that are shown to the user as one sentence (exit code 2 on the command line)."""


class InputError(OnTheFlyError):
    """A file, an instruction or a value that cannot be used."""


class OptionError(OnTheFlyError, ValueError):
    """An option out of its range, or two that do not go together."""


class OutputError(OnTheFlyError):
    """A result that cannot be written where it was asked for."""


class ModelUnavailableError(OnTheFlyError):
    """Weights that are not on this machine and cannot be had."""


class LanguageModelError(ModelUnavailableError):
    """A language model behind an endpoint that does not answer, or not as it should."""


class RefusedAnswerError(OnTheFlyError):
    """A question that a language model behind an endpoint does not answer; another one it may."""


class StandardOutputError(OutputError):
    """Standard output that takes no more: it is closed, full, or a pipe whose reader is gone.

    Args:
        message: the sentence.
        reader_gone: it is a pipe, and nothing is lost but what its reader did not want.
    """

    def __init__(self, message: str, *, reader_gone: bool = False) -> None:
        super().__init__(message)
        self.reader_gone = reader_gone


class NotUnderstoodError(OnTheFlyError):
    """An instruction that no edit should be made of (exit code 3 on the command line).

    Attributes:
        captions: the `EditCaptions`, with what was understood and a question if there is one.
    """

    def __init__(self, message: str, captions: object = None) -> None:
        super().__init__(message)
        self.captions = captions
