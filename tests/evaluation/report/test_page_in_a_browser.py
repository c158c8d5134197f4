"""The page as Chromium lays it out: no table is cut off on a usual screen. Left out where there is no Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pix2pix_onthefly.evaluation.report.writing import write_report
from tests.evaluation.report.made_up import grid
from tests.evaluation.report.test_page import write
from tests.evaluation.runs.made import rendered, scores

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MEASURE = """<script>
const widths = {page: document.documentElement.scrollWidth};
for (const wide of document.querySelectorAll(".wide")) widths[wide.ariaLabel] = wide.scrollWidth - wide.clientWidth;
document.title = JSON.stringify(widths);
</script></body>"""


def overflow(page: Path, width: int, scratch: Path) -> dict[str, int]:
    """How many pixels of each table are out of sight, and the width of the page."""
    assert CHROMIUM is not None
    measured = scratch / "measured.html"
    measured.write_text(page.read_text("utf-8").replace("</body>", MEASURE), "utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={scratch / 'profile'}")
    command = [CHROMIUM, *options, f"--window-size={width},900", "--dump-dom", measured.as_uri()]
    text = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r"<title>(.*?)</title>", text)
    assert found is not None
    return json.loads(found[1].replace("&quot;", '"'))


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_no_table_is_cut_off_at_1280_pixels(tmp_path: Path) -> None:
    """With all columns there are: every edit type, DINO of some edits, reconstructions, failed edits."""
    rows = [
        rendered(
            kind,
            True,
            method=method,
            configuration=method,
            session=str(place),
            place=place,
            reconstruction_psnr=30.0,
            scores=scores(dino=0.5 if place % 2 else None, clip_i=0.5 + len(method) / 100),
        )
        for method in ("Pix2Pix-OnTheFly", "pix2pix-zero-diffusers", "sdedit-0.5")
        for place, kind in enumerate(("replace", "recolour", "background", "add", "remove"))
    ]
    judged = [
        replace(made, rendered=True, edit_type="add", verdict=rows[0].verdict, fingerprint="a") for made in grid()
    ]
    write(tmp_path, [*rows, *grid(), *(replace(made, dataset="MiniBrush") for made in judged)])
    widths = overflow(write_report([tmp_path], tmp_path).page, 1280, tmp_path)
    assert len(widths) > 10
    assert widths.pop("page") <= 1280
    assert {name: pixels for name, pixels in widths.items() if pixels > 0} == {}
