"""Bringing files of the hub into its cache, and whether the hub answers at all."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

from .families import close_names
from .refusals import brief, unavailable
from .rows import ModelRow

PATIENCE = 5.0
"""Seconds that the hub is given to answer before a download. Without a network the answer is there at once."""


def download(row: ModelRow, names: list[str], advice: str = "") -> Path:
    """Brings files of the hub into its cache, where they are not there yet, and returns their folder.

    A download that was cut off goes on where it stopped.

    Args:
        names: of the files; `*` stands for any letters.
        advice: what the error says in place of advice to download the model.

    Raises:
        ModelUnavailableError: that is not possible.
    """
    from huggingface_hub import errors, is_offline_mode, snapshot_download

    unreached = f"they are not on this machine, and the hub cannot be reached{_hint(row)}"
    if is_offline_mode():
        raise unavailable(row, f"they are not on this machine, and HF_HUB_OFFLINE is set{_hint(row)}", advice=advice)
    if not hub_answers():
        raise unavailable(row, unreached, advice=advice)
    try:
        return Path(snapshot_download(row.source, revision=row.revision, allow_patterns=names))
    except errors.GatedRepoError as error:
        reason = "their licence has not been accepted"
        raise unavailable(row, reason, "accept it on the model's page of the hub and set HF_TOKEN") from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        reason = f"the hub has no {row}, or does not show it to you{_hint(row)}"
        raise unavailable(row, reason, "check the name, set HF_TOKEN if it is private") from error
    except errors.LocalEntryNotFoundError as error:
        raise unavailable(row, unreached, advice=advice) from error
    except Exception as error:  # the transports below the hub's client raise classes of their own
        raise unavailable(row, f"the download failed ({brief(error)})", advice=advice) from error


def hub_answers(seconds: float = PATIENCE) -> bool:
    """Whether the hub, or the mirror that HF_ENDPOINT names, answers in time, with whatever it has to say.

    huggingface_hub itself asks six times, with pauses of up to 8 seconds and a line on the terminal for each.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    answered = threading.Event()

    def ask() -> None:
        with suppress(Exception):  # of any transport, proxy or certificate: there is no answer
            get_session().head(constants.ENDPOINT, timeout=seconds)
            answered.set()

    # The client's own time limit does not hold for looking up the hub's name.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return answered.is_set()


def _hint(row: ModelRow) -> str:
    """For a name that is not the table's own, but much like one of its."""
    names = close_names(row.source)
    return f" (did you mean {' or '.join(names)}?)" if names and row.source not in names else ""
