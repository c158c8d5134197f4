"""What a network's settings ask for, compared with what its weights hold before anything is allocated.

Settings and weights of a stranger's folder need not belong together: settings of a billion layers, or of one layer a
billion wide, would take all memory before the libraries notice that the weights are others.
"""

from __future__ import annotations

import json
import re
import threading
import zipfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

SLACK = 2
"""How many times more than the weights a network may hold: a tied matrix is there twice until it is tied."""
MORE_NUMBERS, MORE_TENSORS, MORE_BUFFER_BYTES = 10**6, 1000, 2**30
"""What is always granted beside. Buffers, such as masks and tables of positions, need not be in the weights."""
_COUNTS = re.compile(r"(^|_)(layers?|blocks?|experts|labels|depths?)$|layers_per_block$")
"""Names of settings that count modules, or entries of a list that a library makes before it builds any."""


class TooLarge(Exception):
    """A network's settings ask for more than its weights hold."""


@dataclass(frozen=True)
class Contents:
    """What files of weights hold.

    Attributes:
        numbers, tensors: how many, or the most there can be.
    """

    numbers: int
    tensors: int


def contents_of(files: Sequence[Path], *, packed: bool = False) -> Contents:
    """What files of weights hold, by the headers of safetensors and by the sizes of pickles. Reads no weights.

    Args:
        packed: whether one number of a file stands for several of the network, as in quantised models.

    Raises:
        Exception: of any kind, for a file that is no such thing.
    """
    numbers = tensors = 0
    for file in files:
        if file.suffix != ".safetensors":
            size = file.stat().st_size
            numbers += size // 2
            # torch keeps each tensor in an entry of a zip file; its old format has at least 64 bytes for each.
            tensors += len(zipfile.ZipFile(file).infolist()) if zipfile.is_zipfile(file) else size // 64
            continue
        with safe_open(file, "pt") as opened:
            names = list(opened.keys())
            numbers += file.stat().st_size * 2 if packed else sum(prod(opened.get_slice(n).get_shape()) for n in names)
            tensors += len(names)
    return Contents(numbers, tensors)


def check_blueprint(kind: Any, folder: Path, files: Sequence[Path]) -> None:
    """Builds a network without storage, as its settings say, as far as its weights can fill it.

    Args:
        kind: class of diffusers or transformers, or an `Auto` class.
        folder: with its `config.json`.
        files: of its weights.

    Raises:
        TooLarge: the settings ask for more than the weights hold.
        Exception: of any kind, where they cannot be used at all.
    """
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    held = contents_of(files, packed="quantization_config" in settings)
    _check_counts(settings, SLACK * held.tensors + MORE_TENSORS)
    with torch.device("meta"), _limited(held):
        _build(kind, folder)


def _build(kind: Any, folder: Path) -> None:
    if hasattr(kind, "load_config"):  # diffusers
        kind.from_config(kind.load_config(str(folder), local_files_only=True))
        return
    from transformers import AutoConfig

    settings_class = getattr(kind, "config_class", None)
    own_code = {} if settings_class else {"trust_remote_code": False}
    settings = (settings_class or AutoConfig).from_pretrained(str(folder), local_files_only=True, **own_code)
    _ = kind(settings) if settings_class else kind.from_config(settings, **own_code)


def _check_counts(settings: Any, most: int, name: str = "") -> None:
    """Looks through settings, nested ones too, for counts of layers and the like.

    Raises:
        TooLarge: there are more than the weights have tensors for.
    """
    if isinstance(settings, dict):
        for key, value in settings.items():
            _check_counts(value, most, str(key))
    elif isinstance(settings, list):
        for value in settings:
            _check_counts(value, most, name)
    elif isinstance(settings, int | float) and settings > most and _COUNTS.search(name):
        raise TooLarge(f"{name} is {settings:.3g}, which needs far more tensors than the weights have")


@contextmanager
def _limited(held: Contents) -> Generator[None, None, None]:
    """Within, this thread can build no network that holds much more than some weights.

    Raises:
        TooLarge: at the parameter or buffer that is one too many.
    """
    builder = threading.get_ident()
    numbers = buffer_bytes = 0
    counted: dict[int, Any] = {}  # kept, for the next parameter could take the place of one that is gone

    def count_parameter(_module: Any, _name: str, parameter: Any) -> None:
        nonlocal numbers
        if parameter is None or threading.get_ident() != builder:  # torch's hooks hear of all threads' modules
            return
        if id(parameter) not in counted:
            counted[id(parameter)] = parameter
            numbers += parameter.numel()
        if numbers > SLACK * held.numbers + MORE_NUMBERS or len(counted) > SLACK * held.tensors + MORE_TENSORS:
            raise TooLarge(
                f"a network of more than {numbers:.3g} numbers in {len(counted)} tensors is asked for, and the weights "
                f"hold {held.numbers:.3g} in {held.tensors}"
            )

    def count_buffer(_module: Any, name: str, buffer: Any) -> None:
        nonlocal buffer_bytes
        if buffer is None or threading.get_ident() != builder:
            return
        buffer_bytes += buffer.numel() * buffer.element_size()
        if buffer_bytes > held.numbers + MORE_BUFFER_BYTES:
            raise TooLarge(f"{name} of {buffer_bytes / 10**9:.3g} GB is asked for beside the weights")

    hooks = (
        register_module_parameter_registration_hook(count_parameter),
        register_module_buffer_registration_hook(count_buffer),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
