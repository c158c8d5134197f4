"""Which pictures a diffusion model works on, known without its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..backbones.latent_space import pixels_per_latent, told_size
from . import hub
from .layouts import Layout
from .refusals import unavailable
from .rows import ModelRow

LEAST_SIDE, MOST_SIDE = 16, 4096


def picture_sizes(row: ModelRow) -> tuple[int, int]:
    """Side in pixels of the square pictures a diffusion model was trained on, and what sides have to be multiples of:
    the pixels of a latent cell, or of the patch of cells that a transformer takes as one.

    The table knows both for its own rows. Of other models files of settings are read, and downloaded if need be.

    Raises:
        ModelUnavailableError: they are not here and cannot be had, or say nothing that makes sense.
    """
    if row.side and row.cell:
        return row.side, row.cell
    layout = hub.layout_of(row)
    files = [layout.parts[part].path("config.json") for part in (layout.denoiser, "vae")]
    folder = hub.settings_folder(row, files)
    denoiser, vae = (_settings(row, folder, file) for file in files)
    try:
        side, multiple = sizes_in(layout, denoiser, vae)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise unavailable(row, "their settings do not say for which size of pictures they are") from error
    if not LEAST_SIDE <= side <= MOST_SIDE:
        raise unavailable(row, f"their settings ask for pictures of {side:.4g} pixels a side")
    return side, multiple


def sizes_in(layout: Layout, denoiser: Mapping[str, Any], vae: Mapping[str, Any]) -> tuple[int, int]:
    """The same from the settings of what predicts and of the autoencoder.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: they don't say.
    """
    cell = pixels_per_latent(vae)
    side = told_size(layout.cells, vae) if layout.cells else int(denoiser["sample_size"]) * cell
    return side, cell * layout.patch


def _settings(row: ModelRow, folder: Path, file: str) -> dict[str, Any]:
    try:
        return json.loads((folder / file).read_text(encoding="utf-8"))
    except OSError as error:
        where = "the folder has" if row.folder is not None else "the hub holds"
        raise unavailable(row, f"{where} no {file}") from error
    except ValueError as error:
        raise unavailable(row, f"{file} is damaged") from error
