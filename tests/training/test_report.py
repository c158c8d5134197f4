"""The table of the bundled models."""

from __future__ import annotations

import json
import sys

import pytest

from training import report
from training.report import Figure


def test_bars_say_on_which_side_the_figure_should_be() -> None:
    assert Figure("crispness", 26.96, 200, 27.0, "dB").cells() == ("crispness", "≥ 27 dB", "27.0 dB", "200")
    assert Figure("size", 51.2, bar=90.0, unit="MB", most=True).cells() == ("size", "< 90 MB", "51.2 MB", "")
    assert Figure("caption exact", 0.995, 200, 0.95).cells() == ("caption exact", "≥ 95 %", "99.5 %", "200")
    assert Figure("all").cells() == ("all", "", "missing", "")


def test_the_package_stays_below_its_size() -> None:
    figure = report.size_of_package().figure
    assert figure.value is not None
    assert figure.bar is not None
    assert 10 < figure.value < figure.bar == 90


def test_crispness_stands_beside_recognition(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["report", "--only", "diffusion", "--count", "2"])
    report.main()
    tables, _, last = capsys.readouterr().out.strip().rpartition("\n")
    rows = {row["measure"]: row for row in json.loads(last)}
    for name in ("guidance 3", "guidance 2", "encoded and decoded", "true pictures"):
        for part in ("median", "10th percentile"):
            assert 15 < rows[f"crispness, {part}, {name}"]["value"] < 60
    assert rows["crispness, median, guidance 3"]["bar"] == 27
    assert rows["crispness, 10th percentile, guidance 3"]["bar"] == 24
    assert rows["drawn as captioned"]["bar"] == 0.99
    values = [row["value"] for row in rows.values() if row["detail"]]
    assert values == sorted(values) != []
    assert tables.index("drawn as captioned") < tables.index("worst first") < tables.index("crispness of a ")
