"""Language models behind an OpenAI-compatible endpoint: the row of one. It imports nothing slow."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import InputError, ModelUnavailableError, OptionError
from ..language.endpoint_failures import KEY_VARIABLES
from .rows import ModelRow

if TYPE_CHECKING:
    import torch

    from ..language.endpoint import EndpointModel

INSTALL_ENDPOINT = "pip install 'pix2pix-onthefly[endpoint]'"


def is_endpoint(source: str) -> bool:
    """Whether a language model is named by the address of an endpoint."""
    return source.strip().lower().startswith(("http://", "https://"))


def endpoint_row(source: str, name: str | None, seconds: float) -> ModelRow:
    """The row of a model behind an endpoint. Nobody is asked: the server is first heard of with the first question.

    Args:
        source: its address. The key is no part of it: recipes name the address.
        name: by which the server knows the model.
        seconds: that an answer may take.

    Raises:
        InputError: an address that cannot be used.
        OptionError: no name.
        ModelUnavailableError: the client is not installed.
    """
    address = source.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, usable = None, False
    if parts is None or not usable:
        raise InputError(f"{source!r} is no address of an endpoint; one looks like http://127.0.0.1:8080/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(
            "the address of an endpoint must hold no user, key or question mark, since recipes name it; give the key "
            f"in the environment variable {KEY_VARIABLES[0]}"
        )
    if not (name and name.strip()):
        raise OptionError(f"name the model that {address} should use, with --language-model-name")
    if find_spec("openai") is None:
        raise ModelUnavailableError(f"an endpoint needs the library openai; {INSTALL_ENDPOINT}")
    return ModelRow(address, "unknown", 0, revision=name.strip(), loader=EndpointLoader(seconds))


@dataclass(frozen=True)
class EndpointLoader:
    """Makes the model of a row of `endpoint_row`.

    Attributes:
        seconds: that an answer may take.
    """

    seconds: float

    def __call__(self, row: ModelRow, device: torch.device, dtype: torch.dtype) -> EndpointModel:
        """The model; the key comes from the environment and stays out of every record."""
        from ..language.endpoint import EndpointModel

        key = next((found for variable in KEY_VARIABLES if (found := os.environ.get(variable, "").strip())), "")
        return EndpointModel(row.source, row.revision or "", key=key, seconds=self.seconds)
