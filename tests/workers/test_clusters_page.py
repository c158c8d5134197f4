"""What docs/clusters.md says: an example that Ray takes, and figures that the arithmetic gives."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.grid_cost import PAGE, Grid, speed_on_page, table
from benchmarks.scaling import Speed, speed_of

ROOT = Path(__file__).parents[2]
CLUSTERS = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")


def test_the_example_of_a_cluster_is_one() -> None:
    yaml, jsonschema = pytest.importorskip("yaml"), pytest.importorskip("jsonschema")
    found = find_spec("ray")
    if found is None or found.origin is None:
        pytest.skip("Ray is not installed: pip install -e '.[ray]'")
    example = re.search(r"```yaml\n(.*?)```", CLUSTERS, re.DOTALL)
    assert example
    schema = json.loads((Path(found.origin).parent / "autoscaler" / "ray-schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(example[1]), schema)


def test_the_speed_is_the_slope_over_steps() -> None:
    made = speed_of([(steps, 0.5 + 0.2 * steps) for steps in (2, 5, 10)])
    assert (made.rows_per_second, made.other_seconds) == pytest.approx((8 / 0.2, 0.5))


def test_the_grid_of_the_paper() -> None:
    assert Grid().edits == 25_272
    assert Grid(10, 2, 3).rows == 10 * 3 * (1 + 2 * 7)
    assert Grid(10, 2, 3).hours(Speed(450, 0), 1) == pytest.approx(1 / 3600)
    assert Grid(10, 2, 3).hours(Speed(450, 0), 4) == pytest.approx(0.3 / 3600)  # three rounds of ten units


@pytest.mark.parametrize("speed", [speed_on_page(PAGE.read_text(encoding="utf-8")), Speed(40, 2)], ids=["cpu", "gpu"])
def test_the_pages_figures_are_those_of_the_arithmetic(speed: Speed) -> None:
    assert table(Grid(), speed, (1, 8, 64)).split("\n", 2)[2] in CLUSTERS
    assert f"{round(speed.rows_per_second, 1):g} rows a second" in CLUSTERS
