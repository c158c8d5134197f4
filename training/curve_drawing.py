"""Two charts, one above the other, of what a model reaches against the pictures it has seen."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

MEDIAN_BAR, TENTH_BAR = 27.0, 24.0
"""What drawings are to reach, in dB."""
_LINES = (
    ("crispness", "median", "tab:blue", "-"),
    ("lower_guidance", "median at guidance 2", "tab:blue", ":"),
    ("tenth", "10th percentile", "tab:orange", "-"),
)


def draw_curve(points: Sequence[Mapping[str, float]], output: Path) -> None:
    """Writes the charts; the file's ending says as what."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        sys.exit("drawing the curve needs matplotlib; install it with: pip install -e '.[dev]'")
    matplotlib.rcParams.update({"svg.hashsalt": "curve", "font.size": 9})  # the same bytes from the same figures
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    seen = [point["seen"] for point in points]
    for name, label, colour, style in _LINES:
        upper.plot(seen, [point[name] for point in points], style, color=colour, marker="o", markersize=4, label=label)
    for bar, colour in ((MEDIAN_BAR, "tab:blue"), (TENTH_BAR, "tab:orange")):
        upper.axhline(bar, color=colour, linewidth=0.8, linestyle="--", alpha=0.6)
    upper.set_ylabel("crispness, dB (dashed: bars)")
    upper.legend(loc="lower right", frameon=False)
    lower.plot(seen, [point["success"] for point in points], color="tab:green", marker="o", markersize=4)
    lower.set_ylabel("MiniBrush success")
    lower.set_ylim(0, 1)
    lower.set_xscale("log")
    lower.set_xlabel("pictures seen in training")
    lower.set_xticks(seen, [f"{value / 1000:,.0f} k" for value in seen], rotation=45, ha="right")
    lower.minorticks_off()
    for axes in (upper, lower):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    output.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if output.suffix == ".svg" else None
    figure.savefig(output, dpi=150, metadata=metadata)
