"""A chart of success against seconds, a point for each way of editing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from .method_rows import Row


def draw_plot(points: Sequence[tuple[Row, float, float]], output: Path) -> None:
    """Writes the chart; the file's ending says as what.

    Args:
        points: a row, its success and its seconds an edit.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        sys.exit("drawing the plot needs matplotlib; install it with: pip install -e '.[dev]'")
    matplotlib.rcParams.update({"svg.hashsalt": "methods", "font.size": 9})  # the same bytes from the same figures
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    for row, success, seconds in points:
        colour = "tab:green" if row.is_ours else "tab:gray"
        axes.plot(seconds, success, "o", color=colour, markersize=6)
        axes.annotate(row.name, (seconds, success), xytext=(5, 4), textcoords="offset points", color=colour, fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("seconds an edit, from latents and captions to pixels")
    axes.set_ylabel("success")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.2)
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150, metadata={"Date": None} if output.suffix == ".svg" else None)
