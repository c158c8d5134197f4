"""What an instruction has to be before anything is asked of a model. Imports nothing slow."""

from __future__ import annotations

from ..errors import InputError

LONGEST_INSTRUCTION = 1000


def check_instruction(text: object) -> str:
    """The instruction on one line.

    Raises:
        InputError: it is no text, blank or too long.
    """
    if not isinstance(text, str):
        raise InputError(f"the instruction must be a text, not {type(text).__name__}")
    instruction = " ".join(text.split())
    if not instruction:
        raise InputError("the instruction is empty; say in words what should change in the picture")
    if len(instruction) > LONGEST_INSTRUCTION:
        raise InputError(
            f"the instruction has {len(instruction)} characters; at most {LONGEST_INSTRUCTION} are possible, shorten it"
        )
    return instruction
