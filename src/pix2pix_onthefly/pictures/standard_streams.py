"""Pictures through pipes: `-` in place of a file name means standard input, or standard output."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ..errors import InputError, OutputError, StandardOutputError

DASH = "-"
MAX_BYTES = 500_000_000
"""Of what is read from a stream: a picture of the largest size, stored plainly at eight bytes a pixel, fits."""


def is_dash(path: object) -> bool:
    """Whether a name means a standard stream; a file of that name is `./-`."""
    return isinstance(path, str | Path) and str(path) == DASH


def read_bounded(stream: IO[bytes], name: str) -> bytes:
    """All bytes of a stream.

    Raises:
        InputError: it cannot be read, holds text, or more than `MAX_BYTES`.
    """
    try:
        data: Any = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be read ({error}); give an open file or a file's name") from error
    if not isinstance(data, bytes | bytearray):
        raise InputError(f"{name} gives text, not bytes; open the file in binary mode, 'rb'")
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} holds more than {MAX_BYTES // 10**6} MB; give a smaller picture")
    return bytes(data)


def read_standard_input() -> bytes:
    """All bytes of standard input.

    Raises:
        InputError: it is closed, a terminal, or holds too much.
    """
    stream: Any = sys.stdin  # None where it was closed when the program began
    if stream is None or stream.closed:
        raise InputError("standard input is closed; send a picture into it, or give a file's name")
    if stream.isatty():
        raise InputError("standard input is a terminal; send a picture into it, or give a file's name")
    return read_bounded(getattr(stream, "buffer", stream), "standard input")


def check_standard_output() -> None:
    """Makes sure, before any work is done, that a picture can be sent to standard output.

    Raises:
        OutputError: it is closed, or a terminal, which would show the bytes.
    """
    stream: Any = sys.stdout  # None where it was closed when the program began
    if stream is None or stream.closed:
        raise StandardOutputError("standard output is closed; give a file's name")
    if not hasattr(stream, "buffer"):
        raise OutputError("standard output takes no bytes here; give a file's name")
    if stream.isatty():
        raise OutputError("standard output is a terminal; send the picture into a file or a program, or name a file")


def write_standard_output(content: str | bytes) -> None:
    """Writes text or bytes to standard output at once.

    Raises:
        StandardOutputError: it takes no more.
    """
    stream: Any = sys.stdout
    if stream is None or stream.closed:
        raise StandardOutputError("standard output is closed; open it, or send it into a file")
    try:
        if isinstance(content, str):
            stream.write(content)
        else:
            stream.flush()
            stream.buffer.write(content)
        stream.flush()
    except OSError as error:
        silence_standard_output()
        gone = error.errno in (errno.EPIPE, errno.ESHUTDOWN)
        why = "has no reader any more" if gone else f"takes no more ({error.strerror or error})"
        raise StandardOutputError(f"standard output {why}; send it elsewhere", reader_gone=gone) from error


def silence_standard_output() -> None:
    """Lets what is still waiting to be written go nowhere: Python would try once more when it ends, and complain."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
