"""Settings of the endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..settings import Options, setting

KEY_VARIABLE = "ONTHEFLY_API_KEY"
"""Environment variable with the key that callers must show; without it everybody may call."""


@dataclass(frozen=True, kw_only=True)
class ServeOptions(Options):
    """How the endpoint takes requests.

    Raises:
        OptionError: a value is out of its range or of the wrong type.
    """

    title: ClassVar[str] = "server"

    host: str = setting(
        "127.0.0.1", "Address to listen at; 0.0.0.0 lets other machines call, who should need a key then.", common=True
    )
    port: int = setting(8000, "Port to listen at; 0 takes a free one.", minimum=0, maximum=65535, common=True)
    waiting: int = setting(
        64, "Requests that wait at most; more are told to come again.", minimum=1, maximum=10_000, common=True
    )
    time_limit: float = setting(
        300.0, "Seconds a request may take, waiting included.", minimum=1.0, maximum=86_400.0, common=True
    )
    upload_limit: float = setting(
        50.0, "Megabytes of a request, pictures included.", minimum=0.01, maximum=500.0, common=True
    )
    cors: str = setting(
        "", "Origins, separated by commas, whose pages in browsers may call; none if not given.", common=True
    )

    @property
    def origins(self) -> list[str]:
        """The origins of `cors`."""
        return [origin.strip() for origin in self.cors.split(",") if origin.strip()]
